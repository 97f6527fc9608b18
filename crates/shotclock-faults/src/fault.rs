//! The ways to misbehave, as values.

use std::time::Duration;

/// A way to misbehave.
///
/// ```
/// use shotclock_faults::{DatagramFault, Fault, Peer};
/// let _mute = Peer::start(DatagramFault::Drop)?;
/// let _full = Peer::start(Fault::FullBacklog)?;
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A TCP listener that accepts nobody and whose queue is full: a connect hangs.
    FullBacklog,
    /// A TCP server that misbehaves to its clients.
    Stream(StreamFault),
    /// A UDP echo server that misbehaves.
    Datagram(DatagramFault),
    /// A name server, by UDP and TCP on one port, that misbehaves.
    NameServer(NameServerFault),
    /// A proxy in front of a TCP server that misbehaves ([`PeerBuilder::to`](crate::PeerBuilder::to) says which server).
    Proxy(ProxyFault),
}

/// How a TCP server misbehaves to one connection.
///
/// It sends its content ([`PeerBuilder::content`](crate::PeerBuilder::content)) unasked, or when it is asked
/// ([`PeerBuilder::when_asked`](crate::PeerBuilder::when_asked)), and meanwhile reads and throws away what comes, unless
/// the fault says otherwise. A number of bytes beyond the content is the content's end. Where
/// nothing befalls a connection, it gets the content and then the end of the data.
///
/// ```
/// use shotclock::create_connection;
/// use shotclock_faults::{PeerBuilder, StreamFault};
/// use std::time::Duration;
/// let peer = PeerBuilder::new(StreamFault::Reset { after: 3 }).when_asked(true).start()?;
/// let client = create_connection(peer.address(), Duration::from_secs(5))?;
/// client.sendall(b"?")?;
/// let mut begun = [0; 3];
/// client.recv_exact(&mut begun)?;
/// assert_eq!(client.recv(1).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamFault {
    /// Never answers.
    Silent,
    /// Sends one byte, and the next one after the interval.
    Drip {
        /// The time between two bytes.
        interval: Duration,
    },
    /// Sends nothing, has a small receive buffer, and reads one byte, the next one after the interval.
    Sip {
        /// The time between two bytes.
        interval: Duration,
    },
    /// Sends so many bytes and then nothing more; the connection stays.
    Stall {
        /// How many bytes.
        after: usize,
    },
    /// Sends so many bytes, sees to it that they arrive, and resets the connection (SO_LINGER of zero). They arrive at the
    /// client's system: where that has room for all of them, the client may meet the reset while it still connects, unless
    /// the peer waits to be asked.
    Reset {
        /// How many bytes.
        after: usize,
    },
    /// Sends so many bytes and ends its side of the data, while it goes on reading.
    HalfClose {
        /// How many bytes.
        after: usize,
    },
    /// Has a small receive buffer, reads nothing and sends nothing: a long send hangs.
    NeverRead,
    /// Sends so many bytes as they should be; the rest of the content is garbage made from the seed.
    Garbage {
        /// How many bytes are right.
        after: usize,
    },
    /// Sends the content again and again, without end.
    Flood,
    /// Reads a TLS ClientHello, answers with so many bytes of a ServerHello, never with all of it, and then with
    /// nothing more.
    TlsStall {
        /// How many bytes; zero is no answer at all.
        after: usize,
    },
}

/// How a UDP echo server misbehaves. A datagram that nothing befalls is echoed at once.
///
/// ```
/// use shotclock_faults::{DatagramFault, Peer};
/// use shotclock::{Family, Kind, Socket};
/// let peer = Peer::start(DatagramFault::Duplicate)?;
/// let client = Socket::new(Family::INET, Kind::DGRAM)?;
/// client.sendto(b"once", peer.address())?;
/// assert_eq!((client.recv(100)?, client.recv(100)?), (b"once".to_vec(), b"once".to_vec()));
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatagramFault {
    /// Does not answer.
    Drop,
    /// Answers twice.
    Duplicate,
    /// Answers after the answer to the next datagram.
    Reorder,
    /// Answers after a delay.
    Late {
        /// How long.
        delay: Duration,
    },
}

/// How a name server misbehaves. A question that nothing befalls is answered: every name has the addresses 127.0.0.1
/// and ::1, and no other records.
///
/// ```
/// use shotclock_faults::{NameServerFault, Peer};
/// use shotclock::{Family, Kind, Socket};
/// use std::time::Duration;
/// let server = Peer::start(NameServerFault::Dead)?;
/// let client = Socket::new(Family::INET, Kind::DGRAM)?;
/// client.sendto(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04test\0\0\x01\0\x01", server.address())?;
/// assert!(client.within(Duration::from_millis(20)).recv(512).unwrap_err().is_timeout());
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameServerFault {
    /// Never answers, by UDP or TCP.
    Dead,
    /// Answers rightly, after a delay.
    Slow {
        /// How long.
        delay: Duration,
    },
    /// Answers by UDP that the answer was truncated (the TC bit), so that it is asked again by TCP; there it never
    /// answers.
    Truncated,
    /// Answers with the question's number, and garbage made from the seed behind it.
    Garbage,
}

/// How a proxy misbehaves to one connection, which it passes on to a server and back.
///
/// The fault befalls what the server sends, or what the client does, or both
/// ([`PeerBuilder::side`](crate::PeerBuilder::side)); what goes the other way is passed on as it is, and so is every
/// connection that nothing befalls.
///
/// ```
/// use shotclock::{create_connection, create_server};
/// use shotclock_faults::{PeerBuilder, ProxyFault};
/// use std::time::Duration;
/// let server = create_server(([127, 0, 0, 1], 0))?;
/// let to = server.getsockname()?.as_inet().unwrap();
/// let proxy = PeerBuilder::new(ProxyFault::Limit { after: 5 }).to(to).start()?;
/// let client = create_connection(proxy.address(), Duration::from_secs(5))?;
/// let (behind, _) = server.accept()?;
/// behind.sendall(b"hello, world")?;
/// let mut begun = [0; 5];
/// client.recv_exact(&mut begun)?;
/// assert_eq!((&begun, client.recv(1)?), (b"hello", Vec::new()), "and no more");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyFault {
    /// Passes everything on, the end too, so much later.
    Late {
        /// How much later.
        delay: Duration,
    },
    /// Passes on so many bytes a second.
    Slow {
        /// How many; zero is none at all.
        rate: u64,
    },
    /// Passes everything on in pieces of so many bytes, a millisecond apart.
    Slice {
        /// How many bytes a piece has; zero is taken for one.
        size: usize,
    },
    /// Passes everything on, but the end of the data so much later.
    LateEnd {
        /// How much later.
        delay: Duration,
    },
    /// Passes so many bytes on and then nothing more, while it goes on reading; the connection stays.
    Stall {
        /// How many bytes.
        after: usize,
    },
    /// Passes nothing on, and ends the connection after a delay.
    Hold {
        /// How long it holds the connection.
        delay: Duration,
    },
    /// Passes so many bytes on, sees to it that they arrive, and resets both connections.
    Reset {
        /// How many bytes.
        after: usize,
    },
    /// Passes so many bytes on, and ends both connections.
    Limit {
        /// How many bytes.
        after: usize,
    },
}

/// Whose data a proxy's fault befalls.
///
/// ```
/// assert_eq!(shotclock_faults::Side::named("client"), Some(shotclock_faults::Side::Client));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the server sends.
    Server,
    /// What the client sends.
    Client,
    /// What either sends, each for itself.
    Both,
}

impl Side {
    /// The one of this name: `server`, `client` or `both`.
    ///
    /// ```
    /// assert!(shotclock_faults::Side::named("neither").is_none());
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "server" => Some(Self::Server),
            "client" => Some(Self::Client),
            "both" => Some(Self::Both),
            _ => None,
        }
    }
}

impl Fault {
    /// The protocols by which it is met.
    ///
    /// ```
    /// use shotclock_faults::{Fault, NameServerFault};
    /// assert_eq!(Fault::from(NameServerFault::Dead).protocols(), ["tcp", "udp"]);
    /// ```
    pub const fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::FullBacklog | Self::Stream(_) | Self::Proxy(_) => &["tcp"],
            Self::Datagram(_) => &["udp"],
            Self::NameServer(_) => &["tcp", "udp"],
        }
    }
}

impl From<StreamFault> for Fault {
    fn from(fault: StreamFault) -> Self {
        Self::Stream(fault)
    }
}

impl From<DatagramFault> for Fault {
    fn from(fault: DatagramFault) -> Self {
        Self::Datagram(fault)
    }
}

impl From<NameServerFault> for Fault {
    fn from(fault: NameServerFault) -> Self {
        Self::NameServer(fault)
    }
}

impl From<ProxyFault> for Fault {
    fn from(fault: ProxyFault) -> Self {
        Self::Proxy(fault)
    }
}
