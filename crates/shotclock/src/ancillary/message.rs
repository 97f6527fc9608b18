//! Received messages, and the control messages that came beside them.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::packet::{PacketInfo, PacketInfo6, TrafficClass};
#[cfg(target_os = "linux")]
use super::queued_error::QueuedError;
use super::time::Timestamping;
use crate::addr::Address;
use crate::constant::MessageFlags;
#[cfg(target_os = "linux")]
use crate::option::Credentials;
use crate::sys::OwnedHandle;
use crate::sys::message::ReceivedMessage;

/// A control message, received or to be sent. Source: cmsg(3), and what each names.
///
/// Most are received only on a socket whose option, named below, asks for them. To send some, give `sendmsg` an array of them, or
/// [`Ancillary`](super::Ancillary), which also takes what is only borrowed.
///
/// # How much room they take
/// To receive some, sum up [`cmsg_space`](crate::cmsg_space) over the bytes of each: 4 for `Ttl`, `HopLimit`, `Tos`,
/// `TrafficClass`, `GroSize`, `Drops`, `ProcessFd` and each descriptor of `Rights`; 12 for `PacketInfo` and `Credentials`; 16
/// for `Timestamp`; 20 for `PacketInfo6`; 48 for `Timestamping`; 28 for `OriginalDestination`. Or take 256 bytes, which are
/// enough for any six kinds but `Rights`. A [`RecvBatch`](crate::RecvBatch) has them from the beginning.
///
/// ```
/// use shotclock::{ControlMessage, SocketOption, bind_datagram};
/// # #[cfg(target_os = "linux")] {
/// let socket = bind_datagram("127.0.0.1:0")?;
/// for told in [SocketOption::TIMESTAMPNS, SocketOption::RECVTTL, SocketOption::PKTINFO] {
///     socket.setsockopt(told, true)?;
/// }
/// socket.sendto(b"a heartbeat", socket.getsockname()?)?;
/// for message in socket.recvmsg(1500, 256)?.ancillary {
///     match message {
///         ControlMessage::Timestamp(at) => println!("it came at {at:?}"),
///         ControlMessage::Ttl(hops) => assert_eq!(hops, 64, "as this machine sends it"),
///         ControlMessage::PacketInfo(by) => assert_eq!(shotclock::if_indextoname(by.interface)?, "lo"),
///         _ => unreachable!("nothing else was asked for"),
///     }
/// }
/// # }
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Sending one
/// ```
/// use shotclock::{ControlMessage, Family, Kind, Socket, SocketOption, cmsg_space};
/// use std::io::IoSlice;
/// # #[cfg(target_os = "linux")] {
/// let (one, other) = (Socket::new(Family::INET, Kind::DGRAM)?, Socket::new(Family::INET, Kind::DGRAM)?);
/// other.bind(([127, 0, 0, 1], 0))?;
/// other.setsockopt(SocketOption::RECVTTL, true)?;
/// let to = other.getsockname()?;
/// one.sendmsg(&[IoSlice::new(b"x")], &[ControlMessage::Ttl(9)], Some(to.into()))?;
/// let message = other.recvmsg(1, cmsg_space(4)?)?;
/// assert!(matches!(message.ancillary[..], [ControlMessage::Ttl(9)]));
/// # }
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias = "AncillaryData")]
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlMessage {
    /// Descriptors (AF_UNIX), at most 253; received ones are close-on-exec, and those you do not take are closed when this is
    /// dropped. Source: unix(7), SCM_RIGHTS.
    Rights(Vec<OwnedHandle>),
    /// A descriptor of the sending process (AF_UNIX with `PASSPIDFD`), close-on-exec. Only received, only on Linux. Source:
    /// linux/socket.h, SCM_PIDFD.
    #[cfg(target_os = "linux")]
    ProcessFd(OwnedHandle),
    /// Who sends (AF_UNIX; received with `PASSCRED`); the kernel checks it. Only on Linux. Source: unix(7), SCM_CREDENTIALS.
    #[cfg(target_os = "linux")]
    Credentials(Credentials),
    /// Which of this machine's addresses and interfaces a datagram came to, or is to leave by (IPv4; received with `PKTINFO`).
    /// Source: ip(7), IP_PKTINFO; on FreeBSD IP_RECVDSTADDR and IP_SENDSRCADDR, which know the address alone.
    PacketInfo(PacketInfo),
    /// The same for IPv6 (received with `RECVPKTINFO`). Source: ipv6(7), RFC 3542, IPV6_PKTINFO.
    PacketInfo6(PacketInfo6),
    /// Time to live (IPv4; received with `RECVTTL`), in hops; 1 to 255 when it is sent. Source: ip(7), IP_TTL.
    Ttl(u8),
    /// Hop limit (IPv6; received with `RECVHOPLIMIT`). Source: RFC 3542, IPV6_HOPLIMIT.
    HopLimit(u8),
    /// Type of service and congestion bits (IPv4; received with `RECVTOS`). Source: ip(7), IP_TOS.
    Tos(TrafficClass),
    /// Traffic class and congestion bits (IPv6; received with `RECVTCLASS`). Source: RFC 3542, IPV6_TCLASS.
    TrafficClass(TrafficClass),
    /// When the system had the packet, by its clock of the day (received with `TIMESTAMP` or `TIMESTAMPNS`). Only received.
    /// Source: socket(7).
    Timestamp(SystemTime),
    /// When the system and the network card had the packet, or sent it (received with SO_TIMESTAMPING). Only received. Source:
    /// the kernel's networking/timestamping.
    Timestamping(Timestamping),
    /// The bytes of each datagram of several that were received as one, but for the last, which may be shorter (received with
    /// UDP_GRO). Only received. Source: udp(7).
    GroSize(u16),
    /// The bytes of each datagram into which this one is to be cut, but for the last, which may be shorter. Only sent.
    /// Source: udp(7), UDP_SEGMENT.
    GsoSize(u16),
    /// When the packet is to leave, since the beginning of the clock that SO_TXTIME names. Only sent. Source: tc-etf(8),
    /// SCM_TXTIME.
    TxTime(Duration),
    /// An entry of the error queue (received with `RECVERR`, or `RECVERR6`, and `MessageFlags::ERRQUEUE`). Only received, only on Linux.
    /// Source: ip(7), ipv6(7), IP_RECVERR.
    #[cfg(target_os = "linux")]
    Error(QueuedError),
    /// How many datagrams this socket has dropped so far for want of room (received with `RXQ_OVFL`). Only received. Source:
    /// socket(7).
    Drops(u32),
    /// Where a datagram was sent to before a proxy took it (received with `RECVORIGDSTADDR`). Only received. Source: ip(7).
    OriginalDestination(SocketAddr),
    /// The beginning of a message of a kind named above, whose end had no room; `MessageFlags::CTRUNC` is set. Only received.
    Cut {
        /// Its level, such as SOL_SOCKET.
        level: i32,
        /// Its type in that level.
        kind: i32,
        /// What is there of its data, in the system's layout.
        data: Vec<u8>,
    },
    /// Any other message, by its numbers; not SCM_RIGHTS when it is sent, whose descriptors must be borrowed. Where
    /// `MessageFlags::CTRUNC` is set the last one's data may be cut short.
    Other {
        /// Its level, such as SOL_SOCKET.
        level: i32,
        /// Its type in that level.
        kind: i32,
        /// Its data, in the system's layout.
        data: Vec<u8>,
    },
}

/// A message that `recvmsg` received.
#[derive(Debug)]
#[non_exhaustive]
pub struct Message {
    /// The bytes.
    pub data: Vec<u8>,
    /// What came beside them.
    pub ancillary: Vec<ControlMessage>,
    /// What the system says of it: `TRUNC`, `CTRUNC`, `EOR`, `OOB`, `ERRQUEUE`.
    pub flags: MessageFlags,
    /// Who sent it; `None` on a connected stream, or from an unnamed sender.
    pub address: Option<Address>,
}

/// A message that `recvmsg_into` received.
#[derive(Debug)]
#[non_exhaustive]
pub struct MessageInto {
    /// How many bytes went into the buffers; with `TRUNC` asked for, how long the datagram was.
    pub len: usize,
    /// What came beside them.
    pub ancillary: Vec<ControlMessage>,
    /// What the system says of it: `TRUNC`, `CTRUNC`, `EOR`, `OOB`, `ERRQUEUE`.
    pub flags: MessageFlags,
    /// Who sent it; `None` on a connected stream, or from an unnamed sender.
    pub address: Option<Address>,
}

/// An entry of a socket's error queue, and what it is about.
#[cfg(target_os = "linux")]
#[derive(Debug)]
#[non_exhaustive]
pub struct QueuedMessage {
    /// What it says; all zero if the system gave no more than the fact.
    pub error: QueuedError,
    /// The beginning of what was sent; nothing for zero-copy notifications, and for timestamps with
    /// SOF_TIMESTAMPING_OPT_TSONLY.
    pub data: Vec<u8>,
    /// Where that was sent to.
    pub destination: Option<Address>,
    /// What came beside it, such as timestamps.
    pub ancillary: Vec<ControlMessage>,
    /// What the system says of it: `ERRQUEUE`, and `TRUNC` where `data` is not all.
    pub flags: MessageFlags,
}

/// What `recv_fds` received.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReceivedFds {
    /// The bytes.
    pub data: Vec<u8>,
    /// The descriptors, close-on-exec; those you do not take are closed when this is dropped.
    pub fds: Vec<OwnedHandle>,
    /// What the system says of it; `CTRUNC` if descriptors did not fit and were closed.
    pub flags: MessageFlags,
    /// Who sent it, if the sender has a name.
    pub address: Option<Address>,
}

impl From<ReceivedMessage<ControlMessage>> for MessageInto {
    fn from(received: ReceivedMessage<ControlMessage>) -> Self {
        Self {
            len: received.len,
            ancillary: received.control,
            flags: MessageFlags(received.flags),
            address: received.address.as_ref().map(Address::from_sockaddr),
        }
    }
}
