//! Batches of datagrams as values: what is sent, and the room that is received into.

use std::iter::Zip;
use std::slice::{self, ChunksExact};

use crate::addr::Address;
use crate::ancillary::ControlMessage;
use crate::constant::MessageFlags;
use crate::error::{Error, Reason, Result};
use crate::sys::address::SockAddr;
use crate::sys::batch::{Headers, IS_CUT};
use crate::sys::datagrams::Slot;

/// Longer than any datagram of UDP, and as long as the longest message that the system joins of several.
const LONGEST: usize = 65_535;
/// Bytes of control messages that there is room for unasked: the length of joined datagrams, without which they would pass
/// for one, behind all that Linux may put before it: times (32, 64 and 32), drops, mark and priority (24 each).
const LEAST_CONTROL: usize = 256;

/// One datagram of a batch to send: its bytes, and where to.
///
/// ```
/// use shotclock::{Address, Outgoing};
/// let somewhere = Address::from(([127, 0, 0, 1], 9));
/// let (here, there) = (Outgoing::from(&b"to the connected peer"[..]), Outgoing::to(b"elsewhere", &somewhere));
/// assert_eq!((here.address, there.address), (None, Some(&somewhere)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'d> {
    /// The bytes, 0 to 65,507 of them over IPv4, 65,527 over IPv6: of more the system says EMSGSIZE.
    pub data: &'d [u8],
    /// Where to; `None` for the connected peer.
    pub address: Option<&'d Address>,
}

impl<'d> Outgoing<'d> {
    /// A datagram to an address.
    ///
    /// ```
    /// use shotclock::{Address, Outgoing};
    /// let to = Address::from(([127, 0, 0, 1], 9));
    /// assert_eq!(Outgoing::to(b"hello", &to).data, b"hello");
    /// ```
    #[must_use]
    pub fn to(data: &'d [u8], address: &'d Address) -> Self {
        Self { data, address: Some(address) }
    }
}

/// A datagram to the connected peer.
impl<'d> From<&'d [u8]> for Outgoing<'d> {
    fn from(data: &'d [u8]) -> Self {
        Self { data, address: None }
    }
}

/// Room for a batch of datagrams, to be used again and again: [`Socket::recv_batch`](crate::Socket::recv_batch) fills it, and
/// forgets what the last one has left there.
///
/// ```
/// use shotclock::{Family, Kind, Outgoing, RecvBatch, Socket};
/// use std::time::Duration;
/// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
/// socket.bind(("127.0.0.1", 0))?;
/// socket.connect(socket.getsockname()?)?;
/// socket.set_timeout(Duration::from_secs(5));
/// let mut batch = RecvBatch::new(64, 1500)?;
/// for words in [["one", "two"], ["three", "four"]] {
///     socket.send_batch(&words.map(|word| Outgoing::from(word.as_bytes())))?;
///     assert_eq!(socket.recv_batch(&mut batch)?, 2);
///     let received: Vec<&[u8]> = batch.iter().map(|datagram| datagram.data()).collect();
///     assert_eq!(received, words.map(str::as_bytes));
/// }
/// # Ok::<(), shotclock::Error>(())
/// ```
pub struct RecvBatch {
    room: Box<[u8]>,
    control: usize,
    slots: Vec<Slot>,
    /// What came beside the data, for each place that was filled.
    ancillary: Vec<Vec<ControlMessage>>,
    headers: Headers,
    /// How many places were filled, and how many datagrams they hold.
    filled: usize,
    datagrams: usize,
    joins: bool,
}

impl RecvBatch {
    /// Room for `count` datagrams of up to `size` bytes each. A longer one is cut to `size`, and
    /// [`Datagram::is_cut`] says so.
    ///
    /// All of it is one block of memory, `count` × `size` bytes, made here. For control messages each has room of 256 bytes
    /// beside that, enough for the time, the TTL and the interface of a datagram together; see
    /// [`with_ancillary`](Self::with_ancillary).
    ///
    /// # Errors
    /// A count or a size of 0; no memory for so much.
    ///
    /// ```
    /// use shotclock::RecvBatch;
    /// assert!(RecvBatch::new(32, 1500)?.is_empty());
    /// let error = RecvBatch::new(0, 1500).unwrap_err();
    /// assert_eq!(error.to_string(), "recv_batch: room for 0 datagrams of 1500 bytes: expected 1 or more of each");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn new(count: usize, size: usize) -> Result<Self> {
        if count == 0 || size == 0 {
            let text = format!("room for {count} datagrams of {size} bytes: expected 1 or more of each");
            return Err(Error::invalid("recv_batch", text));
        }
        let room = count.checked_mul(size).and_then(zeroed).zip(places(count));
        let (room, slots) = room.ok_or_else(|| {
            let text = format!("no memory for {count} datagrams of {size} bytes");
            Error::new("recv_batch", Reason::OutOfMemory(text))
        })?;
        Ok(Self {
            room,
            control: LEAST_CONTROL,
            slots,
            ancillary: Vec::new(),
            headers: Headers::default(),
            filled: 0,
            datagrams: 0,
            joins: false,
        })
    }

    /// Room for `count` messages of up to 65,535 bytes each, which asks the system to join datagrams of one length from one
    /// sender (UDP_GRO, Linux): each message then holds up to 128 of them, and [`iter`](Self::iter) gives them apart, as
    /// they were sent. Where the system does not join them this is `RecvBatch::new(count, 65535)`.
    ///
    /// It is the fastest way to receive many. The first receive into it sets UDP_GRO on the socket, for good: from then on
    /// receive from it by such batches alone. A plain `recv` there would be given joined datagrams as one, and a batch of
    /// smaller places loses what of them does not fit.
    ///
    /// # Errors
    /// As for [`new`](Self::new). Source: udp(7).
    ///
    /// ```
    /// use shotclock::{Family, Kind, Outgoing, RecvBatch, Socket};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// socket.connect(socket.getsockname()?)?;
    /// socket.set_timeout(Duration::from_secs(5));
    /// let mut batch = RecvBatch::joining(4)?;
    /// socket.wait_ready(shotclock::Ready::WRITABLE)?;
    /// socket.send_batch(&[Outgoing::from(&b"a datagram"[..]); 3])?;
    /// socket.recv_batch(&mut batch)?;
    /// assert!(batch.iter().all(|datagram| datagram.data() == b"a datagram"));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "UDP_GRO")]
    pub fn joining(count: usize) -> Result<Self> {
        Ok(Self { joins: true, ..Self::new(count, LONGEST)? })
    }

    /// This room, with `bytes` more than those 256 for the control messages of each datagram, up to 2^31; what does not fit is
    /// cut off, and its `flags()` have `CTRUNC`. [`ControlMessage`] says how many bytes each kind takes.
    ///
    /// ```
    /// use shotclock::{RecvBatch, cmsg_space};
    /// let batch = RecvBatch::new(8, 1500)?.with_ancillary(cmsg_space(4)?);
    /// assert!(batch.is_empty());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn with_ancillary(mut self, bytes: usize) -> Self {
        // Aligned as the system aligns each of them.
        self.control = LEAST_CONTROL + bytes.min(1 << 31).next_multiple_of(8);
        self
    }

    /// How many datagrams the last receive has brought; of joined ones it may be more than there are places.
    ///
    /// ```
    /// assert_eq!(shotclock::RecvBatch::new(8, 1500)?.len(), 0);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.datagrams
    }

    /// Whether it holds none.
    ///
    /// ```
    /// assert!(shotclock::RecvBatch::new(8, 1500)?.is_empty());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.datagrams == 0
    }

    /// The datagrams, in the order in which they came.
    ///
    /// ```
    /// use shotclock::{Family, Kind, RecvBatch, Socket};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// let me = socket.getsockname()?;
    /// socket.sendto(b"hello", me)?;
    /// let mut batch = RecvBatch::new(8, 3)?;
    /// socket.recv_batch(&mut batch)?;
    /// let datagram = batch.iter().next().unwrap();
    /// assert_eq!((datagram.data(), datagram.address()), (&b"hel"[..], Some(me)));
    /// assert!(datagram.is_cut());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn iter(&self) -> Datagrams<'_> {
        let size = self.size();
        let places = self.slots[..self.filled].iter().zip(self.room.chunks_exact(size));
        Datagrams { places, ancillary: self.ancillary.iter(), of_place: Place::NONE, left: self.datagrams }
    }

    /// Whether it asks the system to join datagrams.
    pub(crate) fn joins(&self) -> bool {
        self.joins
    }

    /// The bytes of each place.
    pub(crate) fn size(&self) -> usize {
        self.room.len() / self.slots.len()
    }

    /// What is received into: headers, all the room, how much there is for control messages, and the places.
    pub(crate) fn parts(&mut self) -> (&mut Headers, &mut [u8], usize, &mut [Slot]) {
        (&mut self.headers, &mut self.room, self.control, &mut self.slots)
    }

    /// Forgets what is there: for a receive that may yet fail.
    pub(crate) fn clear(&mut self) {
        self.ancillary.clear();
        (self.filled, self.datagrams) = (0, 0);
    }

    /// Notes how many places were filled; gives how many datagrams they hold.
    pub(crate) fn note(&mut self, filled: usize) -> usize {
        self.filled = filled;
        let slots = &mut self.slots[..filled];
        self.datagrams = slots.iter().map(count).sum();
        if slots.iter().any(|slot| !slot.control.is_empty()) {
            let own =
                |slot: &mut Slot| std::mem::take(&mut slot.control).into_iter().map(ControlMessage::from).collect();
            self.ancillary = slots.iter_mut().map(own).collect();
        }
        self.datagrams
    }
}

/// How long each datagram of a place is.
fn segment(slot: &Slot) -> usize {
    if slot.segment == 0 { slot.len.max(1) } else { slot.segment }
}

/// How many datagrams a place holds; an empty one is one too.
fn count(slot: &Slot) -> usize {
    slot.len.div_ceil(segment(slot)).max(1)
}

/// So many bytes, which the system has not yet to give.
fn zeroed(len: usize) -> Option<Box<[u8]>> {
    // Where there is so much the allocator gives it as zeroes, without writing them; else this says no before that aborts.
    Vec::<u8>::new().try_reserve_exact(len).ok()?;
    Some(vec![0; len].into_boxed_slice())
}

/// So many places.
fn places(count: usize) -> Option<Vec<Slot>> {
    let mut slots = Vec::new();
    slots.try_reserve_exact(count).ok()?;
    slots.resize_with(count, Slot::default);
    Some(slots)
}

impl std::fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (places, size) = (self.slots.len(), self.size());
        f.debug_struct("RecvBatch").field("places", &places).field("size", &size).field("len", &self.len()).finish()
    }
}

/// The datagrams of a batch, in the order in which they came: what [`RecvBatch::iter`] gives.
///
/// ```
/// use shotclock::{Family, Kind, RecvBatch, socketpair};
/// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
/// one.send(b"one")?;
/// one.send(b"three")?;
/// let mut batch = RecvBatch::new(8, 100)?;
/// other.recv_batch(&mut batch)?;
/// let mut bytes = 0;
/// for datagram in &batch {
///     bytes += datagram.data().len();
/// }
/// assert_eq!((batch.iter().len(), bytes), (2, 8));
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone)]
pub struct Datagrams<'b> {
    /// The places that are still to come, and what came beside the data of each.
    places: Zip<slice::Iter<'b, Slot>, ChunksExact<'b, u8>>,
    ancillary: slice::Iter<'b, Vec<ControlMessage>>,
    of_place: Place<'b>,
    left: usize,
}

/// What is left to give of one place: of joined datagrams several.
#[derive(Clone)]
struct Place<'b> {
    /// None before the first.
    slot: Option<&'b Slot>,
    ancillary: &'b [ControlMessage],
    room: &'b [u8],
    /// How many bytes they had when they were sent, which may be more than there was room for, and each.
    bytes: usize,
    length: usize,
    left: usize,
}

impl<'b> Place<'b> {
    const NONE: Self = Self { slot: None, ancillary: &[], room: &[], bytes: 0, length: 0, left: 0 };

    fn of(slot: &'b Slot, room: &'b [u8], ancillary: &'b [ControlMessage]) -> Self {
        let room = &room[..slot.len.min(room.len())];
        Self { slot: Some(slot), ancillary, room, bytes: slot.len, length: segment(slot), left: count(slot) }
    }
}

impl<'b> Iterator for Datagrams<'b> {
    type Item = Datagram<'b>;

    #[inline]
    fn next(&mut self) -> Option<Datagram<'b>> {
        if self.of_place.left == 0 {
            let (slot, room) = self.places.next()?;
            self.of_place = Place::of(slot, room, self.ancillary.next().map_or(&[], Vec::as_slice));
        }
        let place = &mut self.of_place;
        let full_len = place.length.min(place.bytes);
        let (data, room) = place.room.split_at(full_len.min(place.room.len()));
        (place.room, place.bytes, place.left) = (room, place.bytes - full_len, place.left - 1);
        self.left -= 1;
        Some(Datagram { data, full_len, slot: place.slot?, ancillary: place.ancillary })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl std::fmt::Debug for Datagrams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Datagrams").field("left", &self.left).finish_non_exhaustive()
    }
}

impl ExactSizeIterator for Datagrams<'_> {}
impl std::iter::FusedIterator for Datagrams<'_> {}

impl<'b> IntoIterator for &'b RecvBatch {
    type Item = Datagram<'b>;
    type IntoIter = Datagrams<'b>;

    fn into_iter(self) -> Datagrams<'b> {
        self.iter()
    }
}

/// One datagram of a batch that was received.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'b> {
    data: &'b [u8],
    full_len: usize,
    slot: &'b Slot,
    ancillary: &'b [ControlMessage],
}

impl<'b> Datagram<'b> {
    /// Its bytes, as many as there was room for.
    ///
    /// ```
    /// use shotclock::{Family, Kind, RecvBatch, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut batch = RecvBatch::new(8, 100)?;
    /// other.recv_batch(&mut batch)?;
    /// assert_eq!(batch.iter().next().unwrap().data(), b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn data(&self) -> &'b [u8] {
        self.data
    }

    /// Who sent it; `None` of an unnamed sender, or where the system does not say.
    ///
    /// ```
    /// use shotclock::{Family, Kind, RecvBatch, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut batch = RecvBatch::new(8, 100)?;
    /// other.recv_batch(&mut batch)?;
    /// assert_eq!(batch.iter().next().unwrap().address(), None);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn address(&self) -> Option<Address> {
        self.slot.address.as_ref().map(Address::from_sockaddr)
    }

    /// Who sent it, in the system's bytes; `None` as of [`address`](Self::address).
    ///
    /// ```
    /// use shotclock::{Family, Kind, RecvBatch, Socket};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// socket.sendto(b"hello", socket.getsockname()?)?;
    /// let mut batch = RecvBatch::new(8, 100)?;
    /// socket.recv_batch(&mut batch)?;
    /// assert_eq!(batch.iter().next().unwrap().sockaddr(), Some(&socket.getsockname()?.to_sockaddr()));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn sockaddr(&self) -> Option<&'b SockAddr> {
        self.slot.address.as_ref()
    }

    /// Whether there was not room for all of it: the rest is lost.
    ///
    /// ```
    /// use shotclock::{Family, Kind, RecvBatch, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut batch = RecvBatch::new(8, 2)?;
    /// other.recv_batch(&mut batch)?;
    /// let datagram = batch.iter().next().unwrap();
    /// assert!(datagram.is_cut());
    /// assert_eq!((datagram.data(), datagram.full_len()), (&b"he"[..], 5));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn is_cut(&self) -> bool {
        // Of joined datagrams it says so of all; which of them it is, the lengths tell.
        self.data.len() < self.full_len || self.slot.segment == 0 && self.slot.flags & IS_CUT != 0
    }

    /// How many bytes it had when it was sent; elsewhere than on Linux, of one that was cut, how many of them there are.
    ///
    /// ```
    /// use shotclock::{Family, Kind, RecvBatch, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut batch = RecvBatch::new(8, 100)?;
    /// other.recv_batch(&mut batch)?;
    /// assert_eq!(batch.iter().next().unwrap().full_len(), 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn full_len(&self) -> usize {
        self.full_len
    }

    /// What the system says of it: `TRUNC`, `CTRUNC`; of joined datagrams, of all of them.
    ///
    /// ```
    /// use shotclock::{Family, Kind, MessageFlags, RecvBatch, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut batch = RecvBatch::new(8, 2)?;
    /// other.recv_batch(&mut batch)?;
    /// assert!(batch.iter().next().unwrap().flags().contains(MessageFlags::TRUNC));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn flags(&self) -> MessageFlags {
        MessageFlags(self.slot.flags)
    }

    /// What came beside it, where the socket was asked to tell; of joined datagrams, beside the first of them. Descriptors
    /// among it are closed when the batch is used again or dropped. See [`RecvBatch::with_ancillary`].
    ///
    /// ```
    /// use shotclock::{ControlMessage, Family, Kind, RecvBatch, socketpair};
    /// use std::{io::IoSlice, os::fd::AsFd};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send_fds(&[IoSlice::new(b"x")], &[one.as_fd()])?;
    /// let mut batch = RecvBatch::new(8, 100)?;
    /// other.recv_batch(&mut batch)?;
    /// assert!(matches!(batch.iter().next().unwrap().ancillary(), [ControlMessage::Rights(fds)] if fds.len() == 1));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn ancillary(&self) -> &'b [ControlMessage] {
        self.ancillary
    }
}
