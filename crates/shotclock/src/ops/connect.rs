//! Connecting.

use std::os::fd::BorrowedFd;

use crate::sys::address::RawAddress;
use crate::sys::{Errno, Readiness, c, socket};
use crate::timed::{Interest, Operation, Pause};

/// Connects, or sets a datagram socket's peer. The descriptor must be non-blocking: connect(2) has no flag against
/// waiting.
pub struct Connect<'a> {
    fd: BorrowedFd<'a>,
    to: &'a RawAddress,
    under_way: bool,
}

impl<'a> Connect<'a> {
    /// A connect that has not begun.
    pub fn new(fd: BorrowedFd<'a>, to: &'a RawAddress) -> Self {
        Self { fd, to, under_way: false }
    }

    fn is_internet(&self) -> bool {
        matches!(self.to.family(), c::AF_INET | c::AF_INET6)
    }
}

impl Operation for Connect<'_> {
    type Output = ();

    fn attempt(&mut self, ready: Readiness) -> Result<(), Pause> {
        // Writable without error or hang-up: it has succeeded, and nobody need be asked.
        if self.under_way && ready == Readiness::OUT {
            return Ok(());
        }
        // Of a failure other families would make a new attempt.
        if self.under_way && ready.intersects(Readiness::ERR | Readiness::HUP) && !self.is_internet() {
            socket::take_error(self.fd)?;
        }
        // To connect again tells how the first went: nothing, or the cause.
        match socket::connect(self.fd, self.to) {
            Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR) => {
                self.under_way = true;
                Err(Pause::WouldBlock)
            }
            Err(Errno::ISCONN) if self.under_way => Ok(()),
            result => Ok(result?),
        }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }
}
