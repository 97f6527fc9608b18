//! Entries of a socket's error queue.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::addr::Address;
use crate::sys::Errno;

/// An entry of a socket's error queue: what befell something that was sent, or where it has got to. Source: ip(7), ipv6(7),
/// linux/errqueue.h, `struct sock_extended_err`.
///
/// ```
/// use shotclock::{ErrorCause, Family, Kind, Socket, SocketOption};
/// use std::time::Duration;
/// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
/// socket.setsockopt(SocketOption::RECVERR, true)?;
/// // A port on which nobody listens.
/// let nobody = Socket::new(Family::INET, Kind::DGRAM)?;
/// nobody.bind(([127, 0, 0, 1], 0))?;
/// let destination = nobody.getsockname()?;
/// drop(nobody);
/// socket.sendto(b"anybody?", destination)?;
/// let entry = socket.within(Duration::from_secs(5)).recv_error_queue(100)?;
/// assert_eq!(entry.error.cause(), ErrorCause::Icmp { kind: 3, code: 3 });
/// assert_eq!((entry.destination, &entry.data[..]), (Some(destination), &b"anybody?"[..]));
/// assert_eq!(entry.error.offender.map(|router| router.ip()), destination.ip());
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct QueuedError {
    /// The error's number, such as ECONNREFUSED; ENOMSG (42) for a timestamp, 0 for a zero-copy notification.
    pub errno: i32,
    /// Where it comes from, an SO_EE_ORIGIN number: [`cause`](Self::cause) names it.
    pub origin: u8,
    /// Its type, such as ICMP's.
    pub kind: u8,
    /// Its code in that type.
    pub code: u8,
    /// More, which the origin gives a meaning: with EMSGSIZE the path's MTU in bytes.
    pub info: u32,
    /// More still.
    pub data: u32,
    /// Who told of it, such as a router; its port means nothing.
    pub offender: Option<SocketAddr>,
}

/// Where an entry of the error queue comes from, and what it says. Source: linux/errqueue.h.
///
/// It prints ICMP's causes in words.
///
/// ```
/// use shotclock::ErrorCause;
/// assert_eq!(ErrorCause::Icmp { kind: 3, code: 3 }.to_string(), "port unreachable (ICMP type 3, code 3)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCause {
    /// This machine.
    Local,
    /// ICMP, whose type and code these are. Source: RFC 792.
    Icmp {
        /// ICMP's type.
        kind: u8,
        /// Its code in that type.
        code: u8,
    },
    /// ICMP for IPv6. Source: RFC 4443.
    Icmp6 {
        /// ICMP's type.
        kind: u8,
        /// Its code in that type.
        code: u8,
    },
    /// No error: something sent has got so far, and a `ControlMessage::Timestamping` beside it says when. Source: the
    /// kernel's networking/timestamping.
    Timestamp {
        /// Which point it has reached: 0 the network card, 1 the queue before it, 2 the peer, which has acknowledged it.
        stage: u32,
        /// Which one it was, with SOF_TIMESTAMPING_OPT_ID: a count of datagrams, or of a stream's bytes.
        id: u32,
    },
    /// No error: the buffers of these sends with MSG_ZEROCOPY are free again. Source: the kernel's networking/msg_zerocopy.
    Zerocopy {
        /// The first of them; sends are counted from 0, and beyond 2^32 - 1 from 0 again.
        first: u32,
        /// The last of them.
        last: u32,
        /// Whether the system has copied the bytes after all.
        copied: bool,
    },
    /// A packet was thrown away for its SCM_TXTIME. Source: tc-etf(8).
    TxTime {
        /// Whether its time had passed; else it was no good.
        missed: bool,
        /// The time, since the beginning of SO_TXTIME's clock.
        at: Duration,
    },
    /// Any other, by the entry's numbers.
    Other {
        /// An SO_EE_ORIGIN number.
        origin: u8,
    },
}

/// The bytes of `struct sock_extended_err`; the offender's address follows.
const SIZE: usize = 16;

impl QueuedError {
    /// What it says.
    ///
    /// ```
    /// use shotclock::{ControlMessage, ErrorCause};
    /// fn sent_all_of(first: u32, message: &ControlMessage) -> bool {
    ///     let ControlMessage::Error(error) = message else { return false };
    ///     matches!(error.cause(), ErrorCause::Zerocopy { first: from, .. } if from <= first)
    /// }
    /// assert!(!sent_all_of(0, &ControlMessage::Drops(0)));
    /// ```
    #[must_use]
    pub fn cause(&self) -> ErrorCause {
        let Self { origin, kind, code, info, data, .. } = *self;
        match origin {
            1 => ErrorCause::Local,
            2 => ErrorCause::Icmp { kind, code },
            3 => ErrorCause::Icmp6 { kind, code },
            4 => ErrorCause::Timestamp { stage: info, id: data },
            5 => ErrorCause::Zerocopy { first: info, last: data, copied: code & 1 != 0 },
            6 => {
                let nanos = u64::from(data) << 32 | u64::from(info);
                ErrorCause::TxTime { missed: code == 2, at: Duration::from_nanos(nanos) }
            }
            origin => ErrorCause::Other { origin },
        }
    }

    /// The largest packet that the path takes, in bytes, if this says so.
    ///
    /// ```
    /// fn path_of(error: &shotclock::QueuedError) -> u32 {
    ///     error.mtu().unwrap_or(1280)
    /// }
    /// ```
    #[must_use]
    pub fn mtu(&self) -> Option<u32> {
        let is_network = matches!(self.cause(), ErrorCause::Local | ErrorCause::Icmp { .. } | ErrorCause::Icmp6 { .. });
        (is_network && self.errno == Errno::MSGSIZE.raw_os_error()).then_some(self.info)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word));
        let &[origin, kind, code, _pad] = bytes.get(4..8)? else { return None };
        let (errno, info, data) = (word(0)?.cast_signed(), word(8)?, word(12)?);
        let offender = Address::from_bytes(bytes.get(SIZE..)?).and_then(|address| address.as_inet());
        Some(Self { errno, origin, kind, code, info, data, offender })
    }
}

impl fmt::Display for QueuedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause())?;
        if let Some(offender) = self.offender {
            write!(f, " from {}", offender.ip())?;
        }
        if let Some(mtu) = self.mtu() {
            write!(f, ", at most {mtu} bytes")?;
        }
        if self.errno == 0 { Ok(()) } else { write!(f, ": {}", io::Error::from_raw_os_error(self.errno)) }
    }
}

impl fmt::Display for ErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Local => f.write_str("this machine"),
            Self::Icmp { kind, code } => write!(f, "{} (ICMP type {kind}, code {code})", icmp(kind, code)),
            Self::Icmp6 { kind, code } => write!(f, "{} (ICMPv6 type {kind}, code {code})", icmp6(kind, code)),
            Self::Timestamp { stage, id } => write!(f, "timestamp of {id} at stage {stage}"),
            Self::Zerocopy { first, last, copied: false } => write!(f, "zero-copy sends {first} to {last} are done"),
            Self::Zerocopy { first, last, .. } => write!(f, "zero-copy sends {first} to {last} are done, by copies"),
            Self::TxTime { missed: true, at } => write!(f, "the packet missed its time, {at:?}"),
            Self::TxTime { at, .. } => write!(f, "the packet's time is no good, {at:?}"),
            Self::Other { origin } => write!(f, "origin {origin}"),
        }
    }
}

/// Source: RFC 792, RFC 1812.
fn icmp(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (3, 0) => "network unreachable",
        (3, 1) => "host unreachable",
        (3, 2) => "protocol unreachable",
        (3, 3) => "port unreachable",
        (3, 4) => "too big to go on in one piece",
        (3, 9 | 10 | 13) => "prohibited",
        (3, _) => "unreachable",
        (4, _) => "too fast",
        (11, 0) => "time to live exceeded",
        (11, _) => "pieces missing for too long",
        (12, _) => "bad header",
        _ => "error",
    }
}

/// Source: RFC 4443.
fn icmp6(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (1, 0) => "no route",
        (1, 1) => "prohibited",
        (1, 3) => "address unreachable",
        (1, 4) => "port unreachable",
        (1, _) => "unreachable",
        (2, _) => "too big",
        (3, 0) => "hop limit exceeded",
        (3, _) => "pieces missing for too long",
        (4, _) => "bad header",
        _ => "error",
    }
}
