//! One bell, where the system counts rings in a descriptor: eventfd(2).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, write};

/// A descriptor that is readable from when it was rung.
pub(crate) struct Ring(OwnedFd);

impl Ring {
    pub(crate) fn new() -> Result<Self, Errno> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Self)
    }

    pub(crate) fn ring(&self) {
        // A fresh counter cannot overflow, and nothing else can go wrong with a descriptor that we hold.
        let _ = write(&self.0, &1_u64.to_ne_bytes());
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
