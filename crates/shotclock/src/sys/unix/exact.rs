//! Socket calls with exactly the flags asked for, which therefore may wait: for the Python face, whose sockets without
//! a timeout promise what one blocking call promises. Whoever calls these sees to it that nothing else is held up.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, SocketFlags};

use super::address::RawAddress;
use super::last_errno;

/// socket(2), with the descriptor close-on-exec.
pub fn socket(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: socket(2) takes plain numbers; a descriptor it returns is new and nobody else's.
    unsafe {
        let fd = libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol);
        if fd < 0 { Err(last_errno()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// socketpair(2), with both descriptors close-on-exec.
pub fn socketpair(family: i32, kind: i32, protocol: i32) -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut fds = [-1; 2];
    // SAFETY: `fds` has room for the two numbers; on success both are new and nobody else's.
    unsafe {
        if libc::socketpair(family, kind | libc::SOCK_CLOEXEC, protocol, fds.as_mut_ptr()) < 0 {
            return Err(last_errno());
        }
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// recv(2).
#[inline]
pub fn recv(fd: BorrowedFd<'_>, into: &mut [u8], flags: i32) -> Result<usize, Errno> {
    Ok(net::recv(fd, into, RecvFlags::from_bits_retain(flags.cast_unsigned()))?.1)
}

/// recvfrom(2).
#[inline]
pub fn recvfrom(fd: BorrowedFd<'_>, into: &mut [u8], flags: i32) -> Result<(usize, Option<RawAddress>), Errno> {
    let (_, len, from) = net::recvfrom(fd, into, RecvFlags::from_bits_retain(flags.cast_unsigned()))?;
    Ok((len, from.as_ref().and_then(RawAddress::from_system)))
}

/// send(2), never with SIGPIPE.
#[inline]
pub fn send(fd: BorrowedFd<'_>, from: &[u8], flags: i32) -> Result<usize, Errno> {
    net::send(fd, from, SendFlags::from_bits_retain(flags.cast_unsigned()) | SendFlags::NOSIGNAL)
}

/// sendto(2), never with SIGPIPE.
#[inline]
pub fn sendto(fd: BorrowedFd<'_>, from: &[u8], flags: i32, to: &RawAddress) -> Result<usize, Errno> {
    net::sendto(fd, from, SendFlags::from_bits_retain(flags.cast_unsigned()) | SendFlags::NOSIGNAL, to)
}

/// accept4(2), with the new descriptor close-on-exec, and blocking as Python's are.
#[inline]
pub fn accept(fd: BorrowedFd<'_>) -> Result<(OwnedFd, Option<RawAddress>), Errno> {
    let (fd, peer) = net::acceptfrom_with(fd, SocketFlags::CLOEXEC)?;
    Ok((fd, peer.as_ref().and_then(RawAddress::from_system)))
}

/// setsockopt(2) without a value, only its length.
pub fn setsockopt_without_value(fd: BorrowedFd<'_>, level: i32, name: i32, len: u32) -> Result<(), Errno> {
    // SAFETY: a null value is what the few options that take none expect; others say EFAULT.
    if unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, std::ptr::null(), len) } < 0 {
        return Err(last_errno());
    }
    Ok(())
}

/// close(2). On Linux the number is free whatever it says.
pub fn close(fd: OwnedFd) -> Result<(), Errno> {
    let number = std::os::fd::IntoRawFd::into_raw_fd(fd);
    // SAFETY: the number was ours alone, given up by the line above.
    if unsafe { libc::close(number) } < 0 { Err(last_errno()) } else { Ok(()) }
}
