//! How long to leave alone what is looked at in vain: ever longer pauses, and when they begin.

use crate::deadline::Timeout;

/// The pause after so many others: 1 ms, then 2, 4 .. 32 ms.
pub(crate) fn pause_after(others: u32) -> Timeout {
    Timeout::from_nanos(1_000_000 << others.min(5))
}

/// Counts wake-ups that said "ready" while the try said "not yet": an AF_UNIX connect to a full backlog, a full
/// datagram queue, a pending error queue do so for ever. After three in a row the descriptor is left out for a pause, and
/// for a longer one after each further one, so that such a wait burns no core.
#[derive(Default)]
pub(super) struct FalseWakes {
    in_a_row: u32,
    is_resting: bool,
}

impl FalseWakes {
    const TOLERATED: u32 = 3;
    /// A wait that took as long as this is never spurious: a thousand of them in a second burn no core.
    const AT_ONCE: Timeout = Timeout::from_nanos(1_000_000);

    /// Judges a wait: whether the try after it was fruitful, whether the wait had said "ready", and how long it took.
    pub(super) fn judge(&mut self, is_fruitful: bool, said_ready: bool, took: Timeout) {
        if is_fruitful {
            *self = Self::default();
        } else if self.is_resting {
            self.is_resting = false;
        } else if said_ready && took < Self::AT_ONCE {
            self.in_a_row = self.in_a_row.saturating_add(1);
            self.is_resting = self.in_a_row >= Self::TOLERATED;
        } else {
            self.in_a_row = 0;
        }
    }

    /// How long the next wait leaves the descriptor out, if it does.
    pub(super) fn rest(&self) -> Option<Timeout> {
        self.is_resting.then(|| pause_after(self.in_a_row.saturating_sub(Self::TOLERATED)))
    }
}
