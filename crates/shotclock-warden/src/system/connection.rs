//! A connection of another process's, by a descriptor of ours, and its end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{Shutdown, connect_unspec, shutdown};

use super::Process;
use crate::numbers::Numbers;

/// The file behind a descriptor of another process. It stays the same whatever that process does with the descriptor.
pub(crate) struct Connection(OwnedFd);

impl Connection {
    /// `None` if the descriptor stands for another socket by now: cookies are given once.
    pub(crate) fn of(process: &Process, number: i32, cookie: u64) -> io::Result<Option<Self>> {
        let copy = process.take(number)?;
        // A file that is no socket has no cookie.
        let is_it = super::cookie(copy.as_fd()).is_ok_and(|found| found == cookie);
        Ok(is_it.then_some(Self(copy)))
    }

    pub(crate) fn numbers(&self) -> io::Result<Numbers> {
        super::numbers(self.0.as_fd())
    }

    /// Ends it for all who have it: the peer is sent a reset, and the system reports the error to whoever waits, in whatever
    /// way, or comes next. Source: connect(2), on AF_UNSPEC.
    pub(crate) fn end(&self) -> io::Result<()> {
        // Some systems refuse the first while a thread waits.
        Ok(connect_unspec(self.0.as_fd()).or_else(|_| shutdown(self.0.as_fd(), Shutdown::Both))?)
    }
}
