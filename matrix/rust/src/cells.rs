//! What a cell is, and where its peers are.

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as UnixSocketAddr;
use std::time::Duration;

use shotclock::{Family, Kind, Socket, SocketOption};

/// The limit of each call.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);
/// More than any buffer of the system takes.
pub(crate) const MUCH: usize = 1 << 24;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
/// What is timed.
pub(crate) type Call = Box<dyn FnOnce() -> Result<(), Failure>>;
/// Makes ready all that is not timed.
pub(crate) type Prepare = fn(&Peers) -> Result<Call, Failure>;

/// An operation at a fault, by both contestants.
pub(crate) struct Cell {
    pub(crate) operation: &'static str,
    pub(crate) fault: &'static str,
    /// None if std has no such call.
    pub(crate) std: Option<Prepare>,
    pub(crate) ours: Prepare,
    pub(crate) answer: Answer,
    /// It keeps a core busy, so nothing is to be timed beside it.
    pub(crate) is_busy: bool,
}

/// What may come beside a timeout.
pub(crate) enum Answer {
    None,
    /// Somebody answers: only that counts.
    Live,
    /// There is a documented answer without the network, which may come when the time is up.
    Fallback,
}

impl Cell {
    pub(crate) fn new(operation: &'static str, fault: &'static str, std: Option<Prepare>, ours: Prepare) -> Self {
        Self { operation, fault, std, ours, answer: Answer::None, is_busy: false }
    }

    pub(crate) fn or(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    pub(crate) fn busy(self) -> Self {
        Self { is_busy: true, ..self }
    }
}

/// A call, whatever it gives when it ends well.
pub(crate) fn call<T, E: Into<Failure>>(call: impl FnOnce() -> Result<T, E> + 'static) -> Result<Call, Failure> {
    Ok(Box::new(move || call().map(drop).map_err(Into::into)))
}

/// The peers, by the names that the runner gives them.
pub(crate) struct Peers(Vec<(String, String)>);

impl Peers {
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let text = std::env::var("SHOTCLOCK_MATRIX_PEERS")?;
        let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
        Ok(Self(pairs.map(|(name, place)| (name.to_owned(), place.to_owned())).collect()))
    }

    fn place(&self, peer: &str) -> Result<&str, Failure> {
        let found = self.0.iter().find(|(name, _)| name == peer);
        Ok(&found.ok_or_else(|| format!("{peer:?}: no such peer"))?.1)
    }

    pub(crate) fn address(&self, peer: &str) -> Result<SocketAddr, Failure> {
        Ok(self.place(peer)?.parse()?)
    }

    pub(crate) fn unix_address(&self, peer: &str) -> Result<UnixSocketAddr, Failure> {
        Ok(UnixSocketAddr::from_abstract_name(self.place(peer)?.trim_start_matches('@'))?)
    }

    /// A connection, with both of std's limits.
    pub(crate) fn std(&self, peer: &str) -> Result<TcpStream, Failure> {
        with_limits(TcpStream::connect(self.address(peer)?)?)
    }

    /// A connection.
    pub(crate) fn ours(&self, peer: &str) -> Result<Socket, Failure> {
        let socket = Socket::new(Family::INET, Kind::STREAM)?;
        socket.connect(self.address(peer)?)?;
        Ok(socket)
    }

    /// A connection that the system calls writable after each sip of the peer's; std cannot ask for that.
    pub(crate) fn ours_with_small_buffer(&self, peer: &str) -> Result<Socket, Failure> {
        let socket = Socket::new(Family::INET, Kind::STREAM)?;
        socket.setsockopt(SocketOption::SNDBUF, 1 << 14)?;
        socket.connect(self.address(peer)?)?;
        Ok(socket)
    }

    pub(crate) fn std_with_small_buffer(&self, peer: &str) -> Result<TcpStream, Failure> {
        with_limits(TcpStream::from(self.ours_with_small_buffer(peer)?))
    }
}

fn with_limits(stream: TcpStream) -> Result<TcpStream, Failure> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}
