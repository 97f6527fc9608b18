//! Socket calls with exactly the flags asked for, which therefore may wait: for the Python face, whose sockets without
//! a timeout promise what one blocking call promises. Whoever calls these sees to it that nothing else is held up.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

/// recv(2).
///
/// # Errors
/// The system's.
#[inline]
pub fn recv(fd: BorrowedFd<'_>, into: &mut [u8], flags: i32) -> Result<usize, Errno> {
    Ok(net::recv(fd, into, RecvFlags::from_bits_retain(flags.cast_unsigned()))?.1)
}

/// send(2), never with SIGPIPE.
///
/// # Errors
/// The system's.
#[inline]
pub fn send(fd: BorrowedFd<'_>, from: &[u8], flags: i32) -> Result<usize, Errno> {
    net::send(fd, from, SendFlags::from_bits_retain(flags.cast_unsigned()) | SendFlags::NOSIGNAL)
}
