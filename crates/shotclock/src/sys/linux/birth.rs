//! How sockets are born, where the system has flags for it: non-blocking and close-on-exec from the first moment.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{self, SocketFlags};

use super::calls::{NonBlocking, known};
use super::creation::{socket_of, socketpair_of};
use crate::sys::address::SockAddr;

pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    socket_of(family, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, protocol)
}

pub(crate) fn socketpair(family: i32, kind: i32, protocol: i32) -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair_of(family, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, protocol)
}

/// A connection of the queue, and who connected.
#[inline]
pub(crate) fn accept(from: NonBlocking<'_>) -> Result<(OwnedFd, Option<SockAddr>), Errno> {
    let _brief = from.briefly(false);
    let (fd, peer) = net::acceptfrom_with(from, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    Ok((fd, known(peer.as_ref())))
}
