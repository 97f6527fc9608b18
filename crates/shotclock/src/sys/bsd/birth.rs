//! How sockets are born, where the system has no flags for it: what they are to be is set right after. A process that forks
//! and begins another program in between leaves it the descriptor.

#[cfg(any(test, target_os = "macos"))]
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net;

use super::calls::{NonBlocking, known};
use super::creation::{socket_of, socketpair_of};
use crate::sys::address::AddressRoom;

pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    brought_up(socket_of(family, kind, protocol)?)
}

pub(crate) fn socketpair(family: i32, kind: i32, protocol: i32) -> Result<(OwnedFd, OwnedFd), Errno> {
    let (one, other) = socketpair_of(family, kind, protocol)?;
    Ok((brought_up(one)?, brought_up(other)?))
}

/// A connection of the queue, and who connected. It inherits O_NONBLOCK from its listener, and is not relied on for it.
/// Source: accept(2) of macOS.
pub(crate) fn accept(from: NonBlocking<'_>, peer: &mut AddressRoom) -> Result<OwnedFd, Errno> {
    let _brief = from.briefly(false);
    let (fd, told) = net::acceptfrom(from)?;
    peer.put(known(told.as_ref()).as_ref());
    brought_up(fd)
}

/// Close-on-exec, non-blocking, and without SIGPIPE.
fn brought_up(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
    without_signals(&fd);
    Ok(fd)
}

/// Sends say MSG_NOSIGNAL, which older systems do not know; sendfile(2) has no flags for it. A connection that is over already
/// takes no options, and is seen to be over by the next call. Source: setsockopt(2) of macOS, SO_NOSIGPIPE, EINVAL.
#[cfg(target_os = "macos")]
fn without_signals(fd: &OwnedFd) {
    let _may_be_over = super::calls::setsockopt(fd.as_fd(), libc::SOL_SOCKET, libc::SO_NOSIGPIPE, &1_i32.to_ne_bytes());
}

/// MSG_NOSIGNAL does it.
#[cfg(not(target_os = "macos"))]
fn without_signals(_fd: &OwnedFd) {}

#[cfg(test)]
mod tests {
    use super::super::socket::{getsockname, listen};
    use super::*;

    fn is_brought_up(fd: &OwnedFd) -> bool {
        let flags = rustix::io::fcntl_getfd(fd).unwrap();
        flags.contains(FdFlags::CLOEXEC) && fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
    }

    #[test]
    fn every_way_to_a_socket_brings_it_up() {
        let listener = socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
        listen(listener.as_fd(), 1).unwrap();
        assert!(is_brought_up(&listener));
        let address = getsockname(listener.as_fd()).unwrap();
        let client = socket_of(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
        super::super::calls::connect_by(client.as_fd(), &address).unwrap();
        let mut peer = AddressRoom::new();
        let accepted = accept(NonBlocking::known(listener.as_fd()), &mut peer).unwrap();
        assert!(is_brought_up(&accepted) && !peer.told().is_empty());
        let (one, other) = socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0).unwrap();
        assert!(is_brought_up(&one) && is_brought_up(&other));
    }
}
