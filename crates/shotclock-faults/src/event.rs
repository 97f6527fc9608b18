//! What a peer tells of what it does.

use std::fmt;
use std::net::SocketAddr;

/// Something a peer did, or that was done to it. The same client's behaviour gives the same events in the same order.
///
/// ```
/// use shotclock::create_connection;
/// use shotclock_faults::{EventKind, PeerBuilder, StreamFault};
/// use std::sync::mpsc;
/// use std::time::Duration;
/// let (tell, told) = mpsc::channel();
/// let peer = PeerBuilder::new(StreamFault::Stall { after: 4 });
/// let peer = peer.on_event(move |event| drop(tell.send(event))).start()?;
/// let _client = create_connection(peer.address(), Duration::from_secs(5))?;
/// assert_eq!(told.recv().unwrap().kind, EventKind::Opened);
/// let stalled = told.recv().unwrap();
/// assert_eq!((stalled.kind, stalled.number, stalled.sent), (EventKind::Stalled, 1, 4));
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Which connection, datagram or query it is about: they are counted from 1.
    pub number: u64,
    /// Whose it is; `None` if it is nobody's.
    pub client: Option<SocketAddr>,
    /// How many bytes have gone out to it.
    pub sent: u64,
    /// How many bytes have come from it.
    pub received: u64,
    /// A name server's question: the name and the type of record.
    pub query: Option<String>,
    /// What went wrong, without being meant to.
    pub error: Option<String>,
}

impl Event {
    pub(crate) fn new(kind: EventKind, number: u64, client: Option<SocketAddr>) -> Self {
        Self { kind, number, client, sent: 0, received: 0, query: None, error: None }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.kind)?;
        if let Some(client) = self.client {
            write!(f, " {client}")?;
        }
        if let Some(query) = &self.query {
            write!(f, " {query}")?;
        }
        write!(f, ", {} bytes sent, {} received", self.sent, self.received)?;
        self.error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}

/// What happened.
///
/// ```
/// use shotclock_faults::EventKind;
/// assert_eq!(EventKind::HalfClosed.to_string(), "half_closed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A client connected.
    Opened,
    /// One byte was sent.
    Dripped,
    /// One byte was read.
    Sipped,
    /// A TLS ClientHello has come.
    ClientHello,
    /// From here on nothing is sent.
    Stalled,
    /// The connection was reset.
    Reset,
    /// Our side of the data was ended, in the midst of it.
    HalfClosed,
    /// A proxy ended both connections, in the midst of the data.
    CutOff,
    /// A connection is over.
    Closed,
    /// A datagram or query was answered as it should be.
    Answered,
    /// It was not answered.
    Dropped,
    /// It was answered twice.
    Duplicated,
    /// Its answer is held back until the next one has gone.
    HeldBack,
    /// Its answer will go later, or a connection's end.
    Delayed,
    /// It was answered that the answer was truncated.
    Truncated,
    /// It was answered with garbage.
    Garbled,
    /// A bound was reached: of connections, so that nobody is accepted until one is over, or of late answers.
    Full,
    /// The system failed the peer; it goes on if it can.
    Failed,
}

impl EventKind {
    /// The name of the kind, as the command prints it.
    ///
    /// ```
    /// assert_eq!(shotclock_faults::EventKind::Opened.name(), "opened");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Dripped => "dripped",
            Self::Sipped => "sipped",
            Self::ClientHello => "client_hello",
            Self::Stalled => "stalled",
            Self::Reset => "reset",
            Self::HalfClosed => "half_closed",
            Self::CutOff => "cut_off",
            Self::Closed => "closed",
            Self::Answered => "answered",
            Self::Dropped => "dropped",
            Self::Duplicated => "duplicated",
            Self::HeldBack => "held_back",
            Self::Delayed => "delayed",
            Self::Truncated => "truncated",
            Self::Garbled => "garbled",
            Self::Full => "full",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
