//! Who is connected, and a way to wait until somebody leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shotclock::{Canceller, Deadline, Error, Kind, MessageFlags, Socket, Timeout, socketpair};

use crate::system::PAIRS;

/// Counts connections. Each one that ends leaves a byte in a pair of sockets: a wait that ends in time, by a limit or a
/// canceller, like any other.
pub(super) struct Roster {
    open: AtomicUsize,
    leave: Socket,
    left: Socket,
}

/// One connection's place; given back when dropped.
pub(super) struct Place(Arc<Roster>);

impl Roster {
    pub(super) fn new() -> Result<Self, Error> {
        let (leave, left) = socketpair(PAIRS, Kind::STREAM)?;
        Ok(Self { open: AtomicUsize::new(0), leave, left })
    }

    /// How many are connected.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Takes a place.
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        self.open.fetch_add(1, Ordering::AcqRel);
        Place(Arc::clone(self))
    }

    /// Waits until somebody has left since the last such wait, or `at_most` so long. There may be false alarms, never a
    /// missed one.
    pub(super) fn wait_for_leaver(&self, stop: &Canceller, at_most: impl Into<Timeout>) -> Result<(), Error> {
        let mut heard = [0; 4096];
        match self.left.within(at_most).cancelled_by(stop).recv_into(&mut heard) {
            Err(error) if !error.is_timeout() => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until nobody is connected, or until the deadline.
    pub(super) fn wait_until_empty(&self, deadline: Deadline) {
        let mut heard = [0; 4096];
        while self.open() > 0 && self.left.until(deadline).recv_into(&mut heard).is_ok() {}
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        // If the pair is full, whoever waits has enough to hear already.
        let _full = self.0.leave.with_flags(MessageFlags::DONTWAIT).send(&[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_leaver_is_heard_before_the_wait_and_during_it() {
        let roster = Arc::new(Roster::new().unwrap());
        let (one, other) = (roster.enter(), roster.enter());
        assert_eq!(roster.open(), 2);
        drop(one);
        roster.wait_for_leaver(&Canceller::new(), None).unwrap();
        let thread = std::thread::spawn(move || drop(other));
        roster.wait_until_empty(Deadline::after(Duration::from_secs(20)));
        assert_eq!(roster.open(), 0);
        thread.join().unwrap();
    }

    #[test]
    fn many_leavers_block_nobody() {
        let roster = Arc::new(Roster::new().unwrap());
        for _ in 0..10_000 {
            drop(roster.enter());
        }
        assert_eq!(roster.open(), 0);
    }

    #[test]
    fn the_wait_ends_by_its_limit_and_by_the_call_to_end() {
        let roster = Arc::new(Roster::new().unwrap());
        let stop = Canceller::new();
        roster.wait_for_leaver(&stop, Duration::from_millis(5)).unwrap();
        stop.cancel();
        assert!(roster.wait_for_leaver(&stop, None).unwrap_err().is_cancelled());
    }
}
