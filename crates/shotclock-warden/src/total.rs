//! The end of all, when the total has passed: connections first, then SIGTERM, then SIGKILL.

use std::time::{Duration, Instant};

use crate::event::Event;
use crate::system;
use crate::tree;
use crate::warden::{Tell, Warden};

/// How long programs have to say what went wrong, and leave, once the total has ended their connections.
const GRACE: Duration = Duration::from_millis(200);
/// How long those have before that which keep to the total by themselves, and say so; and how often they are looked for.
const FIRST: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// How far it has come.
pub(crate) struct Total {
    next: Option<Instant>,
    stage: Stage,
    began: Instant,
    kill_after: Duration,
    first_until: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    EndedMost,
    Ended,
    Told,
    Killed,
}

impl Total {
    /// One that passes so long after the beginning.
    pub(crate) fn new(began: Instant, total: Option<Duration>, kill_after: Duration) -> Self {
        let next = total.and_then(|total| began.checked_add(total));
        Self { next, stage: Stage::Running, began, kill_after, first_until: began }
    }

    /// Whether it has passed by now, also where nothing was done about it yet.
    pub(crate) fn has_passed(&self) -> bool {
        self.stage != Stage::Running || self.next.is_some_and(|next| next <= Instant::now())
    }

    /// Does what is due, and gives when to come next.
    pub(crate) fn turn(&mut self, warden: &mut Warden<impl Tell>) -> Option<Instant> {
        let now = Instant::now();
        if self.next.is_none_or(|next| next > now) {
            return self.next;
        }
        let (stage, pause) = match self.stage {
            Stage::Running => {
                warden.end_all(now - self.began, |pid| !tree::keeps_to_total(pid));
                self.first_until = now + FIRST;
                (Stage::EndedMost, Duration::ZERO)
            }
            Stage::EndedMost if now < self.first_until && warden.has_any(tree::keeps_to_total) => {
                (Stage::EndedMost, LOOK)
            }
            Stage::EndedMost => {
                warden.end_all(now - self.began, tree::keeps_to_total);
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
