//! Socket calls, each one try that never waits: every socket is in non-blocking mode from birth, since Winsock's calls have
//! no flag of their own against waiting. Lengths are `i32` there, so that longer buffers are cut.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::windows::fs::FileExt;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle};
use std::sync::atomic::Ordering;

use windows_sys::Win32::Foundation::{GetHandleInformation, HANDLE, HANDLE_FLAG_INHERIT};
use windows_sys::Win32::Networking::WinSock as w;
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_DISK, GetFileType};
use windows_sys::Win32::System::Threading::GetCurrentProcessId;

use super::birth::{begin, of_call, welcome};
use super::raw::{self, NOBODYS, counted};
use super::{AsHandle, BorrowedHandle, Errno, OwnedHandle, RawHandle, c};
use crate::sys::address::{AddressRoom, SockAddr};
use crate::sys::unfilled::Unfilled;

/// The most that one try hands to the system, which takes all it is given where it takes anything: between tries the limit is
/// looked at.
const MOST_SENT: usize = 1 << 20;

/// A socket in non-blocking mode, for the calls that have no flag against waiting.
#[derive(Clone, Copy)]
pub(crate) struct NonBlocking<'a>(BorrowedHandle<'a>);

impl<'a> NonBlocking<'a> {
    /// For a caller who knows that it is in that mode.
    pub(crate) fn known(fd: BorrowedHandle<'a>) -> Self {
        Self(fd)
    }

    /// Puts it into that mode: nobody can ask whether it is.
    #[cold]
    pub(crate) fn make_sure(fd: BorrowedHandle<'a>) -> Result<Self, Errno> {
        set_nonblocking(fd, true)?;
        Ok(Self(fd))
    }
}

impl AsHandle for NonBlocking<'_> {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        self.0
    }
}

/// bind.
pub(crate) fn bind(fd: BorrowedHandle<'_>, address: &SockAddr) -> Result<(), Errno> {
    let entered = fd.enter()?;
    let (bytes, len) = parts(address);
    // SAFETY: the address is readable for the length given, and 8-aligned.
    counted(unsafe { w::bind(entered.socket(), bytes, len) }).map(drop)
}

/// listen.
pub(crate) fn listen(fd: BorrowedHandle<'_>, backlog: i32) -> Result<(), Errno> {
    let entered = fd.enter()?;
    // SAFETY: plain numbers.
    counted(unsafe { w::listen(entered.socket(), backlog) }).map(drop)
}

/// A connection of the queue, and who connected.
pub(crate) fn accept(from: NonBlocking<'_>, peer: &mut AddressRoom) -> Result<OwnedHandle, Errno> {
    let entered = from.0.enter()?;
    let mut told = Room::default();
    // SAFETY: there is room for an address of the length given.
    let accepted = unsafe { w::accept(entered.socket(), told.bytes.as_mut_ptr().cast(), &mut told.len) };
    match welcome(accepted) {
        Ok(fd) => {
            peer.put(told.address().as_ref());
            Ok(fd)
        }
        // A connection that died in the queue; the next one may be well. Source: accept in Microsoft's reference.
        Err(Errno::CONNRESET) => Err(Errno::CONNABORTED),
        Err(errno) => Err(errno),
    }
}

/// Begins to connect, or tells how it stands with a connect that was begun: by SO_ERROR and the peer's name. To ask by another
/// connect would begin anew where the first has failed.
pub(crate) fn connect(fd: NonBlocking<'_>, address: &SockAddr) -> Result<(), Errno> {
    let connecting = fd.0.owner().map(|owner| &owner.is_connecting);
    if connecting.is_some_and(|connecting| connecting.load(Ordering::Acquire)) {
        take_error(fd.0)?;
        if getpeername(fd.0).is_err() {
            return Err(Errno::ALREADY);
        }
        // As other systems do, the next call is told that a connection is made; those after it, that there is one.
        forget_attempt(fd.0);
        return Ok(());
    }
    let outcome = match connect_and_wait(fd.0, address) {
        // Under Wine the first one after a failure says no more than that there was one.
        Err(Errno::CONNABORTED) => connect_and_wait(fd.0, address),
        outcome => outcome,
    };
    match outcome {
        Err(Errno::AGAIN) => {
            if let Some(connecting) = connecting {
                connecting.store(true, Ordering::Release);
            }
            Err(Errno::INPROGRESS)
        }
        outcome => outcome,
    }
}

/// connect, which waits or not as the socket's mode says.
pub(super) fn connect_and_wait(fd: BorrowedHandle<'_>, address: &SockAddr) -> Result<(), Errno> {
    let entered = fd.enter()?;
    let (bytes, len) = parts(address);
    // SAFETY: the address is readable for the length given, and 8-aligned.
    counted(unsafe { w::connect(entered.socket(), bytes, len) }).map(drop)
}

/// Ends a connection attempt that has failed, so that the next connect begins a new one: it does so by itself. Source: connect
/// in Microsoft's reference.
pub(crate) fn disconnect(fd: BorrowedHandle<'_>) -> Result<(), Errno> {
    forget_attempt(fd);
    Ok(())
}

fn forget_attempt(fd: BorrowedHandle<'_>) {
    if let Some(owner) = fd.owner() {
        owner.is_connecting.store(false, Ordering::Release);
    }
}

/// getsockname. Winsock has no answer for a socket that was never bound; other systems have an address of nothing but zeros.
pub(crate) fn getsockname(fd: BorrowedHandle<'_>) -> Result<SockAddr, Errno> {
    let entered = fd.enter()?;
    let mut name = Room::default();
    // SAFETY: there is room for an address of the length given.
    match counted(unsafe { w::getsockname(entered.socket(), name.bytes.as_mut_ptr().cast(), &mut name.len) }) {
        Ok(_) => name.address().ok_or(Errno::INVAL),
        Err(Errno::INVAL) => unnamed(fd),
        Err(errno) => Err(errno),
    }
}

/// The address of nobody, in the socket's family.
fn unnamed(fd: BorrowedHandle<'_>) -> Result<SockAddr, Errno> {
    let family = protocol_info(fd)?.iAddressFamily;
    let mut bytes = [0; 28];
    bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    match family {
        family if family == i32::from(w::AF_INET) => Ok(SockAddr::from_prefix(&bytes, 16)),
        family if family == i32::from(w::AF_INET6) => Ok(SockAddr::from_prefix(&bytes, 28)),
        _ => Ok(SockAddr::from_prefix(&bytes, 2)),
    }
}

/// getpeername; `None` if the system gives no name.
pub(crate) fn getpeername(fd: BorrowedHandle<'_>) -> Result<Option<SockAddr>, Errno> {
    let entered = fd.enter()?;
    let mut name = Room::default();
    // SAFETY: there is room for an address of the length given.
    counted(unsafe { w::getpeername(entered.socket(), name.bytes.as_mut_ptr().cast(), &mut name.len) })?;
    Ok(name.address())
}

/// The address of the other end of whatever socket has this number now, or its own if it has no other end.
#[cfg_attr(not(any(feature = "waits", feature = "tracing")), allow(dead_code, reason = "asked for by who shows waits"))]
pub(crate) fn names_of_number(number: RawHandle) -> Option<SockAddr> {
    if number >= NOBODYS {
        return None;
    }
    // SAFETY: it is only looked at: if it is nobody's, or no socket's, the system says so.
    let socket = unsafe { std::os::windows::io::BorrowedSocket::borrow_raw(number) };
    getpeername(socket.as_fd()).ok().flatten().or_else(|| getsockname(socket.as_fd()).ok())
}

/// shutdown.
pub(crate) fn shutdown(fd: BorrowedHandle<'_>, how: i32) -> Result<(), Errno> {
    let entered = fd.enter()?;
    // SAFETY: plain numbers.
    counted(unsafe { w::shutdown(entered.socket(), how) }).map(drop)
}

/// One receive into `into`.
pub(crate) fn recv(fd: BorrowedHandle<'_>, into: &mut [u8], flags: i32) -> Result<usize, Errno> {
    let entered = fd.enter()?;
    let len = cut(into.len(), i32::MAX as usize);
    // SAFETY: `into` is writable for the length given.
    let received = unsafe { w::recv(entered.socket(), into.as_mut_ptr(), len, receive_flags(flags)) };
    received_of(counted(received), into.len())
}

/// One receive into memory that may not be initialized.
pub(crate) fn recv_unfilled(fd: BorrowedHandle<'_>, into: &mut Unfilled<'_>, flags: i32) -> Result<(), Errno> {
    let entered = fd.enter()?;
    let (start, room) = (into.memory().as_mut_ptr().cast(), into.memory().len());
    let len = cut(room, i32::MAX as usize);
    // SAFETY: the memory is writable for the length given.
    let received = unsafe { w::recv(entered.socket(), start, len, receive_flags(flags)) };
    let received = received_of(counted(received), room)?;
    // SAFETY: the system has written as much as it says.
    unsafe { into.is_filled(received) };
    Ok(())
}

/// The same, with what `read` makes of the sender's address, if the system gives one.
pub(crate) fn recvfrom_unfilled<A>(
    fd: BorrowedHandle<'_>,
    into: &mut Unfilled<'_>,
    flags: i32,
    read: impl FnOnce(&[u8]) -> Option<A>,
) -> Result<Option<A>, Errno> {
    let entered = fd.enter()?;
    let mut from = Room::default();
    let (start, room) = (into.memory().as_mut_ptr().cast(), into.memory().len());
    let len = cut(room, i32::MAX as usize);
    // SAFETY: the memory is writable for the length given, and there is room for an address.
    let received = unsafe {
        let (address, flags) = (from.bytes.as_mut_ptr().cast(), receive_flags(flags));
        w::recvfrom(entered.socket(), start, len, flags, address, &mut from.len)
    };
    let received = received_of(counted(received), room)?;
    // SAFETY: the system has written as much as it says.
    unsafe { into.is_filled(received) };
    Ok(from.address().and_then(|from| read(from.as_bytes())))
}

/// One receive, and what `read` makes of the sender's address, if the system gives one.
pub(crate) fn recvfrom(
    fd: BorrowedHandle<'_>,
    into: &mut [u8],
    flags: i32,
    from: &mut AddressRoom,
) -> Result<usize, Errno> {
    let entered = fd.enter()?;
    let mut told = Room::default();
    let len = cut(into.len(), i32::MAX as usize);
    // SAFETY: `into` is writable for the length given, and there is room for an address.
    let received = unsafe {
        let (address, flags) = (told.bytes.as_mut_ptr().cast(), receive_flags(flags));
        w::recvfrom(entered.socket(), into.as_mut_ptr(), len, flags, address, &mut told.len)
    };
    let received = received_of(counted(received), into.len())?;
    from.put(told.address().as_ref());
    Ok(received)
}

/// What other systems give: of a datagram that is longer than the room, what fits; nothing where receiving was shut down.
pub(super) fn received_of(received: Result<usize, Errno>, room: usize) -> Result<usize, Errno> {
    match received {
        Err(Errno::MSGSIZE) => Ok(room),
        Err(Errno::SHUTDOWN) => Ok(0),
        received => received,
    }
}

pub(crate) fn send(fd: BorrowedHandle<'_>, from: &[u8], flags: i32) -> Result<usize, Errno> {
    let entered = fd.enter()?;
    let len = cut(from.len(), MOST_SENT);
    // SAFETY: `from` is readable for the length given.
    counted(unsafe { w::send(entered.socket(), from.as_ptr(), len, send_flags(flags)) })
}

pub(crate) fn sendto(fd: BorrowedHandle<'_>, from: &[u8], flags: i32, to: &SockAddr) -> Result<usize, Errno> {
    let entered = fd.enter()?;
    let len = cut(from.len(), MOST_SENT);
    let (address, address_len) = parts(to);
    // SAFETY: both are readable for the lengths given.
    counted(unsafe { w::sendto(entered.socket(), from.as_ptr(), len, send_flags(flags), address, address_len) })
}

/// TransmitFile may wait, and has no other way: so files are read and sent.
///
/// # Errors
/// That Windows has no such call, upon which that is done.
pub(crate) fn sendfile(_: NonBlocking<'_>, _: BorrowedHandle<'_>, _: &mut u64, _: usize) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}

/// Reads from `offset` of a file, which moves its position.
///
/// # Errors
/// WSAEINVAL of what is no file of a disk.
pub(crate) fn pread(file: BorrowedHandle<'_>, into: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let file = file.file().ok_or(Errno::INVAL)?.as_raw_handle();
    // SAFETY: the handle is lent for the length of the call.
    if unsafe { GetFileType(file) } != FILE_TYPE_DISK {
        return Err(Errno::INVAL);
    }
    // SAFETY: as above; it is not closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_handle(file) });
    file.seek_read(into, offset).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))
}

/// Reads an option's bytes into `into`; gives how many there were.
pub(crate) fn getsockopt(fd: BorrowedHandle<'_>, level: i32, name: i32, into: &mut [u8]) -> Result<usize, Errno> {
    let entered = fd.enter()?;
    let mut len = cut(into.len(), i32::MAX as usize);
    // SAFETY: `into` is writable for the length given; the system says in it how much it has written.
    counted(unsafe { w::getsockopt(entered.socket(), level, name, into.as_mut_ptr(), &mut len) })?;
    Ok(into.len().min(usize::try_from(len).unwrap_or(0)))
}

/// What Winsock knows of a socket's kind.
fn protocol_info(fd: BorrowedHandle<'_>) -> Result<w::WSAPROTOCOL_INFOW, Errno> {
    let entered = fd.enter()?;
    let mut info = w::WSAPROTOCOL_INFOW::default();
    let mut len = size_of_val(&info) as i32;
    // SAFETY: there is room for what is asked for, whose length is given.
    let failed = unsafe {
        let room = (&raw mut info).cast();
        w::getsockopt(entered.socket(), w::SOL_SOCKET, w::SO_PROTOCOL_INFOW, room, &mut len)
    };
    counted(failed).map(|_| info)
}

/// Sets an option to these bytes.
pub(crate) fn setsockopt(fd: BorrowedHandle<'_>, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
    let entered = fd.enter()?;
    let len = i32::try_from(value.len()).map_err(|_| Errno::INVAL)?;
    // SAFETY: `value` is readable for the length given.
    counted(unsafe { w::setsockopt(entered.socket(), level, name, value.as_ptr(), len) }).map(drop)
}

/// The error that waits for the socket, which this takes away.
pub(crate) fn take_error(fd: BorrowedHandle<'_>) -> Result<(), Errno> {
    let mut error = [0; 4];
    getsockopt(fd, w::SOL_SOCKET, w::SO_ERROR, &mut error)?;
    match i32::from_ne_bytes(error) {
        0 => Ok(()),
        error => {
            forget_attempt(fd);
            Err(Errno::of(error))
        }
    }
}

/// Whether closing the last handle waits for the peer: SO_LINGER is on, and its time above zero.
pub(crate) fn lingers(fd: BorrowedHandle<'_>) -> bool {
    let mut linger = [0; 4];
    let is_known = getsockopt(fd, w::SOL_SOCKET, w::SO_LINGER, &mut linger).is_ok();
    is_known && linger[..2] != [0; 2] && linger[2..] != [0; 2]
}

/// Has closing return at once: the connection then ends in the background.
pub(crate) fn linger_in_background(fd: BorrowedHandle<'_>) -> Result<(), Errno> {
    setsockopt(fd, w::SOL_SOCKET, w::SO_LINGER, &[0; 4])
}

/// A second handle of the same socket, in the same mode.
pub(crate) fn dup(fd: BorrowedHandle<'_>) -> Result<OwnedHandle, Errno> {
    let entered = fd.enter()?;
    begin()?;
    let mut info = w::WSAPROTOCOL_INFOW::default();
    // SAFETY: there is room for what is told, and the process is this one.
    counted(unsafe { w::WSADuplicateSocketW(entered.socket(), GetCurrentProcessId(), &mut info) })?;
    let flags = w::WSA_FLAG_OVERLAPPED | w::WSA_FLAG_NO_HANDLE_INHERIT;
    let any = w::FROM_PROTOCOL_INFO;
    // SAFETY: what was just told is read during the call.
    let made = of_call(unsafe { w::WSASocketW(any, any, any, &raw const info, 0, flags) })?;
    // It belongs to the socket; to say so again does no harm where the system thinks it belongs to the handle.
    set_nonblocking(made.as_fd(), true)?;
    Ok(made)
}

pub(crate) fn set_nonblocking(fd: BorrowedHandle<'_>, nonblocking: bool) -> Result<(), Errno> {
    raw::set_nonblocking(fd.enter()?.raw, nonblocking)
}

pub(crate) fn is_inheritable(fd: BorrowedHandle<'_>) -> Result<bool, Errno> {
    let entered = fd.enter()?;
    let mut flags = 0;
    // SAFETY: a socket is a handle of the system's like others, and the number is ours to be written.
    if unsafe { GetHandleInformation(entered.socket() as HANDLE, &mut flags) } == 0 {
        return Err(Errno::last_of_system());
    }
    Ok(flags & HANDLE_FLAG_INHERIT != 0)
}

pub(crate) fn set_inheritable(fd: BorrowedHandle<'_>, inheritable: bool) -> Result<(), Errno> {
    raw::set_inheritable(fd.enter()?.raw, inheritable)
}

/// Ends what a number stands for: no call begins with it any more, and the last one that is inside closes it.
pub(crate) fn bury(fd: BorrowedHandle<'_>) -> Result<(), Errno> {
    fd.bury();
    Ok(())
}

/// Whether it is a stream of bytes, and not one of messages.
pub(crate) fn is_stream(fd: BorrowedHandle<'_>) -> Result<bool, Errno> {
    let mut kind = [0; 4];
    getsockopt(fd, w::SOL_SOCKET, w::SO_TYPE, &mut kind)?;
    Ok(i32::from_ne_bytes(kind) == w::SOCK_STREAM)
}

/// The family of the socket's addresses.
pub(crate) fn family(fd: BorrowedHandle<'_>) -> Result<i32, Errno> {
    Ok(protocol_info(fd)?.iAddressFamily)
}

/// The number of the socket's protocol.
pub(crate) fn protocol(fd: BorrowedHandle<'_>) -> Result<i32, Errno> {
    Ok(protocol_info(fd)?.iProtocol)
}

/// The system does not tell how much of what was sent the peer has.
///
/// # Errors
/// That Windows has no such call.
pub(crate) fn is_acknowledged(_: BorrowedHandle<'_>) -> Result<bool, Errno> {
    Err(Errno::NOSYS)
}

/// Whether the number is a socket's at all.
pub(crate) fn check_is_socket(fd: BorrowedHandle<'_>) -> Result<(), Errno> {
    let mut kind = [0; 4];
    getsockopt(fd, w::SOL_SOCKET, w::SO_TYPE, &mut kind).map(drop)
}

fn cut(len: usize, most: usize) -> i32 {
    // Neither is more than fits.
    len.min(most) as i32
}

/// A receive never waits to fill its buffer, with which Winsock refuses the flag; "do not wait" is no flag of its.
pub(super) fn receive_flags(flags: i32) -> i32 {
    flags & !(c::MSG_DONTWAIT | c::MSG_WAITALL)
}

pub(super) fn send_flags(flags: i32) -> i32 {
    flags & !c::MSG_DONTWAIT
}

/// An address as calls take it.
pub(super) fn parts(address: &SockAddr) -> (*const w::SOCKADDR, i32) {
    let bytes = address.as_bytes();
    // At most 128.
    (bytes.as_ptr().cast(), bytes.len() as i32)
}

/// Room for an address, as calls give it.
#[repr(C, align(8))]
pub(super) struct Room {
    pub(super) bytes: [u8; SockAddr::CAPACITY],
    pub(super) len: i32,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: [0; SockAddr::CAPACITY], len: SockAddr::CAPACITY as i32 }
    }
}

impl Room {
    /// What was given; none where the system has left the family out, as for streams.
    pub(super) fn address(&self) -> Option<SockAddr> {
        let len = usize::try_from(self.len).ok()?.min(SockAddr::CAPACITY);
        SockAddr::new(&self.bytes[..len]).filter(|address| address.family() != i32::from(w::AF_UNSPEC))
    }
}
