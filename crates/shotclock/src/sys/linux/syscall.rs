//! Socket calls with just the flags asked for, which therefore may wait: for the Python face, whose sockets without a
//! timeout promise what one blocking call promises. The caller first makes sure that nothing else waits for it, above
//! all by leaving the interpreter.
//!
//! Every error is the system's.
#![allow(clippy::missing_errors_doc, reason = "said once, above")]

use std::ffi::OsString;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

use rustix::io::Errno;

use super::{birth, brief, creation, interface_of_socket, last_errno, message, socket};
use crate::sys::address::{AddressRoom, SockAddr};

pub use super::brief::Brief;
pub use super::dead::cover;
pub use super::message::{ControlSlice, Received, close_received, push_control_message, receive as recvmsg};
pub use super::socket::{
    bind, connect_by as connect, dup, getpeername, getsockname, getsockopt, is_stream, linger_in_background, lingers,
    listen, recv_with as recv, send_with as send, sendfile_by as sendfile, sendto_with as sendto, setsockopt, shutdown,
    take_error,
};

/// socket(2), close-on-exec; the kind may carry more flags.
pub fn socket(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    creation::socket_of(family, kind | libc::SOCK_CLOEXEC, protocol)
}

/// socketpair(2), close-on-exec; the kind may carry more flags.
pub fn socketpair(family: i32, kind: i32, protocol: i32) -> Result<(OwnedFd, OwnedFd), Errno> {
    creation::socketpair_of(family, kind | libc::SOCK_CLOEXEC, protocol)
}

/// accept4(2): a connection that blocks, close-on-exec, and who connected, if the system says.
pub fn accept(fd: BorrowedFd<'_>) -> Result<(OwnedFd, Option<SockAddr>), Errno> {
    let mut peer = AddressRoom::new();
    let fd = birth::accept_with(fd, libc::SOCK_CLOEXEC, &mut peer)?;
    Ok((fd, SockAddr::new(peer.told())))
}

/// How long the system lets a call on a descriptor that blocks wait, by the socket's own option, to send or to receive.
pub fn own_limit(fd: BorrowedFd<'_>, sends: bool) -> Result<Option<Duration>, Errno> {
    brief::own_limit(fd, sends)
}

/// How many bytes a blocking receive waits for: SO_RCVLOWAT.
pub fn low_water_mark(fd: BorrowedFd<'_>) -> Result<usize, Errno> {
    Ok(usize::try_from(number_of(fd, libc::SO_RCVLOWAT)?).unwrap_or(0))
}

/// Whether a blocking receive with MSG_PEEK waits for as many bytes as one without. On AF_UNIX it gives what is there.
pub fn peeks_wait(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(number_of(fd, libc::SO_DOMAIN)? != libc::AF_UNIX)
}

/// An option of the socket's level that is a number.
fn number_of(fd: BorrowedFd<'_>, name: i32) -> Result<i32, Errno> {
    let mut number = [0; 4];
    getsockopt(fd, libc::SOL_SOCKET, name, &mut number)?;
    Ok(i32::from_ne_bytes(number))
}

/// setsockopt(2) without a value, only with its length.
pub fn setsockopt_without_value(fd: BorrowedFd<'_>, level: i32, name: i32, len: u32) -> Result<(), Errno> {
    // SAFETY: no pointer but null, which the system checks.
    let set = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, ptr::null(), len) };
    if set < 0 { Err(last_errno()) } else { Ok(()) }
}

/// Whether calls on the descriptor's file wait: one ioctl(2), whatever it was before.
pub fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> Result<(), Errno> {
    rustix::io::ioctl_fionbio(fd, nonblocking)
}

/// Whether calls on the descriptor's file do not wait, as it is now: anybody who shares it may change that.
pub fn is_nonblocking(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(rustix::fs::fcntl_getfl(fd)?.contains(rustix::fs::OFlags::NONBLOCK))
}

/// Keeps the file to this process, until [`share`] or the end of any of its descriptors here; false where another process
/// does so. Only those are kept out that ask as well: fcntl(2)'s lock, which belongs to a process, and which no child has.
pub fn exclude_others(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    match rustix::fs::fcntl_lock(fd, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The end of [`exclude_others`].
pub fn share(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::fs::fcntl_lock(fd, rustix::fs::FlockOperation::NonBlockingUnlock)
}

/// What tells one socket from all others there are, whatever their numbers: fstat(2)'s inode.
pub fn inode(fd: BorrowedFd<'_>) -> Result<u64, Errno> {
    Ok(rustix::fs::fstat(fd)?.st_ino)
}

/// close(2) on a number that the caller answers for. It may wait, under SO_LINGER.
pub fn close(number: RawFd) -> Result<(), Errno> {
    // SAFETY: plain numbers. Whose descriptor it is, is the caller's business, as with the system's own call.
    if unsafe { libc::close(number) } < 0 { Err(last_errno()) } else { Ok(()) }
}

/// recvfrom(2): the length, and whose it is, if the system says.
pub fn recvfrom(fd: BorrowedFd<'_>, into: &mut [u8], flags: i32) -> Result<(usize, Option<SockAddr>), Errno> {
    let mut from = AddressRoom::new();
    let len = socket::recvfrom_with(fd, into, flags, &mut from)?;
    Ok((len, SockAddr::new(from.told())))
}

/// sendmsg(2), never with SIGPIPE: `control` is whole control messages, as the system has them.
pub fn sendmsg(
    fd: BorrowedFd<'_>,
    data: &[IoSlice<'_>],
    control: &[u8],
    to: Option<&SockAddr>,
    flags: i32,
) -> Result<usize, Errno> {
    message::send(fd, data, control, to, flags | libc::MSG_NOSIGNAL)
}

/// The index of the interface of this name, in the network that the socket belongs to: netdevice(7). Of a longer name
/// only the first 15 bytes count.
pub fn interface_index(fd: BorrowedFd<'_>, name: &[u8]) -> Result<i32, Errno> {
    interface_of_socket::index_by(fd, name)
}

/// The name of the interface of this index, in the network that the socket belongs to: netdevice(7).
pub fn interface_name(fd: BorrowedFd<'_>, index: i32) -> Result<OsString, Errno> {
    interface_of_socket::name_by(fd, index)
}
