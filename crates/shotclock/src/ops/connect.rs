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
    connecting: Connecting,
}

impl<'a> Connect<'a> {
    /// A connect that has not begun.
    pub fn new(fd: BorrowedFd<'a>, to: &'a RawAddress) -> Self {
        Self { fd, to, connecting: Connecting::default() }
    }
}

impl Operation for Connect<'_> {
    type Output = ();

    fn attempt(&mut self, ready: Readiness) -> Result<(), Pause> {
        self.connecting.attempt(self.fd, self.to, ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }
}

/// How far a connect has come, apart from the descriptor, which its owner may keep beside it.
#[derive(Default)]
pub(crate) struct Connecting {
    under_way: bool,
}

impl Connecting {
    /// One try, always with the same descriptor and address. `ready` is what a wait for this descriptor alone saw.
    #[inline]
    pub(crate) fn attempt(&mut self, fd: BorrowedFd<'_>, to: &RawAddress, ready: Readiness) -> Result<(), Pause> {
        // Writable without error or hang-up: it has succeeded, and nobody need be asked.
        if self.under_way && ready == Readiness::OUT {
            return Ok(());
        }
        // Of a failure other families would make a new attempt.
        let is_internet = matches!(to.family(), c::AF_INET | c::AF_INET6);
        if self.under_way && ready.intersects(Readiness::ERR | Readiness::HUP) && !is_internet {
            socket::take_error(fd)?;
        }
        // To connect again tells how the first went: nothing, or the cause.
        match socket::connect(fd, to) {
            Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR) => {
                self.under_way = true;
                Err(Pause::WouldBlock)
            }
            Err(Errno::ISCONN) if self.under_way => Ok(()),
            result => Ok(result?),
        }
    }
}
