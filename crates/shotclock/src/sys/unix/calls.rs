//! Socket calls, each one try that never waits, close-on-exec and without SIGPIPE. Beneath some of them is the call as it is
//! asked for (`.._with` flags, `.._by` the descriptor's file), which may wait: that is the Python face's (`syscall`).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};
use rustix::net::{self, RecvFlags, SendFlags, SocketAddrAny};

use super::brief::Brief;
use super::{brief, last_errno};
use crate::sys::address::SockAddr;
use crate::sys::unfilled::Unfilled;

/// bind(2).
pub fn bind(fd: BorrowedFd<'_>, address: &SockAddr) -> Result<(), Errno> {
    net::bind(fd, address)
}

/// listen(2).
pub fn listen(fd: BorrowedFd<'_>, backlog: i32) -> Result<(), Errno> {
    net::listen(fd, backlog)
}

/// A descriptor with O_NONBLOCK set, for the calls that have no flag against waiting.
#[derive(Clone, Copy)]
pub(crate) struct NonBlocking<'a> {
    fd: BorrowedFd<'a>,
    /// Others have the file, and may take O_NONBLOCK away between the look and the call.
    is_shared: bool,
}

impl<'a> NonBlocking<'a> {
    /// For a caller who knows that O_NONBLOCK is set.
    #[inline]
    pub(crate) fn known(fd: BorrowedFd<'a>) -> Self {
        Self { fd, is_shared: false }
    }

    /// Looks whether O_NONBLOCK is set, and sets it if not.
    #[cold]
    pub(crate) fn make_sure(fd: BorrowedFd<'a>) -> Result<Self, Errno> {
        set_nonblocking(fd, true)?;
        #[cfg(test)]
        tests::after_the_look(fd);
        Ok(Self { fd, is_shared: true })
    }

    /// Until what this gives is dropped, a call that comes to wait all the same does not wait for long: sendfile(2)
    /// everywhere. To accept(2) and connect(2) the BSDs give no limit of this sort, so that there somebody who shares the file
    /// and has it block in that very moment has the call wait. Source: setsockopt(2) of FreeBSD, where SO_RCVTIMEO is of
    /// input operations; accept of FreeBSD's kernel sleeps without a limit.
    #[inline]
    pub(crate) fn briefly(self, sends: bool) -> Option<Brief<'a>> {
        if self.is_shared { Brief::on(self.fd, sends) } else { None }
    }
}

impl AsFd for NonBlocking<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd
    }
}

pub(crate) fn connect(fd: NonBlocking<'_>, address: &SockAddr) -> Result<(), Errno> {
    let _brief = fd.briefly(true);
    connect_by(fd.fd, address)
}

/// connect(2), which waits or not as the descriptor's file says.
pub fn connect_by(fd: BorrowedFd<'_>, address: &SockAddr) -> Result<(), Errno> {
    net::connect(fd, address)
}

/// Ends a connection attempt that has failed, so that the next connect begins a new one.
pub(crate) fn disconnect(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    net::connect_unspec(fd)
}

/// getsockname(2).
pub fn getsockname(fd: BorrowedFd<'_>) -> Result<SockAddr, Errno> {
    SockAddr::from_system(&net::getsockname(fd)?).ok_or(Errno::INVAL)
}

/// getpeername(2); `None` if the system gives no name.
pub fn getpeername(fd: BorrowedFd<'_>) -> Result<Option<SockAddr>, Errno> {
    Ok(known(net::getpeername(fd)?.as_ref()))
}

/// The address of the other end of whatever socket has this number now, or its own if it has no other end.
#[cfg_attr(not(any(feature = "waits", feature = "tracing")), allow(dead_code, reason = "asked for by who shows waits"))]
pub(crate) fn names_of_number(number: RawFd) -> Option<SockAddr> {
    if number < 0 {
        return None;
    }
    // SAFETY: it is not negative, and only looked at: if it is nobody's, or no socket's, the system says so.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    getpeername(fd).ok().flatten().or_else(|| getsockname(fd).ok())
}

/// shutdown(2).
pub fn shutdown(fd: BorrowedFd<'_>, how: i32) -> Result<(), Errno> {
    // SAFETY: plain numbers, and a descriptor that the borrow keeps open.
    if unsafe { libc::shutdown(fd.as_raw_fd(), how) } < 0 { Err(last_errno()) } else { Ok(()) }
}

/// One receive into `into`; the length is the system's, which with MSG_TRUNC may be more than fits.
#[inline]
pub(crate) fn recv(fd: BorrowedFd<'_>, into: &mut [u8], flags: i32) -> Result<usize, Errno> {
    recv_with(fd, into, flags | libc::MSG_DONTWAIT)
}

/// recv(2).
#[inline]
pub fn recv_with(fd: BorrowedFd<'_>, into: &mut [u8], flags: i32) -> Result<usize, Errno> {
    Ok(net::recv(fd, into, receive_flags(flags))?.1)
}

/// One receive into memory that may not be initialized. Not for MSG_TRUNC, with which TCP counts bytes it does not write.
#[inline]
pub(crate) fn recv_unfilled(fd: BorrowedFd<'_>, into: &mut Unfilled<'_>, flags: i32) -> Result<(), Errno> {
    let flags = flags & !libc::MSG_TRUNC | libc::MSG_DONTWAIT;
    let (_, received) = net::recv(fd, into.memory(), receive_flags(flags))?;
    // SAFETY: without MSG_TRUNC the system counts what it has written.
    unsafe { into.is_filled(received) };
    Ok(())
}

/// The same, with what `read` makes of the sender's address, if the system gives one.
#[inline]
pub(crate) fn recvfrom_unfilled<A>(
    fd: BorrowedFd<'_>,
    into: &mut Unfilled<'_>,
    flags: i32,
    read: impl FnOnce(&[u8]) -> Option<A>,
) -> Result<Option<A>, Errno> {
    let flags = flags & !libc::MSG_TRUNC | libc::MSG_DONTWAIT;
    let (_, received, from) = net::recvfrom(fd, into.memory(), receive_flags(flags))?;
    // SAFETY: as above.
    unsafe { into.is_filled(received) };
    Ok(from.as_ref().and_then(|from| read(SockAddr::bytes_of(from))))
}

#[inline]
pub(crate) fn send(fd: BorrowedFd<'_>, from: &[u8], flags: i32) -> Result<usize, Errno> {
    send_with(fd, from, flags | libc::MSG_DONTWAIT)
}

/// send(2), never with SIGPIPE.
#[inline]
pub fn send_with(fd: BorrowedFd<'_>, from: &[u8], flags: i32) -> Result<usize, Errno> {
    net::send(fd, from, send_flags(flags))
}

#[inline]
pub(crate) fn sendto(fd: BorrowedFd<'_>, from: &[u8], flags: i32, to: &SockAddr) -> Result<usize, Errno> {
    sendto_with(fd, from, flags | libc::MSG_DONTWAIT, to)
}

/// sendto(2), never with SIGPIPE.
#[inline]
pub fn sendto_with(fd: BorrowedFd<'_>, from: &[u8], flags: i32, to: &SockAddr) -> Result<usize, Errno> {
    net::sendto(fd, from, send_flags(flags), to)
}

/// Reads from `offset` of a file, without moving its position.
pub(crate) fn pread(file: BorrowedFd<'_>, into: &mut [u8], offset: u64) -> Result<usize, Errno> {
    rustix::io::pread(file, into, offset)
}

/// Reads an option's bytes into `into`; gives how many there were.
pub fn getsockopt(fd: BorrowedFd<'_>, level: i32, name: i32, into: &mut [u8]) -> Result<usize, Errno> {
    let unit = unit_of(level, name);
    let room = into.len() / unit;
    let mut len = libc::socklen_t::try_from(room).map_err(|_| Errno::INVAL)?;
    // SAFETY: `into` is writable for `len` units, the kernel writes no more and says how many in `len`.
    if unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, into.as_mut_ptr().cast(), &mut len) } < 0 {
        return Err(last_errno());
    }
    let len = room.min(len as usize) * unit;
    brief::hide(level, name, &mut into[..len]);
    Ok(len)
}

/// How many bytes an option's length counts as one. The length of one option counts instructions, not bytes. Source:
/// sk_get_filter in the kernel.
fn unit_of(level: i32, name: i32) -> usize {
    #[cfg(target_os = "linux")]
    if (level, name) == (libc::SOL_SOCKET, libc::SO_GET_FILTER) {
        return size_of::<libc::sock_filter>();
    }
    let _not_looked_at_elsewhere = (level, name);
    1
}

/// The error that waits for the socket, which this takes away.
pub fn take_error(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut error = [0; 4];
    getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, &mut error)?;
    match i32::from_ne_bytes(error) {
        0 => Ok(()),
        error => Err(Errno::from_raw_os_error(error)),
    }
}

/// Whether closing the last descriptor waits for the peer: SO_LINGER is on, and its time above zero.
pub fn lingers(fd: BorrowedFd<'_>) -> bool {
    net::sockopt::socket_linger(fd).is_ok_and(|time| time.is_some_and(|time| !time.is_zero()))
}

/// Has close(2) return at once: the connection then ends in the background.
pub fn linger_in_background(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    net::sockopt::set_socket_linger(fd, None)
}

/// Sets an option to these bytes.
pub fn setsockopt(fd: BorrowedFd<'_>, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
    let len = libc::socklen_t::try_from(value.len()).map_err(|_| Errno::INVAL)?;
    // SAFETY: `value` is readable for `len` bytes.
    if unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), len) } < 0 {
        return Err(last_errno());
    }
    Ok(())
}

/// Sets an option of the socket itself to a program of the packet filter, of these instructions.
#[cfg(target_os = "linux")]
pub(crate) fn attach_program(fd: BorrowedFd<'_>, name: i32, instructions: &[[u8; 8]]) -> Result<(), Errno> {
    const { assert!(size_of::<libc::sock_filter>() == 8) };
    let len = u16::try_from(instructions.len()).map_err(|_| Errno::INVAL)?;
    let program = libc::sock_fprog { len, filter: instructions.as_ptr().cast_mut().cast() };
    let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: `program` is readable for `size` bytes. The kernel copies the instructions, reads no more than `len` of them,
    // and needs no alignment.
    let set = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, name, (&raw const program).cast(), size) };
    if set < 0 { Err(last_errno()) } else { Ok(()) }
}

/// A second descriptor of the same file, close-on-exec.
pub fn dup(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    fcntl_dupfd_cloexec(fd, 0)
}

pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> Result<(), Errno> {
    let before = fcntl_getfl(fd)?;
    let mut after = before;
    after.set(OFlags::NONBLOCK, nonblocking);
    if after == before { Ok(()) } else { fcntl_setfl(fd, after) }
}

pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(fcntl_getfl(fd)?.contains(OFlags::NONBLOCK))
}

pub(crate) fn is_inheritable(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(!fcntl_getfd(fd)?.contains(FdFlags::CLOEXEC))
}

pub(crate) fn set_inheritable(fd: BorrowedFd<'_>, inheritable: bool) -> Result<(), Errno> {
    let mut flags = fcntl_getfd(fd)?;
    flags.set(FdFlags::CLOEXEC, !inheritable);
    fcntl_setfd(fd, flags)
}

pub(crate) fn known(address: Option<&SocketAddrAny>) -> Option<SockAddr> {
    address.and_then(SockAddr::from_system)
}

#[inline]
pub(crate) fn receive_flags(flags: i32) -> RecvFlags {
    RecvFlags::from_bits_retain(flags.cast_unsigned())
}

#[inline]
fn send_flags(flags: i32) -> SendFlags {
    SendFlags::from_bits_retain((flags | libc::MSG_NOSIGNAL).cast_unsigned())
}

/// Whether it is a stream of bytes, and not one of messages.
pub fn is_stream(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(number(fd, libc::SO_TYPE)? == libc::SOCK_STREAM)
}

/// An option of the socket itself that is a number.
pub(crate) fn number(fd: BorrowedFd<'_>, name: i32) -> Result<i32, Errno> {
    let mut number = [0; 4];
    getsockopt(fd, libc::SOL_SOCKET, name, &mut number)?;
    Ok(i32::from_ne_bytes(number))
}

/// Whether the descriptor is a socket at all.
pub(crate) fn check_is_socket(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    number(fd, libc::SO_TYPE).map(drop)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// What somebody else does to the file between the look and the call.
        pub(crate) static BETWEEN: Cell<Option<fn(BorrowedFd<'_>)>> = const { Cell::new(None) };
    }

    pub(super) fn after_the_look(fd: BorrowedFd<'_>) {
        if let Some(between) = BETWEEN.get() {
            between(fd);
        }
    }
}
