//! Many datagrams at once: by one call of the system where it has one, else by one for each.

use std::io::{IoSlice, IoSliceMut};
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

use smallvec::SmallVec;

use super::recv::{or_end, receive_readiness};
use crate::batch::{Outgoing, RecvBatch};
use crate::constant::{Kind, MessageFlags};
use crate::option::SocketOption;
use crate::sys::address::SockAddr;
use crate::sys::batch::{self, JOINED, MOST, MOST_PIECES, TELL_LENGTH};
use crate::sys::datagrams::{Group, Messages, Slot};
use crate::sys::message::{self, ControlBuffer};
use crate::sys::{BorrowedHandle, Errno, Readiness, socket};
use crate::wait::{Interest, Moves, Operation, Pause};

/// By which of the system's calls batches go, in the whole process: for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BatchCalls {
    /// By the best that there are.
    Best,
    /// By one for many messages, each of which is one datagram.
    Many,
    /// By one for each datagram, as where the system has no other.
    OneByOne,
}

static CALLS: AtomicU8 = AtomicU8::new(BatchCalls::Best as u8);

/// Has batches go by other calls than the best that there are, in the whole process: for tests.
pub fn set_batch_calls(calls: BatchCalls) {
    CALLS.store(calls as u8, Ordering::Relaxed);
}

fn may_use(calls: BatchCalls) -> bool {
    CALLS.load(Ordering::Relaxed) <= calls as u8
}

/// The most datagrams that the system cuts one message apart into: Linux has raised it. Source: UDP_MAX_SEGMENTS in its
/// linux/udp.h.
const MOST_SEGMENTS: [usize; 2] = [128, 64];
/// The most bytes of one message: an IPv4 packet less its headers.
const MOST_BYTES: usize = 65_507;

static NOTHING_BESIDE: ControlBuffer = ControlBuffer::NONE;

/// Datagrams on their way, in their order.
pub struct BatchToSend<'a> {
    datagrams: &'a [Outgoing<'a>],
    /// What goes beside each message.
    control: &'a ControlBuffer,
    flags: MessageFlags,
    /// How many datagrams the system cuts one message apart into, 1 where it does not; 0 where nobody has asked it yet.
    segments: usize,
    /// How many datagrams have gone out.
    pub sent: usize,
    /// How many bytes they had.
    pub bytes: u64,
}

/// What one call is to send: messages of the datagrams that are next.
#[derive(Default)]
struct Plan {
    addresses: SmallVec<[SockAddr; 2]>,
    groups: SmallVec<[Group; MOST]>,
}

impl<'a> BatchToSend<'a> {
    /// `can_segment`: whether the system cuts messages of this socket apart; asked at the first try where it is not known.
    pub fn new(datagrams: &'a [Outgoing<'a>], flags: MessageFlags, can_segment: Option<bool>) -> Self {
        let may_segment = flags == MessageFlags::NONE && datagrams.len() > 1 && may_use(BatchCalls::Best);
        let can_segment = if may_segment { can_segment } else { Some(false) };
        Self {
            datagrams,
            control: &NOTHING_BESIDE,
            flags,
            segments: can_segment.map_or(0, most_segments),
            sent: 0,
            bytes: 0,
        }
    }

    /// With these control messages beside each datagram.
    pub(crate) fn with_control(mut self, control: &'a ControlBuffer) -> Self {
        self.control = control;
        // Who says how long the parts of each are to be is not overruled.
        if batch::has_segment_size(control) {
            self.segments = 1;
        }
        self
    }

    /// One try to send what is left, which never waits.
    ///
    /// # Errors
    /// That something is left; the system's, of the next datagram.
    pub fn send_on(&mut self, fd: BorrowedHandle<'_>) -> Result<(), Pause> {
        if self.segments == 0 {
            self.segments = most_segments(batch::can_segment(fd));
        }
        // Filled where it lies: it is long.
        let mut plan = Plan::default();
        self.fill(&mut plan);
        let sent = match self.call(fd, &plan) {
            Ok(sent) => sent,
            Err(errno) if plan.groups[0].segment > 0 => return Err(self.try_fewer(errno)),
            Err(errno) => return Err(errno.into()),
        };
        for group in &plan.groups[..sent] {
            self.sent += group.count;
            self.bytes += group.bytes as u64;
        }
        if self.sent == self.datagrams.len() { Ok(()) } else { Err(Pause::Progress) }
    }

    /// The datagram that is next, and its place in the batch.
    pub fn next(&self) -> Option<(usize, &'a Outgoing<'a>)> {
        self.datagrams.get(self.sent).map(|datagram| (self.sent, datagram))
    }

    /// The messages of the next call.
    fn fill(&self, plan: &mut Plan) {
        let mut rest = &self.datagrams[self.sent..];
        let mut room = MOST_PIECES;
        let mut last: Option<&Outgoing<'_>> = None;
        while let Some(first) = rest.first().filter(|_| room > 0 && plan.groups.len() < MOST) {
            let mut run = run_of(&rest[..rest.len().min(self.segments).min(room)]);
            run.to = first.address.map(|address| {
                if !last.is_some_and(|last| is_same(last, first)) {
                    plan.addresses.push(address.to_sockaddr());
                }
                plan.addresses.len() - 1
            });
            (last, rest, room) = (Some(first), &rest[run.count..], room - run.count);
            plan.groups.push(run);
        }
    }

    /// One call, or one for each datagram; how many messages went, which is at least one.
    fn call(&self, fd: BorrowedHandle<'_>, plan: &Plan) -> Result<usize, Errno> {
        let Plan { addresses, groups } = plan;
        let mut rest = &self.datagrams[self.sent..];
        let data = |datagram: &Outgoing<'a>| datagram.data;
        let messages = Messages { groups, datagrams: rest, data, addresses };
        if may_use(BatchCalls::Many)
            && let Some(sent) = batch::send(fd, &messages, self.control, self.flags.0)
        {
            return sent;
        }
        for (index, group) in groups.iter().enumerate() {
            let to = group.to.map(|index| &addresses[index]);
            let (these, after) = rest.split_at(group.count);
            let pieces: SmallVec<[IoSlice<'_>; 1]> = these.iter().map(|these| IoSlice::new(these.data)).collect();
            rest = after;
            match message::sendmsg(fd, &pieces, self.control, to, self.flags.0) {
                // Report what went out; the error will show again.
                Err(_) if index > 0 => return Ok(index),
                Err(errno) => return Err(errno),
                Ok(_) => {}
            }
        }
        Ok(groups.len())
    }

    /// Fewer segments, if the system said no to so many, or to any: those that are no fault of a single datagram's.
    fn try_fewer(&mut self, errno: Errno) -> Pause {
        if self.segments == 1 || !batch::may_be_of_segments(errno) {
            return errno.into();
        }
        let is_first_no = errno == Errno::INVAL && self.segments == MOST_SEGMENTS[0];
        self.segments = if is_first_no { MOST_SEGMENTS[1] } else { 1 };
        Pause::Again
    }
}

fn most_segments(can_segment: bool) -> usize {
    if can_segment { MOST_SEGMENTS[0] } else { 1 }
}

/// Sends all datagrams of a batch. What it says of those that went outlives a failure.
pub(crate) struct SendBatch<'a> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) batch: BatchToSend<'a>,
}

impl Operation for SendBatch<'_> {
    type Output = ();
    const COMPOSITE: bool = true;

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        self.batch.send_on(self.fd)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}

/// Those datagrams, from the first one on, that can be one message: they are of one length, but for a shorter last one, and
/// go to one address.
fn run_of(datagrams: &[Outgoing<'_>]) -> Group {
    let first = &datagrams[0];
    let length = first.data.len();
    let mut run = Group { count: 1, bytes: length, is_one_piece: true, to: None, segment: 0 };
    if length == 0 || length > MOST_BYTES / 2 {
        return run;
    }
    let mut end = first.data.as_ptr().wrapping_add(length);
    let mut add = |next: &Outgoing<'_>| {
        run.is_one_piece &= next.data.as_ptr() == end;
        end = end.wrapping_add(next.data.len());
    };
    let most = datagrams.len().min(MOST_BYTES / length);
    let is_next = |next: &&Outgoing<'_>| next.data.len() == length && is_same(first, next);
    run.count += datagrams[1..most].iter().take_while(is_next).inspect(|next| add(next)).count();
    run.bytes = run.count * length;
    let shorter =
        datagrams.get(run.count).filter(|last| (1..length).contains(&last.data.len()) && is_same(first, last));
    if let Some(last) = shorter.filter(|last| run.bytes + last.data.len() <= MOST_BYTES) {
        add(last);
        (run.count, run.bytes) = (run.count + 1, run.bytes + last.data.len());
    }
    // At most as many bytes as one message has.
    run.segment = if run.count > 1 { length as u16 } else { 0 };
    run
}

/// Whether both go to the same address: mostly it is the very same value.
#[inline]
fn is_same(one: &Outgoing<'_>, other: &Outgoing<'_>) -> bool {
    let place = |of: &Outgoing<'_>| of.address.map_or(ptr::null(), ptr::from_ref);
    place(one) == place(other) || is_equal(one, other)
}

#[inline(never)]
fn is_equal(one: &Outgoing<'_>, other: &Outgoing<'_>) -> bool {
    one.address == other.address
}

/// One receive of what is there, as many datagrams as there is room for, which never waits; `ready` is what the last wait saw.
///
/// # Errors
/// That there is none; the system's.
pub fn receive_batch(
    fd: BorrowedHandle<'_>,
    into: &mut RecvBatch,
    flags: MessageFlags,
    ready: Readiness,
) -> Result<usize, Pause> {
    into.clear();
    let received = if may_use(BatchCalls::Many) {
        let (headers, room, control, slots) = into.parts();
        batch::receive(fd, headers, room, control, slots, flags.0)
    } else {
        None
    };
    let filled = or_end(received.unwrap_or_else(|| one_by_one(fd, into, flags)), ready, 0)?;
    let (_, _, _, slots) = into.parts();
    let is_empty = |slot: &&Slot| slot.len == 0 && slot.control.is_empty();
    // The end of a connection of messages shows as an empty one, again and again, in all the places that are left.
    let ends = if filled == slots.len() { slots.iter().rev().take_while(is_empty).count() } else { 0 };
    Ok(into.note(if ends > 0 && is_connection_of_messages(fd) { filled - ends } else { filled }))
}

fn is_connection_of_messages(fd: BorrowedHandle<'_>) -> bool {
    const TYPE: SocketOption<Kind> = SocketOption::TYPE;
    let mut kind = [0; 4];
    let asked = socket::getsockopt(fd, TYPE.level, TYPE.name, &mut kind);
    asked.is_ok() && i32::from_ne_bytes(kind) == Kind::SEQPACKET.0
}

/// Has the system join datagrams from now on, where it can: other systems and other sockets are left as they are.
///
/// # Errors
/// The system's.
pub fn join_datagrams(fd: BorrowedHandle<'_>) -> Result<(), Errno> {
    match batch::join(fd) {
        Err(Errno::NOSYS | Errno::NOPROTOOPT | Errno::OPNOTSUPP) => Ok(()),
        done => done,
    }
}

/// One receive for each datagram.
fn one_by_one(fd: BorrowedHandle<'_>, into: &mut RecvBatch, flags: MessageFlags) -> Result<usize, Errno> {
    let (flags, size) = (flags.0 | TELL_LENGTH, into.size());
    let (_, room, control, slots) = into.parts();
    for (index, (slot, part)) in slots.iter_mut().zip(room.chunks_exact_mut(size)).enumerate() {
        let mut beside = ControlBuffer::with_room(control)?;
        match message::recvmsg(fd, &mut [IoSliceMut::new(part)], &mut beside, flags) {
            Ok(received) => *slot = slot_of(received),
            // What is there is given; the error will show again.
            Err(_) if index > 0 => return Ok(index),
            Err(errno) => return Err(errno),
        }
    }
    Ok(slots.len())
}

/// What one plain receive gave.
fn slot_of(received: message::ReceivedMessage<message::ReceivedControl>) -> Slot {
    let message::ReceivedMessage { len, flags, address, mut control } = received;
    let joined = control.iter().position(|message| Some((message.level, message.kind)) == JOINED);
    let segment = joined.and_then(|index| {
        let length = control.remove(index).data;
        usize::try_from(i32::from_ne_bytes(length.try_into().ok()?)).ok()
    });
    Slot { address, len, flags, segment: segment.unwrap_or(0), control }
}

/// Receives what is there, as many datagrams as there is room for.
pub(crate) struct ReceiveBatch<'a> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) into: &'a mut RecvBatch,
    pub(crate) flags: MessageFlags,
}

impl Operation for ReceiveBatch<'_> {
    type Output = usize;

    fn attempt(&mut self, ready: Readiness) -> Result<usize, Pause> {
        receive_batch(self.fd, self.into, self.flags, ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, receive_readiness(self.flags));
    }

    fn takes_what_comes(&self) -> bool {
        true
    }

    fn moves(&self) -> Moves {
        Moves::In
    }
}
