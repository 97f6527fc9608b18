//! Control messages to send, as the system takes them.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;

use super::message::ControlMessage;
use super::packet::{PacketInfo, PacketInfo6, TrafficClass};
use crate::error::{Error, Result};
#[cfg(target_os = "linux")]
use crate::option::{Credentials, OptionValue};
use crate::sys::control::Kind;
use crate::sys::message::{ControlBuffer, KINDS, RIGHTS};
use crate::sys::{AsHandle, AsRawHandle, BorrowedHandle};

/// Control messages to send beside the bytes: what `sendmsg` takes, made step by step. Source: cmsg(3).
///
/// A value that no system takes, or that this one has no message for, is told by the call that sends it: the error names the
/// value. An array of [`ControlMessage`], even an empty one, does as well where nothing is borrowed.
///
/// ```
/// use shotclock::{Ancillary, ControlMessage, Family, Kind, socketpair};
/// use std::{io::IoSlice, os::fd::AsFd};
/// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
/// one.sendmsg(&[IoSlice::new(b"mine")], Ancillary::new().rights(&[one.as_fd()]), None)?;
/// let received = other.recv_fds(4, 1)?;
/// assert_eq!(received.fds.len(), 1);
///
/// let error = one.sendmsg(&[IoSlice::new(b"x")], Ancillary::new().ttl(0), None).unwrap_err();
/// assert_eq!(error.to_string(), "sendmsg: a time to live of 0: expected 1 to 255");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "SocketAncillary")]
pub struct Ancillary<'a> {
    control: Cow<'a, ControlBuffer>,
    /// Why it cannot be sent, once something was added that cannot.
    refused: Option<Cow<'a, str>>,
    /// By which interface and source address it is to leave, for errors.
    way: Option<(u32, IpAddr)>,
    borrowed: PhantomData<BorrowedHandle<'a>>,
}

impl<'a> Ancillary<'a> {
    /// None yet.
    ///
    /// ```
    /// assert!(shotclock::Ancillary::new().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { control: Cow::Owned(ControlBuffer::NONE), refused: None, way: None, borrowed: PhantomData }
    }

    /// Whether nothing was added.
    ///
    /// ```
    /// assert!(!shotclock::Ancillary::new().ttl(9).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.control.is_empty() && self.refused.is_none()
    }

    /// Takes all out, and keeps the memory for others.
    ///
    /// ```
    /// use shotclock::{Ancillary, ControlMessage};
    /// let mut ancillary = Ancillary::new().ttl(9);
    /// ancillary.clear();
    /// assert!(ancillary.is_empty());
    /// ```
    pub fn clear(&mut self) {
        (self.refused, self.way) = (None, None);
        match &mut self.control {
            Cow::Owned(buffer) => buffer.clear(),
            lent @ Cow::Borrowed(_) => *lent = Cow::Owned(ControlBuffer::NONE),
        }
    }

    /// Descriptors for the peer (AF_UNIX), at most 253. Source: unix(7), SCM_RIGHTS.
    ///
    /// ```
    /// use shotclock::{Ancillary, Family, Kind, socketpair};
    /// use std::os::fd::AsFd;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let two = [one.as_fd(), other.as_fd()];
    /// assert!(!Ancillary::new().rights(&two).is_empty());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn rights(mut self, fds: &[BorrowedHandle<'a>]) -> Self {
        self.add_rights(fds.iter().copied());
        self
    }

    /// Who sends (AF_UNIX); the kernel checks it. Only on Linux. Source: unix(7), SCM_CREDENTIALS.
    ///
    /// ```
    /// use shotclock::{Ancillary, ControlMessage, Family, Kind, SocketOption, cmsg_space, socketpair};
    /// use std::io::IoSlice;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// other.setsockopt(SocketOption::PASSCRED, true)?;
    /// let me = one.getsockopt(SocketOption::PEERCRED)?;
    /// one.sendmsg(&[IoSlice::new(b"x")], Ancillary::new().credentials(me), None)?;
    /// let message = other.recvmsg(1, cmsg_space(12)?)?;
    /// assert!(matches!(message.ancillary[..], [ControlMessage::Credentials(who)] if who == me));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn credentials(mut self, who: Credentials) -> Self {
        self.add("credentials", KINDS.credentials, &who.encode());
        self
    }

    /// By which source address and interface it leaves (IPv4). Source: ip(7), IP_PKTINFO; on FreeBSD IP_SENDSRCADDR, which
    /// takes no interface.
    ///
    /// ```
    /// use shotclock::{Ancillary, Family, Kind, PacketInfo, Socket};
    /// use std::io::IoSlice;
    /// # #[cfg(target_os = "linux")] {
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(([0, 0, 0, 0], 0))?;
    /// let to = ([127, 0, 0, 1], socket.getsockname()?.port().unwrap());
    /// let source = PacketInfo::from_source([127, 0, 0, 2].into());
    /// socket.sendmsg(&[IoSlice::new(b"x")], Ancillary::new().packet_info(source), Some(to.into()))?;
    /// assert_eq!(socket.recvfrom(1)?.1.unwrap().ip(), Some([127, 0, 0, 2].into()));
    /// # }
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn packet_info(mut self, by: PacketInfo) -> Self {
        let PacketInfo { interface, local, destination } = by;
        self.way = Some((interface, local.into()));
        if KINDS.own_address.is_some() {
            if interface != 0 {
                self.refuse(|| format!("packet info with interface {interface}: expected 0 on this system"));
            }
            self.add("packet info", KINDS.own_address, &local.octets());
        } else {
            let bytes = [interface.to_ne_bytes(), local.octets(), destination.octets()].concat();
            self.add("packet info", KINDS.packet_info, &bytes);
        }
        self
    }

    /// By which source address and interface it leaves (IPv6). Source: RFC 3542, IPV6_PKTINFO.
    ///
    /// ```
    /// use shotclock::{Ancillary, PacketInfo6};
    /// let from_here = PacketInfo6::from_source(std::net::Ipv6Addr::LOCALHOST);
    /// assert!(!Ancillary::new().packet_info6(from_here).is_empty());
    /// ```
    #[must_use]
    pub fn packet_info6(mut self, by: PacketInfo6) -> Self {
        self.way = Some((by.interface, by.address.into()));
        let bytes = [&by.address.octets()[..], &by.interface.to_ne_bytes()].concat();
        self.add("packet info", KINDS.packet_info6, &bytes);
        self
    }

    /// Time to live of this datagram (IPv4), 1 to 255 hops; not on macOS and FreeBSD. Source: ip(7), IP_TTL.
    ///
    /// ```
    /// let one_hop = shotclock::Ancillary::new().ttl(1);
    /// assert!(!one_hop.is_empty());
    /// ```
    #[must_use]
    pub fn ttl(mut self, hops: u8) -> Self {
        if hops == 0 {
            self.refuse(|| "a time to live of 0: expected 1 to 255".to_owned());
        }
        self.add("a time to live", KINDS.ttl, &i32::from(hops).to_ne_bytes());
        self
    }

    /// Hop limit of this datagram (IPv6). Source: RFC 3542, IPV6_HOPLIMIT.
    ///
    /// ```
    /// let one_hop = shotclock::Ancillary::new().hop_limit(1);
    /// assert!(!one_hop.is_empty());
    /// ```
    #[must_use]
    pub fn hop_limit(mut self, hops: u8) -> Self {
        self.add("a hop limit", KINDS.hop_limit, &i32::from(hops).to_ne_bytes());
        self
    }

    /// Type of service of this datagram (IPv4), congestion bits included. Source: ip(7), IP_TOS.
    ///
    /// ```
    /// use shotclock::{Ancillary, Ecn, TrafficClass};
    /// let heeds_congestion = Ancillary::new().tos(TrafficClass(0).with_ecn(Ecn::Capable0));
    /// assert!(!heeds_congestion.is_empty());
    /// ```
    #[must_use]
    pub fn tos(mut self, class: TrafficClass) -> Self {
        let whole = i32::from(class.0).to_ne_bytes();
        // FreeBSD takes a byte alone, macOS a whole number, Linux either.
        let bytes = if cfg!(target_os = "macos") { &whole[..] } else { &[class.0] };
        self.add("a type of service", KINDS.tos, bytes);
        self
    }

    /// Traffic class of this datagram (IPv6), congestion bits included. Source: RFC 3542, IPV6_TCLASS.
    ///
    /// ```
    /// use shotclock::{Ancillary, Ecn, TrafficClass};
    /// let heeds_congestion = Ancillary::new().traffic_class(TrafficClass(0).with_ecn(Ecn::Capable0));
    /// assert!(!heeds_congestion.is_empty());
    /// ```
    #[must_use]
    pub fn traffic_class(mut self, class: TrafficClass) -> Self {
        self.add("a traffic class", KINDS.traffic_class, &i32::from(class.0).to_ne_bytes());
        self
    }

    /// Has the system cut the bytes into datagrams of this many, 1 to 65,535; the last may be shorter. Source: udp(7),
    /// UDP_SEGMENT.
    ///
    /// ```
    /// use shotclock::{Ancillary, Family, Kind, Socket};
    /// use std::io::IoSlice;
    /// # #[cfg(target_os = "linux")] {
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(([127, 0, 0, 1], 0))?;
    /// let to = socket.getsockname()?;
    /// assert_eq!(socket.sendmsg(&[IoSlice::new(b"onetwo3")], Ancillary::new().gso_size(3), Some(to.into()))?, 7);
    /// assert_eq!([socket.recv(9)?, socket.recv(9)?, socket.recv(9)?], [&b"one"[..], b"two", b"3"]);
    /// # }
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn gso_size(mut self, bytes: u16) -> Self {
        if bytes == 0 {
            self.refuse(|| "datagrams of 0 bytes: expected 1 to 65535".to_owned());
        }
        self.add("a size of datagrams", KINDS.gso_size, &bytes.to_ne_bytes());
        self
    }

    /// When the packet is to leave, since the beginning of the clock that SO_TXTIME names; up to 584 years. Source: tc-etf(8),
    /// SCM_TXTIME.
    ///
    /// ```
    /// let after_an_hour = shotclock::Ancillary::new().tx_time(std::time::Duration::from_secs(3600));
    /// assert!(!after_an_hour.is_empty());
    /// ```
    #[must_use]
    pub fn tx_time(mut self, at: Duration) -> Self {
        let nanos = u64::try_from(at.as_nanos()).unwrap_or_else(|_| {
            self.refuse(|| format!("a time of {at:?} to send at: expected under 2^64 nanoseconds"));
            0
        });
        self.add("a time to send at", KINDS.tx_time, &nanos.to_ne_bytes());
        self
    }

    /// Any other message, by its numbers; not SCM_RIGHTS, whose descriptors must be borrowed. One that has a method here must
    /// have as many bytes as the system takes.
    ///
    /// ```
    /// use shotclock::{Ancillary, Family, Kind, Socket};
    /// use std::io::IoSlice;
    /// # #[cfg(target_os = "linux")] {
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// // IP_TTL, whose value is a whole number.
    /// let short = Ancillary::new().other(0, 2, &[9]);
    /// let error = socket.sendmsg(&[IoSlice::new(b"x")], short, None).unwrap_err();
    /// assert_eq!(error.to_string(), "sendmsg: control message 2 of level 0 has 1 bytes: expected 4");
    /// # }
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn other(mut self, level: i32, kind: i32, data: &[u8]) -> Self {
        self.add_other((level, kind), data);
        self
    }

    /// Adds one, which may be one that was received.
    ///
    /// ```
    /// use shotclock::{Ancillary, ControlMessage};
    /// let mut ancillary = Ancillary::new();
    /// ancillary.push(&ControlMessage::Ttl(9));
    /// assert!(!ancillary.is_empty());
    /// ```
    pub fn push(&mut self, message: &'a ControlMessage) {
        let so_far = std::mem::take(self);
        *self = so_far.with(message);
    }

    fn with(mut self, message: &'a ControlMessage) -> Self {
        match message {
            ControlMessage::Rights(fds) => self.add_rights(fds.iter().map(AsHandle::as_fd)),
            #[cfg(target_os = "linux")]
            ControlMessage::Credentials(who) => return self.credentials(*who),
            ControlMessage::PacketInfo(by) => return self.packet_info(*by),
            ControlMessage::PacketInfo6(by) => return self.packet_info6(*by),
            ControlMessage::Ttl(hops) => return self.ttl(*hops),
            ControlMessage::HopLimit(hops) => return self.hop_limit(*hops),
            ControlMessage::Tos(class) => return self.tos(*class),
            ControlMessage::TrafficClass(class) => return self.traffic_class(*class),
            ControlMessage::GsoSize(bytes) => return self.gso_size(*bytes),
            ControlMessage::TxTime(at) => return self.tx_time(*at),
            ControlMessage::Other { level, kind, data } => self.add_other((*level, *kind), data),
            received => self.refuse(|| format!("{received:?}: it is only received, not sent")),
        }
        self
    }

    fn add_rights<'f>(&mut self, fds: impl Iterator<Item = BorrowedHandle<'f>>) {
        let numbers: Vec<u8> = fds.flat_map(|fd| fd.as_raw_fd().to_ne_bytes()).collect();
        self.control.to_mut().push(RIGHTS, &numbers);
    }

    fn add_other(&mut self, what: Kind, data: &[u8]) {
        if what == RIGHTS {
            self.refuse(|| "SCM_RIGHTS as bytes: expected descriptors, by Ancillary::rights".to_owned());
            return;
        }
        let (level, kind) = what;
        if let Some(size) = size_of(what).filter(|size| *size != data.len()) {
            let len = data.len();
            self.refuse(|| format!("control message {kind} of level {level} has {len} bytes: expected {size}"));
        }
        self.control.to_mut().push(what, data);
    }

    fn add(&mut self, name: &str, what: Option<Kind>, data: &[u8]) {
        match what {
            Some(what) => self.control.to_mut().push(what, data),
            None => self.refuse(|| format!("{name}: this system has no such control message")),
        }
    }

    /// The first reason counts.
    #[cold]
    fn refuse(&mut self, why: impl FnOnce() -> String) {
        self.refused.get_or_insert_with(|| Cow::Owned(why()));
    }

    /// Names the way that was asked for, where the system did not send: the interface may be gone, or the address.
    #[cold]
    pub(crate) fn explain(&self, error: Error) -> Error {
        match self.way {
            Some((interface, source)) if error.errno().is_some() => {
                let interface = if interface == 0 { String::new() } else { format!("by interface {interface} ") };
                error.by(format_args!("{interface}from {source}"))
            }
            _ => error,
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// That something was added that cannot be sent, in the name of this operation.
    pub(crate) fn control(&self, operation: &'static str) -> Result<&ControlBuffer> {
        match &self.refused {
            Some(why) => Err(Error::invalid(operation, why.as_ref())),
            None => Ok(&self.control),
        }
    }
}

impl Default for Ancillary<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes that Linux takes for those messages that it takes but one number of bytes for.
fn size_of(what: Kind) -> Option<usize> {
    let sizes = [
        (KINDS.credentials, 12),
        (KINDS.packet_info, 12),
        (KINDS.packet_info6, 20),
        (KINDS.ttl, 4),
        (KINDS.hop_limit, 4),
        (KINDS.traffic_class, 4),
        (KINDS.gso_size, 2),
        (KINDS.tx_time, 8),
    ];
    sizes.into_iter().find(|(kind, _)| *kind == Some(what)).map(|(_, size)| size)
}

impl<'a> From<&'a [ControlMessage]> for Ancillary<'a> {
    fn from(messages: &'a [ControlMessage]) -> Self {
        messages.iter().fold(Self::new(), Self::with)
    }
}

impl<'a, const N: usize> From<&'a [ControlMessage; N]> for Ancillary<'a> {
    fn from(messages: &'a [ControlMessage; N]) -> Self {
        Self::from(&messages[..])
    }
}

impl<'a> From<&'a Vec<ControlMessage>> for Ancillary<'a> {
    fn from(messages: &'a Vec<ControlMessage>) -> Self {
        Self::from(&messages[..])
    }
}

/// The same messages, lent: none is copied.
impl<'a> From<&'a Ancillary<'_>> for Ancillary<'a> {
    fn from(other: &'a Ancillary<'_>) -> Self {
        let refused = other.refused.as_deref().map(Cow::Borrowed);
        Self { control: Cow::Borrowed(&other.control), refused, way: other.way, borrowed: PhantomData }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ancillary::control_message;
    use crate::sys::message::parse_control;

    /// One of each kind that can be sent and carries no descriptors.
    fn sendable() -> impl Strategy<Value = ControlMessage> {
        use ControlMessage as M;
        prop_oneof![
            (0_i32.., any::<u32>(), any::<u32>()).prop_map(|(pid, uid, gid)| M::Credentials(Credentials {
                pid,
                uid,
                gid
            })),
            any::<(u32, u32, u32)>().prop_map(|(interface, local, destination)| {
                M::PacketInfo(PacketInfo { interface, local: local.into(), destination: destination.into() })
            }),
            any::<(u32, u128)>()
                .prop_map(|(interface, address)| M::PacketInfo6(PacketInfo6 { interface, address: address.into() })),
            (1_u8..).prop_map(M::Ttl),
            any::<u8>().prop_map(M::HopLimit),
            any::<u8>().prop_map(|class| M::Tos(TrafficClass(class))),
            any::<u8>().prop_map(|class| M::TrafficClass(TrafficClass(class))),
            (1_u16..).prop_map(M::GsoSize),
            any::<u64>().prop_map(|nanos| M::TxTime(Duration::from_nanos(nanos))),
            any::<Vec<u8>>().prop_map(|data| M::Other { level: 7, kind: 7, data }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_sent_is_what_is_received(messages in proptest::collection::vec(sendable(), 0..5)) {
            let ancillary = Ancillary::from(&messages);
            let bytes = ancillary.control("sendmsg").unwrap().as_bytes();
            let read = parse_control(bytes).into_iter().map(|one| control_message(one.level, one.kind, one.data));
            prop_assert_eq!(format!("{:?}", read.collect::<Vec<_>>()), format!("{messages:?}"));
            let again = Ancillary::from(&ancillary);
            prop_assert_eq!(again.control("sendmsg").unwrap().as_bytes(), bytes);
            prop_assert_eq!(ancillary.is_empty(), messages.is_empty());
        }
    }
}
