//! Waiting for what was sent to be acknowledged, before a close that lingers.

use std::os::fd::BorrowedFd;

use crate::deadline::{Deadline, Timeout};
use crate::policy::Moves;
use crate::sys::{Readiness, c, socket};
use crate::timed::{Interest, Operation, Pause};

/// Ends once a TCP connection whose sending side was shut down has nothing left to be acknowledged. Nothing announces
/// that, so it looks again after 1, 2, 4 .. 32 ms.
pub(crate) struct Drain<'a> {
    fd: BorrowedFd<'a>,
    looks: u32,
}

impl<'a> Drain<'a> {
    pub(crate) fn new(fd: BorrowedFd<'a>) -> Self {
        Self { fd, looks: 0 }
    }
}

impl Operation for Drain<'_> {
    type Output = ();

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        self.looks += 1;
        // The first byte of `struct tcp_info` is the connection's state; these three still have a FIN under way
        // (include/net/tcp_states.h, a number each).
        const FIN_WAIT1: u8 = 4;
        const LAST_ACK: u8 = 9;
        const CLOSING: u8 = 11;
        let mut info = [0];
        socket::getsockopt(self.fd, c::IPPROTO_TCP, c::TCP_INFO, &mut info)?;
        if matches!(info[0], FIN_WAIT1 | LAST_ACK | CLOSING) { Err(Pause::WouldBlock) } else { Ok(()) }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        let pause = 1_000_000 << self.looks.saturating_sub(1).min(5);
        wanted.timer(Deadline::now().plus(Timeout::from_nanos(pause)));
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}
