//! The peer: made, listening, ended.

use std::fmt;
use std::mem;
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::thread::JoinHandle;

use shotclock::{Canceller, Error, Result, Socket, SocketOption, unstable};

use crate::accept::Acceptor;
use crate::backlog::full_backlog;
use crate::bind::{both, datagrams, listen, own_address};
use crate::connection::Connection;
use crate::datagram::{self, DatagramServer};
use crate::event::Event;
use crate::fault::{Fault, NameServerFault, ProxyFault, Side, StreamFault};
use crate::name_server::NameServer;
use crate::proxy;
use crate::terms::{Selection, Terms};

/// What a peer sends if nobody says what: 64 KiB of lines.
const LINE: &[u8; 16] = b"0123456789abcde\n";
const LINES: usize = 4096;
/// As small as the system allows, for peers that do not read.
const SMALL_BUFFER: i32 = 1;

/// A peer that misbehaves in threads of its own until it is dropped, and then leaves nothing behind: dropping closes
/// its sockets and waits for its threads, which takes no time worth mentioning. The threads take no signals.
///
/// A forked child has the sockets too, as any others, and none of the threads: there dropping the peer ends nothing.
///
/// ```
/// use shotclock_faults::{Fault, Peer};
/// use shotclock::{Family, Kind, Socket};
/// use std::time::Duration;
/// let peer = Peer::start(Fault::FullBacklog)?;
/// let client = Socket::new(Family::INET, Kind::STREAM)?;
/// assert!(client.within(Duration::from_millis(20)).connect(peer.address()).unwrap_err().is_timeout());
/// # Ok::<(), shotclock::Error>(())
/// ```
pub struct Peer {
    address: SocketAddr,
    stop: Canceller,
    threads: Vec<JoinHandle<()>>,
    /// Whose the threads are.
    process: u32,
    /// What a full backlog is made of.
    _held: Vec<Socket>,
}

impl Peer {
    /// A peer on a free port of 127.0.0.1 that misbehaves to everybody.
    ///
    /// # Errors
    /// The system's: no sockets, no threads.
    ///
    /// ```
    /// use shotclock_faults::{DatagramFault, Peer};
    /// let peer = Peer::start(DatagramFault::Drop)?;
    /// assert_ne!(peer.address().port(), 0);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn start(fault: impl Into<Fault>) -> Result<Self> {
        PeerBuilder::new(fault).start()
    }

    /// Where it listens.
    ///
    /// ```
    /// use shotclock_faults::{Peer, StreamFault};
    /// let peer = Peer::start(StreamFault::Silent)?;
    /// assert!(peer.address().ip().is_loopback());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn spawn(&mut self, work: impl FnOnce() + Send + 'static) -> Result<()> {
        // `unstable`, since no crate but the core may touch masks of signals, which is no business of sockets either.
        let thread = unstable::spawn("faults", work);
        self.threads.push(thread.map_err(|error| Error::other("faults", error))?);
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.process != process::id() {
            // Forked: nobody is there to be joined, and another thread may have held what cancelling locks.
            return mem::forget(mem::take(&mut self.threads));
        }
        self.stop.cancel();
        // A panic in there is one of the program's own report, and was said.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// How a [`Peer`] is to go about it: where, to whom, with what, within which bounds.
///
/// ```
/// use shotclock::create_connection;
/// use shotclock_faults::{PeerBuilder, StreamFault};
/// use std::time::Duration;
/// // The first connection is reset, the second and all others get the whole: does the client try again?
/// let peer = PeerBuilder::new(StreamFault::Reset { after: 0 }).take(1).content(b"at last").start()?;
/// let limit = Duration::from_secs(5);
/// let talk = || create_connection(peer.address(), limit)?.recv(100);
/// assert!(talk().is_err());
/// assert_eq!(talk()?, b"at last");
/// # Ok::<(), shotclock::Error>(())
/// ```
pub struct PeerBuilder {
    fault: Fault,
    address: SocketAddr,
    terms: Terms,
}

impl PeerBuilder {
    /// On a free port of 127.0.0.1, to everybody, with 64 KiB of lines, seed 0; 256 connections at once, 1 GiB for
    /// each.
    ///
    /// ```
    /// use shotclock_faults::{PeerBuilder, StreamFault};
    /// let _silent = PeerBuilder::new(StreamFault::Silent).start()?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn new(fault: impl Into<Fault>) -> Self {
        let terms = Terms {
            selection: Selection::ALL,
            content: LINE.repeat(LINES),
            seed: 0,
            to: None,
            side: Side::Server,
            when_asked: false,
            most_connections: 256,
            most_bytes: 1 << 30,
            report: None,
            stop: Canceller::new(),
        };
        Self { fault: fault.into(), address: SocketAddr::from(([127, 0, 0, 1], 0)), terms }
    }

    /// Where to listen; port 0 is one that is free.
    ///
    /// ```
    /// use shotclock_faults::{NameServerFault, PeerBuilder};
    /// let server = PeerBuilder::new(NameServerFault::Dead).address(([127, 0, 0, 53], 0)).start()?;
    /// assert_eq!(server.address().ip().to_string(), "127.0.0.53");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// How many connections, datagrams or queries go well before the fault befalls one. None but those of a full
    /// backlog, which takes nobody's number.
    ///
    /// ```
    /// use shotclock_faults::{DatagramFault, PeerBuilder};
    /// use shotclock::{Family, Kind, Socket};
    /// let peer = PeerBuilder::new(DatagramFault::Drop).skip(1).start()?;
    /// let client = Socket::new(Family::INET, Kind::DGRAM)?;
    /// client.sendto(b"the first", peer.address())?;
    /// assert_eq!(client.recv(100)?, b"the first");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn skip(mut self, number: u64) -> Self {
        self.terms.selection.skip = number;
        self
    }

    /// How many the fault befalls; those after them go well.
    ///
    /// ```
    /// use shotclock_faults::{DatagramFault, PeerBuilder};
    /// use shotclock::{Family, Kind, Socket};
    /// let peer = PeerBuilder::new(DatagramFault::Drop).take(1).start()?;
    /// let client = Socket::new(Family::INET, Kind::DGRAM)?;
    /// client.sendto(b"the first", peer.address())?;
    /// client.sendto(b"the second", peer.address())?;
    /// assert_eq!(client.recv(100)?, b"the second");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn take(mut self, number: u64) -> Self {
        self.terms.selection.take = number;
        self
    }

    /// Of those that are not skipped the fault befalls only each so-many-th; 0 is taken for 1.
    ///
    /// ```
    /// use shotclock_faults::{DatagramFault, PeerBuilder};
    /// use shotclock::{Family, Kind, Socket};
    /// let peer = PeerBuilder::new(DatagramFault::Drop).every(2).start()?;
    /// let client = Socket::new(Family::INET, Kind::DGRAM)?;
    /// for data in [b"1", b"2", b"3"] {
    ///     client.sendto(data, peer.address())?;
    /// }
    /// assert_eq!((client.recv(100)?, client.recv(100)?), (b"1".to_vec(), b"3".to_vec()));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn every(mut self, step: u64) -> Self {
        self.terms.selection.every = step;
        self
    }

    /// What a TCP server sends.
    ///
    /// ```
    /// use shotclock::create_connection;
    /// use shotclock_faults::{PeerBuilder, StreamFault};
    /// use std::time::Duration;
    /// let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    /// let peer = PeerBuilder::new(StreamFault::Stall { after: usize::MAX }).content(head).start()?;
    /// let client = create_connection(peer.address(), Duration::from_secs(5))?;
    /// let mut came = vec![0; head.len()];
    /// client.recv_exact(&mut came)?;
    /// assert_eq!(came, head, "and the body never comes");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn content(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.terms.content = content.into();
        self
    }

    /// Whether a TCP server begins with a connection only when the client has sent something, or ended its data, instead
    /// of at once. So nothing befalls a client that still connects, above all no reset. Others pay no heed to it.
    ///
    /// ```
    /// use shotclock::create_connection;
    /// use shotclock_faults::{PeerBuilder, StreamFault};
    /// use std::time::Duration;
    /// let peer = PeerBuilder::new(StreamFault::Reset { after: 0 }).when_asked(true).start()?;
    /// let client = create_connection(peer.address(), Duration::from_secs(5))?;
    /// client.sendall(b"GET / HTTP/1.1\r\n\r\n")?;
    /// assert_eq!(client.recv(1).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn when_asked(mut self, waits: bool) -> Self {
        self.terms.when_asked = waits;
        self
    }

    /// In front of which server a proxy stands. Each connection of a client becomes one to there, made when it comes; if
    /// that fails, or takes longer than 10 s, the client's is closed.
    ///
    /// ```
    /// use shotclock::{create_connection, create_server};
    /// use shotclock_faults::{PeerBuilder, ProxyFault};
    /// use std::time::Duration;
    /// let server = create_server(([127, 0, 0, 1], 0))?;
    /// let delay = Duration::from_millis(20);
    /// let to = server.getsockname()?.as_inet().unwrap();
    /// let proxy = PeerBuilder::new(ProxyFault::Late { delay }).to(to).start()?;
    /// let client = create_connection(proxy.address(), Duration::from_secs(5))?;
    /// let (behind, _) = server.accept()?;
    /// behind.sendall(b"late")?;
    /// assert!(client.within(delay / 2).recv(4).unwrap_err().is_timeout());
    /// assert_eq!(client.recv(4)?, b"late");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn to(mut self, server: impl Into<SocketAddr>) -> Self {
        self.terms.to = Some(server.into());
        self
    }

    /// Whose data a proxy's fault befalls; the server's, if nothing else is said.
    ///
    /// ```
    /// use shotclock::{create_connection, create_server};
    /// use shotclock_faults::{PeerBuilder, ProxyFault, Side};
    /// use std::time::Duration;
    /// let server = create_server(([127, 0, 0, 1], 0))?;
    /// let to = server.getsockname()?.as_inet().unwrap();
    /// let proxy = PeerBuilder::new(ProxyFault::Stall { after: 2 }).to(to).side(Side::Client).start()?;
    /// let client = create_connection(proxy.address(), Duration::from_secs(5))?;
    /// client.sendall(b"question")?;
    /// let (behind, _) = server.accept()?;
    /// let mut begun = [0; 2];
    /// behind.recv_exact(&mut begun)?;
    /// assert!(behind.within(Duration::from_millis(20)).recv(1).unwrap_err().is_timeout());
    /// behind.sendall(b"answer")?;
    /// assert_eq!(client.recv(6)?, b"answer");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn side(mut self, side: Side) -> Self {
        self.terms.side = side;
        self
    }

    /// What garbage is made from.
    ///
    /// ```
    /// use shotclock::create_connection;
    /// use shotclock_faults::{PeerBuilder, StreamFault};
    /// use std::time::Duration;
    /// let received = |seed| -> shotclock::Result<Vec<u8>> {
    ///     let peer = PeerBuilder::new(StreamFault::Garbage { after: 0 }).seed(seed).start()?;
    ///     let mut bytes = vec![0; 1000];
    ///     create_connection(peer.address(), Duration::from_secs(5))?.recv_exact(&mut bytes)?;
    ///     Ok(bytes)
    /// };
    /// assert_eq!(received(1)?, received(1)?);
    /// assert_ne!(received(1)?, received(2)?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.terms.seed = seed;
        self
    }

    /// How many connections at once, at least one; more wait in the system's queue until one is over. A client that
    /// closes looks like one that only ended its data and still listens: with a fault that stalls it keeps its place.
    ///
    /// ```
    /// use shotclock_faults::{PeerBuilder, StreamFault};
    /// let _peer = PeerBuilder::new(StreamFault::Silent).max_connections(1).start()?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.terms.most_connections = connections.max(1);
        self
    }

    /// How many bytes one connection may move, both ways together, before it is closed; and how many a UDP server may
    /// send in all, before it answers nobody any more.
    ///
    /// ```
    /// use shotclock::create_connection;
    /// use shotclock_faults::{PeerBuilder, StreamFault};
    /// use std::time::Duration;
    /// let peer = PeerBuilder::new(StreamFault::Flood).max_bytes(1 << 20).start()?;
    /// let mut client = create_connection(peer.address(), Duration::from_secs(5))?;
    /// let mut all = Vec::new();
    /// std::io::Read::read_to_end(&mut client, &mut all).unwrap();
    /// assert_eq!(all.len(), 1 << 20);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.terms.most_bytes = bytes;
        self
    }

    /// Whom to tell of each event. It is called in the peer's threads, which wait for it; it must not drop the peer.
    ///
    /// ```
    /// use shotclock_faults::{DatagramFault, EventKind, PeerBuilder};
    /// use shotclock::{Family, Kind, Socket};
    /// use std::sync::mpsc;
    /// let (tell, told) = mpsc::channel();
    /// let peer = PeerBuilder::new(DatagramFault::Drop).on_event(move |event| drop(tell.send(event))).start()?;
    /// Socket::new(Family::INET, Kind::DGRAM)?.sendto(b"hello", peer.address())?;
    /// let event = told.recv().unwrap();
    /// assert_eq!((event.kind, event.number, event.received), (EventKind::Dropped, 1, 5));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn on_event(mut self, report: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.terms.report = Some(Box::new(report));
        self
    }

    /// Starts it: when this returns it listens, and a full backlog is full.
    ///
    /// # Errors
    /// The system's: EADDRINUSE first of all, no sockets, no threads; a proxy without a server, and a server without a
    /// proxy.
    ///
    /// ```
    /// use shotclock_faults::{PeerBuilder, StreamFault};
    /// let one = PeerBuilder::new(StreamFault::Silent).start()?;
    /// let error = PeerBuilder::new(StreamFault::Silent).address(one.address()).start().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn start(self) -> Result<Peer> {
        let Self { fault, address, terms } = self;
        proxy::check(fault, terms.to)?;
        let terms = Arc::new(terms);
        let (stop, process) = (terms.stop.clone(), process::id());
        let mut peer = Peer { address, stop, threads: Vec::new(), process, _held: Vec::new() };
        match fault {
            Fault::FullBacklog => (peer.address, peer._held) = full_backlog(address)?,
            Fault::Stream(fault) => start_stream(&mut peer, fault, terms)?,
            Fault::Datagram(fault) => {
                let socket = datagrams(address)?;
                peer.address = own_address(&socket)?;
                let react = datagram::echo(fault, terms.selection);
                peer.spawn(|| DatagramServer::new(socket, terms, react).run())?;
            }
            Fault::NameServer(fault) => start_name_server(&mut peer, fault, terms)?,
            Fault::Proxy(fault) => start_proxy(&mut peer, fault, terms)?,
        }
        Ok(peer)
    }
}

impl fmt::Debug for PeerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, address, terms } = self;
        let mut builder = f.debug_struct("PeerBuilder");
        builder.field("fault", fault).field("address", address).field("selection", &terms.selection);
        builder
            .field("to", &terms.to)
            .field("seed", &terms.seed)
            .field("when_asked", &terms.when_asked)
            .finish_non_exhaustive()
    }
}

fn start_stream(peer: &mut Peer, fault: StreamFault, terms: Arc<Terms>) -> Result<()> {
    let listener = listen(peer.address)?;
    if matches!(fault, StreamFault::NeverRead | StreamFault::Sip { .. }) {
        // Connections inherit it. The port was nobody's until now.
        listener.setsockopt(SocketOption::RCVBUF, SMALL_BUFFER)?;
    }
    peer.address = own_address(&listener)?;
    let serve = move |connection: &mut Connection| connection.misbehave(fault);
    peer.spawn(move || Acceptor::new(listener, terms, serve).run())
}

fn start_proxy(peer: &mut Peer, fault: ProxyFault, terms: Arc<Terms>) -> Result<()> {
    let listener = listen(peer.address)?;
    peer.address = own_address(&listener)?;
    let serve = move |connection: &mut Connection| proxy::pass_on(connection, fault);
    peer.spawn(move || Acceptor::new(listener, terms, serve).run())
}

fn start_name_server(peer: &mut Peer, fault: NameServerFault, terms: Arc<Terms>) -> Result<()> {
    let (listener, socket) = both(peer.address)?;
    peer.address = own_address(&socket)?;
    let server = Arc::new(NameServer::new(fault, Arc::clone(&terms)));
    let by_stream = Arc::clone(&server);
    let serve = move |connection: &mut Connection| by_stream.serve(connection);
    let acceptor = Acceptor::new(listener, Arc::clone(&terms), serve);
    peer.spawn(move || acceptor.run())?;
    peer.spawn(move || DatagramServer::new(socket, terms, move |query: &[u8]| server.react(query)).run())
}
