//! O_NONBLOCK, which belongs to the open file and so to all who have it.

use std::os::fd::BorrowedFd;

use crate::gate::Gate;
use crate::sys::Errno;
use crate::sys::socket::NonBlocking;

/// A socket's descriptor, with its gate, which knows whether anybody else may have its open file.
#[derive(Clone, Copy)]
pub struct OpenFile<'a> {
    fd: BorrowedFd<'a>,
    gate: &'a Gate,
}

impl<'a> OpenFile<'a> {
    /// The descriptor of the socket whose gate this is.
    #[inline]
    pub fn new(fd: BorrowedFd<'a>, gate: &'a Gate) -> Self {
        Self { fd, gate }
    }

    /// The descriptor, to be waited on.
    pub(super) fn fd(self) -> BorrowedFd<'a> {
        self.fd
    }

    /// The descriptor for one try that no flag keeps from waiting. Whoever else has the open file may have made it
    /// blocking in any wait, so what was made sure before the last one counts for nothing.
    #[inline]
    pub(super) fn nonblocking(self) -> Result<NonBlocking<'a>, Errno> {
        if self.gate.is_nonblocking() { Ok(NonBlocking::known(self.fd)) } else { NonBlocking::make_sure(self.fd) }
    }
}
