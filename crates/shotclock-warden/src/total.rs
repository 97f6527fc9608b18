//! The end of all, when the total has passed: connections first, then SIGTERM, then SIGKILL.

use std::time::{Duration, Instant};

use crate::event::Event;
use crate::limits::Limits;
use crate::system;
use crate::warden::{Tell, Warden};

/// How long programs have to say what went wrong, and leave, once the total has ended their connections.
const GRACE: Duration = Duration::from_millis(200);

/// How far it has come.
pub(crate) struct Total {
    next: Option<Instant>,
    stage: Stage,
    began: Instant,
    kill_after: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Ended,
    Told,
    Killed,
}

impl Total {
    pub(crate) fn new(limits: &Limits) -> Self {
        let began = Instant::now();
        let next = limits.total.and_then(|total| began.checked_add(total));
        Self { next, stage: Stage::Running, began, kill_after: limits.kill_after }
    }

    pub(crate) fn has_passed(&self) -> bool {
        self.stage != Stage::Running
    }

    /// Does what is due, and gives when to come next.
    pub(crate) fn turn(&mut self, warden: &mut Warden<impl Tell>) -> Option<Instant> {
        let now = Instant::now();
        if self.next.is_none_or(|next| next > now) {
            return self.next;
        }
        let (stage, pause) = match self.stage {
            Stage::Running => {
                warden.end_all(now - self.began);
                (Stage::Ended, GRACE)
            }
            Stage::Ended => {
                let processes = warden.send_all(system::TERMINATE);
                // Those that are stopped hear it only once they go on.
                warden.send_all(system::CONTINUE);
                warden.told().tell(Event::Total { processes });
                (Stage::Told, self.kill_after)
            }
            Stage::Told => {
                let processes = warden.send_all(system::KILL);
                warden.told().tell(Event::Killed { processes });
                (Stage::Killed, GRACE)
            }
            // Those that began in the meantime.
            Stage::Killed => {
                warden.send_all(system::KILL);
                (Stage::Killed, GRACE)
            }
        };
        self.stage = stage;
        self.next = Instant::now().checked_add(pause);
        self.next
    }
}
