//! Socket options: typed ones; any other by its numbers and bytes (`setsockopt_bytes`).

use std::marker::PhantomData;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::constant::{Family, Kind, Protocol};
use crate::error::{Error, Result};
use crate::sys::c;

/// One option of a socket: its level and number, and the type of its value. Source: socket(7), ip(7), ipv6(7), tcp(7),
/// udp(7), unix(7).
///
/// The timeouts SO_RCVTIMEO and SO_SNDTIMEO are missing on purpose: they are up to an eighth late, begin anew at each
/// part, and are shared by every copy of the descriptor. Use `set_timeout`.
///
/// ```
/// use shotclock::{Family, Kind, Socket, SocketOption};
///
/// let socket = Socket::new(Family::INET, Kind::STREAM)?;
/// socket.setsockopt(SocketOption::REUSEADDR, true)?;
/// assert!(socket.getsockopt(SocketOption::REUSEADDR)?);
/// // One without a name here: SO_PRIORITY.
/// let priority = SocketOption::<i32>::new(1, 12);
/// socket.setsockopt(priority, 3)?;
/// assert_eq!(socket.getsockopt(priority)?, 3);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Debug)]
pub struct SocketOption<T> {
    /// The level: SOL_SOCKET, IPPROTO_TCP, ...
    pub level: i32,
    /// The option's number in that level.
    pub name: i32,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for SocketOption<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SocketOption<T> {}

impl<T> SocketOption<T> {
    /// The option of this level and number, with values of type `T`.
    pub const fn new(level: i32, name: i32) -> Self {
        Self { level, name, value: PhantomData }
    }
}

/// Declares named options of one value type. One that not every system has names those that have it, `on` a condition of
/// `cfg`; elsewhere the name does not exist.
macro_rules! options {
    ($type:ty { $($(#[$doc:meta])* $name:ident = $level:ident, $number:ident $(, on $system:meta)?;)* }) => {
        impl SocketOption<$type> {
            $(
                $(#[$doc])*
                $(#[doc = concat!("\n\nOnly on: `", stringify!($system), "`.")] #[cfg($system)])?
                pub const $name: Self = Self::new(c::$level, c::$number);
            )*
        }
    };
}

options!(bool {
    /// Bind to an address whose last connections have not quite gone.
    REUSEADDR = SOL_SOCKET, SO_REUSEADDR;
    /// Nobody else may bind to the same address, whatever options they set.
    EXCLUSIVEADDRUSE = SOL_SOCKET, SO_EXCLUSIVEADDRUSE, on windows;
    /// Several sockets may bind to the same address and share its load.
    REUSEPORT = SOL_SOCKET, SO_REUSEPORT, on unix;
    /// Send to broadcast addresses.
    BROADCAST = SOL_SOCKET, SO_BROADCAST;
    /// Look after idle connections by probes.
    KEEPALIVE = SOL_SOCKET, SO_KEEPALIVE;
    /// Out-of-band data stays in the stream.
    OOBINLINE = SOL_SOCKET, SO_OOBINLINE;
    /// Do not use a gateway.
    DONTROUTE = SOL_SOCKET, SO_DONTROUTE;
    /// Whether the socket listens; cannot be set.
    ACCEPTCONN = SOL_SOCKET, SO_ACCEPTCONN;
    /// Receive the sender's credentials (AF_UNIX).
    PASSCRED = SOL_SOCKET, SO_PASSCRED, on target_os = "linux";
    /// Receive a timestamp with each datagram.
    TIMESTAMP = SOL_SOCKET, SO_TIMESTAMP, on unix;
    /// Send small segments at once.
    NODELAY = IPPROTO_TCP, TCP_NODELAY;
    /// Hold segments back until they are full.
    CORK = IPPROTO_TCP, TCP_CORK, on target_os = "linux";
    /// Acknowledge at once.
    QUICKACK = IPPROTO_TCP, TCP_QUICKACK, on target_os = "linux";
    /// IPv6 only; if not set, IPv4 comes in too, mapped.
    V6ONLY = IPPROTO_IPV6, IPV6_V6ONLY;
    /// Receive the destination address and interface of each datagram (IPv4).
    PKTINFO = IPPROTO_IP, IP_PKTINFO, on not(target_os = "freebsd");
    /// Receive the destination address and interface of each datagram (IPv6).
    RECVPKTINFO = IPPROTO_IPV6, IPV6_RECVPKTINFO, on unix;
    /// Receive the time to live of each datagram (IPv4), as a control message.
    RECVTTL = IPPROTO_IP, IP_RECVTTL;
    /// Receive the hop limit of each datagram (IPv6), as a control message.
    RECVHOPLIMIT = IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on unix;
    /// Queue errors of the network for MSG_ERRQUEUE (IPv4).
    RECVERR = IPPROTO_IP, IP_RECVERR, on target_os = "linux";
    /// Multicast comes back to its sender (IPv4).
    MULTICAST_LOOP = IPPROTO_IP, IP_MULTICAST_LOOP;
});

options!(i32 {
    /// The error that waits for this socket, which reading takes away; 0 is none.
    ERROR = SOL_SOCKET, SO_ERROR;
    /// Bytes of the receive buffer; the kernel doubles what is set.
    RCVBUF = SOL_SOCKET, SO_RCVBUF;
    /// Bytes of the send buffer; the kernel doubles what is set.
    SNDBUF = SOL_SOCKET, SO_SNDBUF;
    /// How many bytes must be there before a receive gives them.
    RCVLOWAT = SOL_SOCKET, SO_RCVLOWAT;
    /// Time to live of sent packets (IPv4), 1 to 255.
    TTL = IPPROTO_IP, IP_TTL;
    /// Type of service of sent packets (IPv4).
    TOS = IPPROTO_IP, IP_TOS;
    /// Time to live of sent multicast packets (IPv4).
    MULTICAST_TTL = IPPROTO_IP, IP_MULTICAST_TTL;
    /// Hop limit of sent packets (IPv6).
    UNICAST_HOPS = IPPROTO_IPV6, IPV6_UNICAST_HOPS;
    /// Seconds of idleness before the first keep-alive probe.
    KEEPIDLE = IPPROTO_TCP, TCP_KEEPIDLE, on not(target_os = "macos");
    /// Seconds of idleness before the first keep-alive probe.
    KEEPIDLE = IPPROTO_TCP, TCP_KEEPALIVE, on target_os = "macos";
    /// Seconds between keep-alive probes.
    KEEPINTVL = IPPROTO_TCP, TCP_KEEPINTVL;
    /// Keep-alive probes before the connection is given up.
    KEEPCNT = IPPROTO_TCP, TCP_KEEPCNT;
    /// Largest segment.
    MAXSEG = IPPROTO_TCP, TCP_MAXSEG;
    /// Milliseconds that sent data may stay unacknowledged.
    USER_TIMEOUT = IPPROTO_TCP, TCP_USER_TIMEOUT, on target_os = "linux";
    /// Length of the queue of Fast Open connections.
    FASTOPEN = IPPROTO_TCP, TCP_FASTOPEN;
});

options!(Family {
    /// The socket's family; cannot be set.
    #[doc(alias = "SO_DOMAIN")]
    DOMAIN = SOL_SOCKET, SO_DOMAIN, on any(target_os = "linux", target_os = "freebsd");
});

options!(Kind {
    /// The socket's kind; cannot be set.
    #[doc(alias = "SO_TYPE")]
    TYPE = SOL_SOCKET, SO_TYPE;
});

options!(Protocol {
    /// The socket's protocol; cannot be set.
    #[doc(alias = "SO_PROTOCOL")]
    PROTOCOL = SOL_SOCKET, SO_PROTOCOL, on any(target_os = "linux", target_os = "freebsd");
});

options!(Option<Duration> {
    /// What close does with data still to be sent: `None` lets the system send it in the background, zero throws it
    /// away and resets the connection, more lets close wait so long (whole seconds, rounded up).
    #[doc(alias = "SO_LINGER")]
    LINGER = SOL_SOCKET, SO_LINGER, on not(target_os = "macos");
    /// What close does with data still to be sent: `None` lets the system send it in the background, zero throws it
    /// away and resets the connection, more lets close wait so long (whole seconds, rounded up). SO_LINGER itself counts in
    /// ticks here. Source: sys/socket.h.
    #[doc(alias = "SO_LINGER")]
    LINGER = SOL_SOCKET, SO_LINGER_SEC, on target_os = "macos";
});

options!(Credentials {
    /// Who is at the other end of a connected AF_UNIX socket; cannot be set.
    #[doc(alias = "SO_PEERCRED")]
    PEERCRED = SOL_SOCKET, SO_PEERCRED, on target_os = "linux";
});

options!(Membership {
    /// Join a multicast group (IPv4).
    #[doc(alias = "IP_ADD_MEMBERSHIP")]
    ADD_MEMBERSHIP = IPPROTO_IP, IP_ADD_MEMBERSHIP;
    /// Leave a multicast group (IPv4).
    #[doc(alias = "IP_DROP_MEMBERSHIP")]
    DROP_MEMBERSHIP = IPPROTO_IP, IP_DROP_MEMBERSHIP;
});

options!(Membership6 {
    /// Join a multicast group (IPv6).
    #[doc(alias = "IPV6_JOIN_GROUP")]
    JOIN_GROUP = IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, on not(any(target_os = "macos", target_os = "freebsd"));
    /// Join a multicast group (IPv6).
    JOIN_GROUP = IPPROTO_IPV6, IPV6_JOIN_GROUP, on any(target_os = "macos", target_os = "freebsd");
    /// Leave a multicast group (IPv6).
    #[doc(alias = "IPV6_LEAVE_GROUP")]
    LEAVE_GROUP = IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, on not(any(target_os = "macos", target_os = "freebsd"));
    /// Leave a multicast group (IPv6).
    LEAVE_GROUP = IPPROTO_IPV6, IPV6_LEAVE_GROUP, on any(target_os = "macos", target_os = "freebsd");
});

/// A process, as the kernel vouches for it. Source: unix(7), `struct ucred`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Process number; 0 where it is not to be seen from here.
    pub pid: i32,
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
}

/// An IPv4 multicast group on an interface. Source: ip(7), `struct ip_mreqn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The group's address.
    pub group: Ipv4Addr,
    /// The local address of the interface; unspecified lets `interface` or the system choose.
    pub local: Ipv4Addr,
    /// The interface's index; 0 lets the system choose.
    pub interface: i32,
}

/// An IPv6 multicast group on an interface. Source: ipv6(7), `struct ipv6_mreq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Membership6 {
    /// The group's address.
    pub group: Ipv6Addr,
    /// The interface's index; 0 lets the system choose.
    pub interface: u32,
}

/// A type that options can have as their value.
///
/// ```
/// use shotclock::OptionValue;
/// assert_eq!(true.encode(), 1_i32.to_ne_bytes());
/// assert_eq!(i32::decode(&7_i32.to_ne_bytes()), Some(7));
/// ```
pub trait OptionValue: Sized {
    /// The most bytes a value has.
    const SIZE: usize;
    /// The bytes setsockopt(2) takes.
    fn encode(&self) -> Vec<u8>;
    /// The value of the bytes getsockopt(2) gave; `None` if they are too few.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl OptionValue for i32 {
    const SIZE: usize = 4;

    fn encode(&self) -> Vec<u8> {
        self.to_ne_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        // Some options (IP_MULTICAST_LOOP) answer with one byte.
        match bytes {
            [byte] => Some(i32::from(*byte)),
            bytes => word(bytes, 0),
        }
    }
}

/// Implements a value type that travels as a number.
macro_rules! as_number {
    ($($type:ty, $to:expr, $from:expr;)*) => {
        $(impl OptionValue for $type {
            const SIZE: usize = 4;

            fn encode(&self) -> Vec<u8> {
                let to: fn(&$type) -> i32 = $to;
                to(self).encode()
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                i32::decode(bytes).map($from)
            }
        })*
    };
}

as_number! {
    bool, |value| i32::from(*value), |number| number != 0;
    u32, |value| value.cast_signed(), i32::cast_unsigned;
    Family, |value| value.0, Family;
    Kind, |value| value.0, Kind;
    Protocol, |value| value.0, Protocol;
}

/// The numbers of `struct linger`. Sources: sys/socket.h, winsock2.h.
#[cfg(not(windows))]
type LingerNumber = i32;
#[cfg(windows)]
type LingerNumber = u16;

impl OptionValue for Option<Duration> {
    const SIZE: usize = 2 * size_of::<LingerNumber>();

    fn encode(&self) -> Vec<u8> {
        let seconds = self.map_or(0, |time| time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)));
        let seconds = LingerNumber::try_from(seconds).unwrap_or(LingerNumber::MAX);
        [LingerNumber::from(self.is_some()).to_ne_bytes(), seconds.to_ne_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (on, seconds) = bytes.get(..Self::SIZE)?.split_at(size_of::<LingerNumber>());
        let seconds = LingerNumber::from_ne_bytes(seconds.try_into().ok()?);
        Some(on.iter().any(|byte| *byte != 0).then(|| Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
    }
}

impl OptionValue for Credentials {
    const SIZE: usize = 12;

    fn encode(&self) -> Vec<u8> {
        [self.pid.to_ne_bytes(), self.uid.to_ne_bytes(), self.gid.to_ne_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |at| word(bytes, at).map(i32::cast_unsigned);
        Some(Self { pid: word(bytes, 0)?, uid: number(4)?, gid: number(8)? })
    }
}

impl OptionValue for Membership {
    const SIZE: usize = 12;

    fn encode(&self) -> Vec<u8> {
        [self.group.octets(), self.local.octets(), self.interface.to_ne_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let address = |at: usize| bytes.get(at..at + 4).map(|b| Ipv4Addr::new(b[0], b[1], b[2], b[3]));
        Some(Self { group: address(0)?, local: address(4)?, interface: word(bytes, 8)? })
    }
}

impl OptionValue for Membership6 {
    const SIZE: usize = 20;

    fn encode(&self) -> Vec<u8> {
        [&self.group.octets()[..], &self.interface.to_ne_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let group: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
        Some(Self { group: group.into(), interface: word(bytes, 16)?.cast_unsigned() })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The value of an option's bytes, or an error that says how many there were.
pub(crate) fn decode<T: OptionValue>(option: SocketOption<T>, bytes: &[u8]) -> Result<T> {
    T::decode(bytes).ok_or_else(|| {
        let (level, name, len) = (option.level, option.name, bytes.len());
        let text = format!("option {name} of level {level} has {len} bytes: expected {}", T::SIZE);
        Error::invalid("getsockopt", text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_their_bytes() {
        fn survives<T: OptionValue + PartialEq + std::fmt::Debug>(value: T) {
            let bytes = value.encode();
            assert_eq!(bytes.len(), T::SIZE);
            assert_eq!(T::decode(&bytes), Some(value));
            assert_eq!(T::decode(&[]), None);
        }
        survives(-7);
        survives(true);
        survives(u32::MAX);
        survives(None);
        survives(Some(Duration::from_secs(9)));
        survives(Credentials { pid: 1, uid: 2, gid: 3 });
        survives(Membership { group: [224, 0, 0, 1].into(), local: [127, 0, 0, 1].into(), interface: 1 });
        survives(Membership6 { group: Ipv6Addr::LOCALHOST, interface: 4 });
    }

    #[test]
    fn linger_rounds_up() {
        let bytes = Some(Duration::from_millis(1500)).encode();
        assert_eq!(<Option<Duration>>::decode(&bytes), Some(Some(Duration::from_secs(2))));
        let bytes = Some(Duration::MAX).encode();
        let most = Duration::from_secs(u64::try_from(LingerNumber::MAX).unwrap());
        assert_eq!(<Option<Duration>>::decode(&bytes), Some(Some(most)));
    }
}
