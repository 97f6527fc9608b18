//! A wake-up for one thread of ours that works behind the program: until a moment, or until somebody rings. It needs no
//! descriptor, which programs would see. No call of the program's waits here: those have limits, and one loop.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::monotonic_nanos;

/// A ring is kept until the thread looks, so that none is lost on its way into the wait.
#[derive(Debug, Default)]
pub struct Alarm {
    has_rung: Mutex<bool>,
    changed: Condvar,
}

impl Alarm {
    /// Wakes the thread, or lets its next wait end at once.
    ///
    /// ```
    /// let alarm = shotclock::unstable::Alarm::default();
    /// alarm.ring();
    /// alarm.wait(u64::MAX);
    /// ```
    pub fn ring(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until it has rung, or until a moment in nanoseconds of the system's monotonic clock; `u64::MAX` is never.
    ///
    /// ```
    /// shotclock::unstable::Alarm::default().wait(0);
    /// ```
    #[allow(clippy::disallowed_methods, reason = "the one home of this wait, which is no call's")]
    pub fn wait(&self, until: u64) {
        let mut has_rung = self.lock();
        while !*has_rung {
            let left = until.saturating_sub(monotonic_nanos());
            if left == 0 {
                break;
            }
            has_rung = if until == u64::MAX {
                self.changed.wait(has_rung).unwrap_or_else(PoisonError::into_inner)
            } else {
                let left = Duration::from_nanos(left);
                self.changed.wait_timeout(has_rung, left).unwrap_or_else(PoisonError::into_inner).0
            };
        }
        *has_rung = false;
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.has_rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_wait_is_not_lost_and_counts_once() {
        let alarm = Alarm::default();
        alarm.ring();
        alarm.wait(u64::MAX);
        let end = monotonic_nanos() + 2_000_000;
        alarm.wait(end);
        assert!(monotonic_nanos() >= end, "the second wait ends by the clock");
    }

    #[test]
    fn a_ring_ends_a_wait() {
        let alarm = Alarm::default();
        std::thread::scope(|threads| {
            threads.spawn(|| alarm.wait(u64::MAX));
            alarm.ring();
        });
    }
}
