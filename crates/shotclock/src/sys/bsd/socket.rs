//! Socket calls: those that all Unix systems share, and what these tell of a socket.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net;

use crate::sys::address::AddressRoom;

pub(crate) use super::birth::{accept, socket, socketpair};
pub(crate) use super::bury::bury;
pub use super::calls::*;
pub(crate) use super::creation::{socket_of, socketpair_of};
pub(crate) use super::try_sendfile::sendfile;

/// One receive, and the sender's address, if the system gives one.
pub(crate) fn recvfrom(
    fd: BorrowedFd<'_>,
    into: &mut [u8],
    flags: i32,
    from: &mut AddressRoom,
) -> Result<usize, Errno> {
    let (_, len, told) = net::recvfrom(fd, into, receive_flags(flags | libc::MSG_DONTWAIT))?;
    from.put(known(told.as_ref()).as_ref());
    Ok(len)
}

/// The number of the socket's family, which its own address begins with, bound or not. Source: getsockname(2); macOS has no
/// option that tells.
#[cfg(not(target_os = "freebsd"))]
pub(crate) fn family(fd: BorrowedFd<'_>) -> Result<i32, Errno> {
    Ok(getsockname(fd)?.family())
}

/// The number of the socket's family. Source: setsockopt(2) of FreeBSD, SO_DOMAIN.
#[cfg(target_os = "freebsd")]
pub(crate) fn family(fd: BorrowedFd<'_>) -> Result<i32, Errno> {
    number(fd, libc::SO_DOMAIN)
}

/// The number of the socket's protocol. Source: setsockopt(2) of FreeBSD, SO_PROTOCOL.
#[cfg(not(target_os = "macos"))]
pub(crate) fn protocol(fd: BorrowedFd<'_>) -> Result<i32, Errno> {
    number(fd, libc::SO_PROTOCOL)
}

/// macOS does not tell it: the one that family and kind imply is all that can be said, and of a raw socket not even that.
#[cfg(target_os = "macos")]
pub(crate) fn protocol(fd: BorrowedFd<'_>) -> Result<i32, Errno> {
    match (family(fd)?, number(fd, libc::SO_TYPE)?) {
        (libc::AF_INET | libc::AF_INET6, libc::SOCK_STREAM) => Ok(libc::IPPROTO_TCP),
        (libc::AF_INET | libc::AF_INET6, libc::SOCK_DGRAM) => Ok(libc::IPPROTO_UDP),
        (libc::AF_UNIX, _) => Ok(0),
        _ => Err(Errno::NOTSUP),
    }
}

/// An option of the socket's level that is a number.
fn number(fd: BorrowedFd<'_>, name: i32) -> Result<i32, Errno> {
    let mut number = [0; 4];
    getsockopt(fd, libc::SOL_SOCKET, name, &mut number)?;
    Ok(i32::from_ne_bytes(number))
}

/// Whether the peer's system has acknowledged all that was sent on a TCP connection. Source: TCP_CONNECTION_INFO in
/// netinet/tcp.h of macOS: the bytes of the send buffer, "including data inflight".
#[cfg(target_os = "macos")]
pub(crate) fn is_acknowledged(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    const BYTES: usize = std::mem::offset_of!(libc::tcp_connection_info, tcpi_snd_sbbytes);
    let mut info = [0; size_of::<libc::tcp_connection_info>()];
    getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_CONNECTION_INFO, &mut info)?;
    Ok(info[BYTES..BYTES + 4] == [0; 4])
}

/// Whether the peer's system has acknowledged all that was sent on a TCP connection. Source: ioctl(2) of FreeBSD, FIONWRITE:
/// for TCP the bytes that the other side has not acknowledged. (TIOCOUTQ is its like on Linux, tcp(7), where this is tried.)
#[cfg(not(target_os = "macos"))]
pub(crate) fn is_acknowledged(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    use std::os::fd::AsRawFd;
    #[cfg(target_os = "freebsd")]
    const UNACKNOWLEDGED: libc::c_ulong = libc::FIONWRITE;
    #[cfg(target_os = "linux")]
    const UNACKNOWLEDGED: libc::c_ulong = libc::TIOCOUTQ;
    // Of another protocol's sockets the number says something else.
    let mut state = [0; 1];
    getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, &mut state)?;
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one int, which is ours.
    if unsafe { libc::ioctl(fd.as_raw_fd(), UNACKNOWLEDGED, &raw mut bytes) } < 0 {
        return Err(super::last_errno());
    }
    Ok(bytes == 0)
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use crate::sys::calls::tests::BETWEEN;
}
