//! sendmsg(2) and recvmsg(2), and the layout of control messages.

use std::io::{IoSlice, IoSliceMut};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

pub use crate::sys::control::ControlSlice;
use crate::sys::control::{Kind, Layout};
pub(crate) use crate::sys::control::{ReceivedControl, ReceivedMessage};

pub(crate) use super::control_kinds::{KINDS, RIGHTS};
use super::last_errno;
use super::msghdr::{self, ControlLen, Header, Parts};
use crate::sys::address::SockAddr;

/// The bytes before a control message's data.
pub(crate) const HEADER: usize = LAYOUT.header;
/// What control messages are aligned to.
pub(crate) const ALIGNMENT: usize = LAYOUT.alignment;

const LAYOUT: Layout = {
    // macOS aligns them to 4 bytes on any processor. Source: CMSG_DATA in its sys/socket.h.
    let alignment = if cfg!(target_os = "macos") { 4 } else { size_of::<usize>() };
    let header = size_of::<libc::cmsghdr>().next_multiple_of(alignment);
    Layout { length: mem::offset_of!(libc::cmsghdr, cmsg_level), header, alignment }
};

/// What has received descriptors close-on-exec from birth, where there is such a flag.
#[cfg(not(any(target_os = "macos", shotclock_bsd)))]
const CLOSE_ON_EXEC: i32 = libc::MSG_CMSG_CLOEXEC;
#[cfg(any(target_os = "macos", shotclock_bsd))]
const CLOSE_ON_EXEC: i32 = 0;

/// Control messages ready to be sent, or room for received ones. The system copies the bytes: they need no alignment.
#[derive(Clone, Debug, Default)]
pub(crate) struct ControlBuffer(Vec<u8>);

impl ControlBuffer {
    /// No messages.
    pub(crate) const NONE: Self = Self(Vec::new());

    /// Room for `bytes` of received control messages.
    pub(crate) fn with_room(bytes: usize) -> Result<Self, Errno> {
        let mut room = Vec::new();
        room.try_reserve_exact(bytes).map_err(|_| Errno::NOMEM)?;
        room.resize(bytes, 0);
        Ok(Self(room))
    }

    /// Adds one message.
    pub(crate) fn push(&mut self, (level, kind): (i32, i32), data: &[u8]) {
        push_control_message(&mut self.0, level, kind, data);
    }

    /// Takes all messages out, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Their bytes.
    #[cfg(any(test, all(target_os = "linux", not(shotclock_bsd))))]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are no messages.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Adds one control message to the bytes of others.
pub fn push_control_message(control: &mut Vec<u8>, level: i32, kind: i32, data: &[u8]) {
    LAYOUT.push(control, level, kind, data);
}

/// One try to send `data` with the control messages to `to`, or to the connected peer.
pub(crate) fn sendmsg(
    fd: BorrowedFd<'_>,
    data: &[IoSlice<'_>],
    control: &ControlBuffer,
    to: Option<&SockAddr>,
    flags: i32,
) -> Result<usize, Errno> {
    send(fd, data, &control.0, to, flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
}

/// One sendmsg(2) with just these flags.
pub(crate) fn send(
    fd: BorrowedFd<'_>,
    data: &[IoSlice<'_>],
    control: &[u8],
    to: Option<&SockAddr>,
    flags: i32,
) -> Result<usize, Errno> {
    let mut header = empty_header();
    if let Some(to) = to {
        header.msg_name = to.as_bytes().as_ptr().cast_mut().cast();
        header.msg_namelen = to.as_bytes().len() as libc::socklen_t;
    }
    header.msg_iov = data.as_ptr().cast_mut().cast();
    header.msg_iovlen = data.len() as Parts;
    if !control.is_empty() {
        header.msg_control = control.as_ptr().cast_mut().cast();
        header.msg_controllen = control.len() as ControlLen;
    }
    // SAFETY: sendmsg only reads through the header's pointers, each of which is to a live borrow of the length given
    // beside it; IoSlice is guaranteed by std to have the layout of iovec.
    let sent = unsafe { msghdr::sendmsg(fd.as_raw_fd(), &header, flags) };
    usize::try_from(sent).map_err(|_| last_errno())
}

/// One try to receive into `data`, with control messages into `control`. Received descriptors are close-on-exec, and
/// owned, so that none is lost whatever becomes of the message.
pub(crate) fn recvmsg<T: From<ReceivedControl>>(
    fd: BorrowedFd<'_>,
    data: &mut [IoSliceMut<'_>],
    control: &mut ControlBuffer,
    flags: i32,
) -> Result<ReceivedMessage<T>, Errno> {
    let received = receive(fd, data, &mut control.0, flags | libc::MSG_DONTWAIT | CLOSE_ON_EXEC)?;
    Ok(ReceivedMessage {
        len: received.len,
        // The kernel repeats the one flag that is always asked for.
        flags: received.flags & !CLOSE_ON_EXEC,
        // Connected streams leave the name alone, or say it has no bytes.
        address: received.address.filter(|address| address.family() != libc::AF_UNSPEC),
        control: take_control(&control.0[..received.control_len]),
    })
}

/// Takes the control messages out of bytes that the system has just delivered, and the descriptors in them with it: of the
/// same bytes but once.
pub(crate) fn take_control<T: From<ReceivedControl>>(control: &[u8]) -> Vec<T> {
    parse_control(control).iter().map(|message| T::from(own(message))).collect()
}

/// What one recvmsg(2) gave.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// How many bytes of data there were; with MSG_TRUNC it may be more than there was room for.
    pub len: usize,
    /// How many bytes of control messages were written.
    pub control_len: usize,
    /// The flags that came back.
    pub flags: i32,
    /// Whose message it is, if the system says.
    pub address: Option<SockAddr>,
}

/// One recvmsg(2) with just these flags. Descriptors that come in control messages are the caller's to close.
pub fn receive(
    fd: BorrowedFd<'_>,
    data: &mut [IoSliceMut<'_>],
    control: &mut [u8],
    flags: i32,
) -> Result<Received, Errno> {
    let mut name = [0_u8; SockAddr::CAPACITY];
    let mut header = empty_header();
    header.msg_name = name.as_mut_ptr().cast();
    header.msg_namelen = SockAddr::CAPACITY as libc::socklen_t;
    header.msg_iov = data.as_mut_ptr().cast();
    header.msg_iovlen = data.len() as Parts;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = control.len() as ControlLen;
    // SAFETY: the header's pointers are to live mutable borrows of the lengths given beside them; IoSliceMut is
    // guaranteed by std to have the layout of iovec.
    let received = unsafe { msghdr::recvmsg(fd.as_raw_fd(), &mut header, flags) };
    let len = usize::try_from(received).map_err(|_| last_errno())?;
    let name_len = (header.msg_namelen as usize).min(name.len());
    #[allow(clippy::unnecessary_cast, reason = "of some systems' messages it is a shorter number")]
    let control_len = (header.msg_controllen as usize).min(control.len());
    Ok(Received { len, control_len, flags: header.msg_flags, address: SockAddr::new(&name[..name_len]) })
}

/// Splits control bytes into messages. Total: whatever the bytes, it ends, and every slice lies within them.
pub(crate) fn parse_control(bytes: &[u8]) -> Vec<ControlSlice<'_>> {
    LAYOUT.parse(bytes)
}

/// The messages one by one, as [`parse_control`] gives them together.
#[cfg(all(target_os = "linux", not(shotclock_bsd)))]
pub(crate) fn each_control(bytes: &[u8]) -> impl Iterator<Item = ControlSlice<'_>> {
    LAYOUT.each(bytes)
}

/// Closes the descriptors in control messages that have just been received, for whoever cannot hand them on.
pub fn close_received(control: &[u8]) {
    parse_control(control).iter().map(own).for_each(drop);
}

/// Takes ownership of what a message that the kernel has just delivered carries.
pub(crate) fn own(message: &ControlSlice<'_>) -> ReceivedControl {
    let ControlSlice { level, kind, data, .. } = *message;
    if !carries_descriptors((level, kind)) {
        return ReceivedControl { level, kind, data: data.to_vec(), rights: Vec::new() };
    }
    let numbers = data.chunks_exact(4).map(|number| i32::from_ne_bytes([number[0], number[1], number[2], number[3]]));
    // SAFETY: the kernel installed these descriptors for this very message, in this process, and nobody else knows
    // their numbers yet. Only whole numbers count; the kernel cuts rights at whole ones.
    let rights = numbers.filter(|number| *number >= 0).map(|number| unsafe { OwnedFd::from_raw_fd(number) });
    let rights: Vec<OwnedFd> = rights.collect();
    if CLOSE_ON_EXEC == 0 {
        for fd in &rights {
            // It is our own, and open.
            let _cannot_fail = rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC);
        }
    }
    ReceivedControl { level, kind, data: Vec::new(), rights }
}

fn carries_descriptors(message: Kind) -> bool {
    message == RIGHTS || Some(message) == KINDS.process
}

fn empty_header() -> Header {
    // SAFETY: it is plain numbers and pointers, for which all zeroes is the empty message.
    unsafe { MaybeUninit::<Header>::zeroed().assume_init() }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, IntoRawFd};

    use super::*;

    #[test]
    fn the_layout_is_the_systems() {
        let mut buffer = ControlBuffer::default();
        buffer.push((7, 8), b"xyz");
        let bytes = &buffer.0;
        // SAFETY: CMSG_SPACE is arithmetic on its argument.
        assert_eq!(bytes.len(), unsafe { libc::CMSG_SPACE(3) } as usize);
        let at = |offset: usize| i32::from_ne_bytes(bytes[offset..offset + 4].try_into().unwrap());
        assert_eq!(at(mem::offset_of!(libc::cmsghdr, cmsg_level)), 7);
        assert_eq!(at(mem::offset_of!(libc::cmsghdr, cmsg_type)), 8);
    }

    #[test]
    fn what_cannot_be_handed_on_is_closed() {
        let (ours, carried) = crate::sys::socket::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0).unwrap();
        let mut control = Vec::new();
        push_control_message(&mut control, libc::SOL_SOCKET, 99, &[1, 2, 3]);
        push_control_message(&mut control, libc::SOL_SOCKET, libc::SCM_RIGHTS, &carried.into_raw_fd().to_ne_bytes());
        close_received(&control);
        assert_eq!(crate::sys::socket::recv(ours.as_fd(), &mut [0; 1], 0), Ok(0), "the other end is gone");
    }
}
