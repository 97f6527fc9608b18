//! Leaving out, for a while, what says "ready" and is not.

use crate::deadline::Timeout;

/// Counts wake-ups that said "ready" while the try said "not yet": an AF_UNIX connect to a full backlog, a full
/// datagram queue, a pending error queue do so for ever. After three in a row the descriptor is left out for 1 ms, and
/// after each further one for 2, 4 .. 32 ms, so that such a wait burns no core.
#[derive(Default)]
pub(super) struct Lies {
    count: u32,
    resting: bool,
}

impl Lies {
    const TOLERATED: u32 = 3;
    /// A wait that took this long was a wait, whatever came of it: a thousand of them in a second burn no core.
    const AT_ONCE: Timeout = Timeout::from_nanos(1_000_000);

    pub(super) fn judge(&mut self, progressed: bool, ready: bool, waited: Timeout) {
        if progressed {
            *self = Self::default();
        } else if self.resting {
            self.resting = false;
        } else if ready && waited < Self::AT_ONCE {
            self.count = self.count.saturating_add(1);
            self.resting = self.count >= Self::TOLERATED;
        } else {
            self.count = 0;
        }
    }

    pub(super) fn pause(&self) -> Option<Timeout> {
        let beyond = self.count.saturating_sub(Self::TOLERATED).min(5);
        self.resting.then(|| Timeout::from_nanos(1_000_000 << beyond))
    }
}
