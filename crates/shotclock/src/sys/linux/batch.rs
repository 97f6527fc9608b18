//! Many datagrams by one call: sendmmsg(2) and recvmmsg(2), never with a timeout of the system's; datagrams of one length
//! that the system cuts apart (UDP_SEGMENT) and joins (UDP_GRO). Source: udp(7), and net/ipv4/udp.c of Linux.

use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use rustix::io::Errno;

use super::last_errno;
use super::message::{ControlBuffer, HEADER, each_control, own};
use super::msghdr::{ControlLen, Header, Parts};
use super::socket::{getsockopt, setsockopt};
use crate::sys::address::SockAddr;
use crate::sys::datagrams::{Messages, Slot};

/// So many messages at most are given to one sendmmsg(2): what is written for them lies on the stack.
pub(crate) const MOST: usize = 64;
/// So many pieces of data at most, of all its messages.
pub(crate) const MOST_PIECES: usize = 256;
/// So many messages at most are taken by one recvmmsg(2). Source: UIO_MAXIOV, linux/uio.h.
const MOST_RECEIVED: usize = 1024;
/// The control message that says how long each of several joined datagrams is.
pub(crate) const JOINED: Option<(i32, i32)> = Some((libc::SOL_UDP, libc::UDP_GRO));
/// What has a receive say how long a datagram was that it has cut.
pub(crate) const TELL_LENGTH: i32 = libc::MSG_TRUNC;
/// How a message says that it was cut.
pub(crate) const IS_CUT: i32 = libc::MSG_TRUNC;

/// The room of the one control message that is sent: a header, and 2 bytes, aligned.
const CONTROL: usize = (HEADER + 2).next_multiple_of(8);

/// `struct mmsghdr`, around the header by which this platform's calls go. Source: recvmmsg(2).
#[repr(C)]
struct Message {
    header: Header,
    /// How many bytes of it were moved.
    len: u32,
}

/// One control message, as the system wants it aligned.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Segment([u8; CONTROL]);

impl Segment {
    fn of(len: u16) -> Self {
        let mut bytes = [0; CONTROL];
        // `struct cmsghdr`: a length, a level, a type.
        const LEVEL: usize = size_of::<usize>();
        bytes[..LEVEL].copy_from_slice(&(HEADER + 2).to_ne_bytes());
        bytes[LEVEL..LEVEL + 4].copy_from_slice(&libc::SOL_UDP.to_ne_bytes());
        bytes[LEVEL + 4..LEVEL + 8].copy_from_slice(&libc::UDP_SEGMENT.to_ne_bytes());
        bytes[HEADER..HEADER + 2].copy_from_slice(&len.to_ne_bytes());
        Self(bytes)
    }
}

/// One sendmmsg(2) of these messages, each with the control messages, [`MOST`] of at most [`MOST_PIECES`]; gives how many went. An error is the first one's.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere there is no such call")]
pub(crate) fn send<'d, T, F: Fn(&T) -> &'d [u8]>(
    fd: BorrowedFd<'_>,
    what: &Messages<'_, T, F>,
    control: &ControlBuffer,
    flags: i32,
) -> Option<Result<usize, Errno>> {
    let mut beside: Vec<ControlBuffer> = Vec::new();
    let mut messages = [const { MaybeUninit::<Message>::uninit() }; MOST];
    let mut segments = [const { MaybeUninit::<Segment>::uninit() }; MOST];
    let mut vectors = Vectors { all: [const { MaybeUninit::uninit() }; MOST_PIECES], count: 0 };
    let (mut rest, mut count) = (what.datagrams, 0);
    for (group, (message, segment)) in what.groups.iter().zip(messages.iter_mut().zip(&mut segments)) {
        let mut header = empty_header();
        if let Some(to) = group.to.map(|index| what.addresses[index].as_bytes()) {
            header.msg_name = to.as_ptr().cast_mut().cast();
            header.msg_namelen = to.len() as libc::socklen_t;
        }
        let (these, after) = rest.split_at(group.count);
        (header.msg_iov, header.msg_iovlen) = match these {
            [first, ..] if group.is_one_piece => vectors.add_one((what.data)(first).as_ptr(), group.bytes),
            these => vectors.add(these.iter().map(&what.data)),
        };
        rest = after;
        if group.segment > 0 && control.is_empty() {
            header.msg_control = ptr::from_mut(segment.write(Segment::of(group.segment))).cast();
            header.msg_controllen = CONTROL as _;
        } else if group.segment > 0 {
            let mut both = control.clone();
            both.push((libc::SOL_UDP, libc::UDP_SEGMENT), &group.segment.to_ne_bytes());
            (header.msg_control, header.msg_controllen) = place_of(&both);
            beside.push(both);
        } else if !control.is_empty() {
            (header.msg_control, header.msg_controllen) = place_of(control);
        }
        message.write(Message { header, len: 0 });
        count += 1;
    }
    let (fd, flags) = (fd.as_raw_fd(), flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
    // SAFETY: the first `count` messages are written; their pointers are to live borrows of the lengths beside them, and to
    // `segments`, `vectors` and `beside`, which stay where they are; of all these sendmmsg only reads, and it writes each message's
    // `len`, which is ours.
    let sent = unsafe { libc::syscall(libc::SYS_sendmmsg, fd, messages.as_mut_ptr(), count, flags) };
    Some(usize::try_from(sent).map_err(|_| last_errno()))
}

/// Where control messages are, and how long.
fn place_of(control: &ControlBuffer) -> (*mut libc::c_void, ControlLen) {
    let bytes = control.as_bytes();
    (bytes.as_ptr().cast_mut().cast(), bytes.len() as ControlLen)
}

/// The pieces of data of all messages. What lies side by side is one.
struct Vectors {
    all: [MaybeUninit<libc::iovec>; MOST_PIECES],
    count: usize,
}

impl Vectors {
    /// Adds what is one piece already; gives where it is, and how many there are: one.
    fn add_one(&mut self, base: *const u8, len: usize) -> (*mut libc::iovec, Parts) {
        let begin = self.count;
        self.push(base, len);
        (self.all[begin..].as_mut_ptr().cast(), 1)
    }

    /// Adds those of one message; gives where they are, and how many. What there is no room for panics.
    fn add<'d>(&mut self, pieces: impl Iterator<Item = &'d [u8]>) -> (*mut libc::iovec, Parts) {
        let begin = self.count;
        let (mut base, mut len) = (ptr::null::<u8>(), 0);
        for piece in pieces {
            if !base.is_null() && base.wrapping_add(len) == piece.as_ptr() {
                len += piece.len();
                continue;
            }
            self.push(base, len);
            (base, len) = (piece.as_ptr(), piece.len());
        }
        self.push(base, len);
        (self.all[begin..].as_mut_ptr().cast(), (self.count - begin) as Parts)
    }

    /// Adds one, unless it is nowhere.
    fn push(&mut self, base: *const u8, len: usize) {
        if !base.is_null() {
            self.all[self.count].write(libc::iovec { iov_base: base.cast_mut().cast(), iov_len: len });
            self.count += 1;
        }
    }
}

/// What recvmmsg(2) is told and tells, kept between calls for its memory alone: all of it is written anew for each.
#[derive(Default)]
pub(crate) struct Headers {
    messages: Vec<Message>,
    pieces: Vec<libc::iovec>,
    names: Vec<[u8; SockAddr::CAPACITY]>,
    control: Vec<u8>,
}

// SAFETY: the pointers inside are used only in the call that has written them, which borrows the value alone.
unsafe impl Send for Headers {}
// SAFETY: nothing is read or written by a shared borrow.
unsafe impl Sync for Headers {}

impl Headers {
    /// So many messages, each with its part of `room`, and `control` bytes for control messages.
    fn write(&mut self, room: &mut [u8], control: usize, slots: usize) -> Result<(), Errno> {
        self.pieces.clear();
        self.messages.clear();
        let control_len = control.checked_mul(slots).ok_or(Errno::NOMEM)?;
        reserve(&mut self.names, slots)?;
        reserve(&mut self.control, control_len)?;
        reserve(&mut self.pieces, slots)?;
        reserve(&mut self.messages, slots)?;
        self.names.resize(slots, [0; SockAddr::CAPACITY]);
        self.control.resize(control_len, 0);
        self.pieces.extend(room.chunks_exact_mut(room.len() / slots).map(piece));
        let parts = self.pieces.iter_mut().zip(&mut self.names);
        for (index, (piece, name)) in parts.enumerate().take(slots) {
            let mut header = empty_header();
            header.msg_name = name.as_mut_ptr().cast();
            header.msg_namelen = SockAddr::CAPACITY as libc::socklen_t;
            header.msg_iov = ptr::from_mut(piece);
            header.msg_iovlen = 1;
            if control > 0 {
                header.msg_control = self.control[index * control..][..control].as_mut_ptr().cast();
                header.msg_controllen = control as _;
            }
            self.messages.push(Message { header, len: 0 });
        }
        Ok(())
    }
}

/// Has the vector have room for `len` values, or says that there is no memory, of which a vector that grows would abort.
fn reserve<T>(vector: &mut Vec<T>, len: usize) -> Result<(), Errno> {
    vector.try_reserve_exact(len.saturating_sub(vector.len())).map_err(|_| Errno::NOMEM)
}

fn piece(part: &mut [u8]) -> libc::iovec {
    libc::iovec { iov_base: part.as_mut_ptr().cast(), iov_len: part.len() }
}

/// One recvmmsg(2) into `room`, of which each of `slots` has an equal part; gives how many there were. Received descriptors
/// are close-on-exec, and owned.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere there is no such call")]
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    headers: &mut Headers,
    room: &mut [u8],
    control: usize,
    slots: &mut [Slot],
    flags: i32,
) -> Option<Result<usize, Errno>> {
    if let Err(errno) = headers.write(room, control, slots.len()) {
        return Some(Err(errno));
    }
    let (fd, flags) = (fd.as_raw_fd(), flags | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC | TELL_LENGTH);
    let mut all = 0;
    while all < slots.len() {
        let messages = &mut headers.messages[all..];
        let asked = messages.len().min(MOST_RECEIVED);
        let none = ptr::null_mut::<libc::timespec>();
        // SAFETY: each message's pointers are to the vectors beside it and to `room`, borrowed for this call, of the lengths
        // that stand beside them; `asked` of them are there. The system is given no timeout.
        let got = unsafe { libc::syscall(libc::SYS_recvmmsg, fd, messages.as_mut_ptr(), asked, flags, none) };
        let Ok(got) = usize::try_from(got) else {
            // What is there is given; the error, if it was one, shows again.
            return Some(if all > 0 { Ok(all) } else { Err(last_errno()) });
        };
        let taken = messages[..got].iter().zip(headers.names[all..].iter().zip(&mut slots[all..]));
        for (index, (message, (name, slot))) in taken.enumerate() {
            let begin = (all + index) * control;
            *slot = given(message, name, &headers.control[begin..begin + control]);
        }
        all += got;
        if got < asked {
            break;
        }
    }
    Some(Ok(all))
}

/// What the system says of one message.
fn given(message: &Message, name: &[u8; SockAddr::CAPACITY], control: &[u8]) -> Slot {
    let Message { header, len } = message;
    let name = &name[..(header.msg_namelen as usize).min(name.len())];
    #[allow(clippy::unnecessary_cast, reason = "of some headers it is a shorter number")]
    let control = &control[..(header.msg_controllen as usize).min(control.len())];
    let mut slot = Slot {
        address: SockAddr::new(name).filter(|address| address.family() != libc::AF_UNSPEC),
        len: *len as usize,
        // The system repeats the one flag that is always asked for.
        flags: header.msg_flags & !libc::MSG_CMSG_CLOEXEC,
        ..Slot::default()
    };
    for part in each_control(control) {
        if Some((part.level, part.kind)) != JOINED {
            slot.control.push(own(&part));
        } else if slot.segment == 0 {
            let length = part.data.first_chunk::<4>().map(|length| i32::from_ne_bytes(*length));
            // A number, and a positive one.
            slot.segment = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        }
    }
    slot
}

/// Whether the system cuts messages apart that are sent by this socket: it is UDP's, and the system is new enough. One that
/// is not would send them whole. And the program has set no length of its own, which holds for each datagram.
pub(crate) fn can_segment(fd: BorrowedFd<'_>) -> bool {
    let mut length = [0; 4];
    getsockopt(fd, libc::SOL_UDP, libc::UDP_SEGMENT, &mut length).is_ok() && length == [0; 4]
}

/// Whether these control messages say themselves into what the system is to cut the message apart.
pub(crate) fn has_segment_size(control: &ControlBuffer) -> bool {
    each_control(control.as_bytes()).any(|part| (part.level, part.kind) == (libc::SOL_UDP, libc::UDP_SEGMENT))
}

/// Whether a message may have been refused because it was to be cut apart: into too many, or longer than a packet (EINVAL),
/// or over an interface that has no checksums made (EIO).
pub(crate) fn may_be_of_segments(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::IO | Errno::MSGSIZE | Errno::OPNOTSUPP)
}

/// Has the system join datagrams of one length from one sender, from now on.
pub(crate) fn join(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    setsockopt(fd, libc::SOL_UDP, libc::UDP_GRO, &1_i32.to_ne_bytes())
}

fn empty_header() -> Header {
    // SAFETY: it is plain numbers and pointers, for which all zeroes is the empty message.
    unsafe { MaybeUninit::<Header>::zeroed().assume_init() }
}

const _: () = assert!(mem::offset_of!(Message, len) == size_of::<Header>());
