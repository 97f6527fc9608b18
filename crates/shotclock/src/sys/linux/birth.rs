//! How sockets are born, where the system has flags for it: non-blocking and close-on-exec from the first moment.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use super::calls::NonBlocking;
use super::creation::{socket_of, socketpair_of};
use super::last_errno;
use crate::sys::address::AddressRoom;

pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    socket_of(family, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, protocol)
}

pub(crate) fn socketpair(family: i32, kind: i32, protocol: i32) -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair_of(family, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, protocol)
}

/// A connection of the queue, and who connected.
#[inline]
pub(crate) fn accept(from: NonBlocking<'_>, peer: &mut AddressRoom) -> Result<OwnedFd, Errno> {
    let _brief = from.briefly(false);
    accept_with(from.as_fd(), libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, peer)
}

/// accept4(2), which waits or not as the descriptor's file says.
#[inline]
pub(super) fn accept_with(from: BorrowedFd<'_>, flags: i32, peer: &mut AddressRoom) -> Result<OwnedFd, Errno> {
    // SAFETY: the system writes an address no longer than the place, and says how long it is. A descriptor that it gives is
    // new and nobody else's.
    unsafe {
        peer.write_by(|place, len| match accept4(from.as_raw_fd(), place, len, flags) {
            fd @ 0.. => Ok(OwnedFd::from_raw_fd(fd)),
            _ => Err(last_errno()),
        })
    }
}

/// The bare call. The C library's function of that name costs more than all else of an accept, for its way to end a thread
/// that is in it; rustix's gives the address by value.
#[cfg(target_os = "linux")]
#[inline]
unsafe fn accept4(fd: i32, place: *mut u8, len: *mut u32, flags: i32) -> i32 {
    // SAFETY: the caller's. Descriptors are small.
    unsafe { libc::syscall(libc::SYS_accept4, fd, place, len, flags) as i32 }
}

#[cfg(not(target_os = "linux"))]
unsafe fn accept4(fd: i32, place: *mut u8, len: *mut u32, flags: i32) -> i32 {
    // SAFETY: the caller's.
    unsafe { libc::accept4(fd, place.cast(), len, flags) }
}
