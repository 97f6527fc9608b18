//! One bell, where no descriptor counts rings: a pipe, into which a ring writes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::Errno;
use super::creation::pipe;

/// A descriptor that is readable from when it was rung. The ring is a byte, and not the end of the pipe's writing: of that
/// end a forked child has a copy.
pub(crate) struct Ring {
    read: OwnedFd,
    write: OwnedFd,
}

impl Ring {
    pub(crate) fn new() -> Result<Self, Errno> {
        let (read, write) = pipe()?;
        Ok(Self { read, write })
    }

    pub(crate) fn ring(&self) {
        // A fresh pipe has room for the one byte that is ever written, and its reading end is open as long as this lives.
        let _ = rustix::io::write(&self.write, &[1]);
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}
