//! `create_connection`: from a name to a connected socket, under one budget.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::candidates::{Candidate, Resolver, candidates};
use super::race::{ATTEMPT_DELAY, Entrants, Finish, LEAST_ATTEMPT_DELAY, Race, Unfit, interleaved};
use crate::addr::Address;
use crate::constant::Family;
use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, Reason, Result};
use crate::ops::is_shortage;
use crate::socket::{Socket, default_timeout};
use crate::sys::address::SockAddr;
use crate::sys::{BorrowedHandle, Errno};
use crate::target::Target;
use crate::wait::{Canceller, Cancellers, Limit, Stop, ambient, drive};

/// Connects a TCP socket to an address, or to a host's name and a port, of which the addresses are tried until one
/// answers; to a [`Path`](std::path::Path), a local socket. `timeout` is **one budget** for the lookup and all attempts together,
/// and then the socket's timeout; `None` is for ever.
///
/// An address that does not answer does not hold up the others (Happy Eyeballs): the next is tried 250 ms after the
/// last, or at once when one fails, IPv6 and IPv4 taking turns; the first to answer wins, and the others are closed.
/// [`Connector::attempt_delay`] changes that. An attempt for which there is no descriptor or memory (EMFILE, ENFILE,
/// ENOBUFS, ENOMEM) is made as soon as there is, while another one is under way or time is left. Source: RFC 8305;
/// Python's `socket.create_connection`, which tries one address after the other, begins the timeout anew at each, and
/// does not bound the lookup.
///
/// # Errors
/// One error that carries every attempt's ([`Error::attempts`]); a failed lookup.
///
/// ```
/// use shotclock::{create_connection, create_server};
/// use std::time::Duration;
/// let listener = create_server(("localhost", 0))?;
/// let port = listener.getsockname()?.port().unwrap();
/// let socket = create_connection(("localhost", port), Duration::from_secs(5))?;
/// assert_eq!(socket.getpeername()?.port(), Some(port));
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias("TcpStream", "UnixStream", "connect_timeout"))]
pub fn create_connection<'t>(target: impl Into<Target<'t>>, timeout: impl Into<Timeout>) -> Result<Socket> {
    Connector::new().timeout(timeout).connect(target)
}

/// How [`create_connection`] is to go about it: limits, a local address.
///
/// ```
/// use shotclock::{Connector, Deadline, create_server};
/// use std::time::Duration;
/// let listener = create_server(("127.0.0.1", 0))?;
/// let connector = Connector::new().until(Deadline::after(Duration::from_secs(5))).local_address(([127, 0, 0, 2], 0));
/// let socket = connector.connect(listener.getsockname()?)?;
/// assert_eq!(socket.getsockname()?.ip().unwrap().to_string(), "127.0.0.2");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone)]
pub struct Connector<'c> {
    timeout: Timeout,
    deadline: Deadline,
    cancellers: Cancellers<'c>,
    local_address: Option<Address>,
    family: Family,
    attempt_delay: Timeout,
    configure: Option<Arc<Configure<'c>>>,
    resolver: Option<Arc<Resolver<'c>>>,
}

/// What prepares each socket.
type Configure<'c> = dyn Fn(&Socket) -> Result<()> + Send + Sync + 'c;

impl fmt::Debug for Connector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeout, deadline, cancellers, local_address, family, attempt_delay, configure, resolver } = self;
        f.debug_struct("Connector")
            .field("timeout", timeout)
            .field("deadline", deadline)
            .field("cancellers", cancellers)
            .field("local_address", local_address)
            .field("family", family)
            .field("attempt_delay", attempt_delay)
            .field("configures", &configure.is_some())
            .field("has_resolver", &resolver.is_some())
            .finish()
    }
}

impl Default for Connector<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'c> Connector<'c> {
    /// The default timeout for new sockets, and any local address.
    ///
    /// ```
    /// let nobody_listens = ([127, 0, 0, 1], 1);
    /// assert_eq!(shotclock::Connector::new().connect(nobody_listens).unwrap_err().attempts().len(), 1);
    /// ```
    pub fn new() -> Self {
        Self {
            timeout: default_timeout(),
            deadline: Deadline::NEVER,
            cancellers: Cancellers::NONE,
            local_address: None,
            family: Family::UNSPEC,
            attempt_delay: ATTEMPT_DELAY,
            configure: None,
            resolver: None,
        }
    }

    /// The budget of the whole, from the lookup to the connection, and afterwards the socket's own timeout. Zero is
    /// an error, since nothing connects without waiting.
    ///
    /// ```
    /// use shotclock::Connector;
    /// use std::time::Duration;
    /// let listener = shotclock::create_server(("127.0.0.1", 0))?;
    /// let socket = Connector::new().timeout(Duration::from_secs(5)).connect(listener.getsockname()?)?;
    /// assert_eq!(socket.timeout().duration(), Some(Duration::from_secs(5)));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Connects no later than this; the socket's own timeout is not concerned.
    ///
    /// ```
    /// use shotclock::{Connector, Deadline};
    /// let passed = Connector::new().until(Deadline::now());
    /// assert!(passed.connect(("localhost", 1)).unwrap_err().is_timeout());
    /// ```
    #[must_use]
    pub fn until(mut self, deadline: impl Into<Deadline>) -> Self {
        self.deadline = self.deadline.min(deadline.into());
        self
    }

    /// Connects no later than so long from now; the socket's own timeout is not concerned.
    ///
    /// ```
    /// use shotclock::Connector;
    /// use std::time::Duration;
    /// let listener = shotclock::create_server(("127.0.0.1", 0))?;
    /// Connector::new().within(Duration::from_secs(5)).connect(listener.getsockname()?)?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn within(self, timeout: impl Into<Timeout>) -> Self {
        self.until(Deadline::after(timeout))
    }

    /// Lets `canceller` end it. May be called up to four times: each canceller counts.
    ///
    /// ```
    /// use shotclock::{Canceller, Connector};
    /// let canceller = Canceller::new();
    /// canceller.cancel();
    /// let error = Connector::new().cancelled_by(&canceller).connect(("localhost", 1)).unwrap_err();
    /// assert!(error.is_cancelled());
    /// ```
    #[must_use]
    pub fn cancelled_by(mut self, canceller: &'c Canceller) -> Self {
        self.cancellers = self.cancellers.and(canceller);
        self
    }

    /// How long after one attempt the next begins, if none has failed: 250 ms unless said otherwise, and 10 ms at the
    /// least. `None`: the addresses are tried one after another, in the resolver's order, each for as long as it likes.
    ///
    /// ```
    /// use shotclock::Connector;
    /// let listener = shotclock::create_server(("127.0.0.1", 0))?;
    /// let port = listener.getsockname()?.port().unwrap();
    /// Connector::new().attempt_delay(None).connect(("localhost", port))?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "happy_eyeballs_delay")]
    pub fn attempt_delay(mut self, pause: impl Into<Timeout>) -> Self {
        self.attempt_delay = pause.into().max(LEAST_ATTEMPT_DELAY);
        self
    }

    /// The address to connect from; only the target's addresses of its family can be reached. With a port of its own,
    /// which one socket at a time can have, the addresses are tried one after another.
    ///
    /// ```
    /// use shotclock::Connector;
    /// let listener = shotclock::create_server(("127.0.0.1", 0))?;
    /// let from = Connector::new().local_address(([127, 0, 0, 3], 0));
    /// from.connect(listener.getsockname()?)?;
    /// assert_eq!(listener.accept()?.1.ip().unwrap().to_string(), "127.0.0.3");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn local_address(mut self, address: impl Into<Address>) -> Self {
        self.local_address = Some(address.into());
        self
    }

    /// The only family of addresses that is asked for, where the target is a name; [`Family::UNSPEC`], as at first, for
    /// all. An address is taken as it is.
    ///
    /// ```
    /// use shotclock::{Connector, Family};
    /// let listener = shotclock::create_server(("127.0.0.1", 0))?;
    /// let port = listener.getsockname()?.port().unwrap();
    /// let socket = Connector::new().family(Family::INET).connect(("localhost", port))?;
    /// assert_eq!(socket.family()?, Family::INET);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Prepares each socket before it connects, and before it gets the local address: options, marks, a device. An error
    /// ends that attempt, and the next address is tried; a timeout that is set there gives way to the connector's.
    ///
    /// ```
    /// use shotclock::{Connector, SocketOption};
    /// let listener = shotclock::create_server(("127.0.0.1", 0))?;
    /// let connector = Connector::new().configure(|socket| socket.setsockopt(SocketOption::NODELAY, true));
    /// let socket = connector.connect(listener.getsockname()?)?;
    /// assert!(socket.getsockopt(SocketOption::NODELAY)?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn configure(mut self, prepare: impl Fn(&Socket) -> Result<()> + Send + Sync + 'c) -> Self {
        self.configure = Some(Arc::new(prepare));
        self
    }

    /// Asks this function for the addresses of a host, in place of the system's resolver: a cache, a DNS library, a service's
    /// registry. It gets the host and the port, and gives the addresses, the best first; those of another family than
    /// [`family`](Self::family) are left out. Numeric hosts and `""` do not go there, and a service's name is the system's
    /// to look up.
    ///
    /// It runs in the calling thread, in a scope with the time that is left and the connector's cancellers: what it does
    /// with this crate's sockets ends in time by itself. [`remaining`](crate::remaining) tells other code how long it has; when
    /// it comes too late the call ends with a timeout all the same.
    ///
    /// # Errors
    /// `connect` then fails with the function's error, or, for no address at all, with `ErrorKind::NotFound`.
    ///
    /// ```
    /// use shotclock::Connector;
    /// use std::net::SocketAddr;
    /// let listener = shotclock::create_server(("127.0.0.1", 0))?;
    /// let there = listener.getsockname()?.as_inet().unwrap();
    /// let connector = Connector::new().resolver(|host, _port| {
    ///     assert_eq!(host, "database.internal");
    ///     Ok(vec![there])
    /// });
    /// let socket = connector.connect(("database.internal", 5432))?;
    /// assert_eq!(socket.getpeername()?, listener.getsockname()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn resolver(mut self, resolve: impl Fn(&str, u16) -> Result<Vec<SocketAddr>> + Send + Sync + 'c) -> Self {
        self.resolver = Some(Arc::new(resolve));
        self
    }

    /// Connects; see [`create_connection`]. Of several addresses ([`Target::Addresses`]) each is tried, as those of a name.
    ///
    /// # Errors
    /// As there; a cancellation.
    ///
    /// ```
    /// let error = shotclock::Connector::new().connect(([127, 0, 0, 1], 1)).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    /// ```
    pub fn connect<'t>(&self, target: impl Into<Target<'t>>) -> Result<Socket> {
        let target = target.into();
        if self.timeout == Timeout::ZERO {
            let text = "a timeout of 0: expected more, or none; nothing connects without waiting";
            return Err(Error::invalid("create_connection", text).to(&target));
        }
        let limit =
            Limit { timeout: self.timeout, deadline: self.deadline, cancellers: self.cancellers, ..Limit::NONE };
        let limit = limit.begun(Deadline::now());
        let candidates = candidates(&target, self.family, self.resolver.as_deref(), limit)?;
        self.connect_to_one_of(candidates, limit).map_err(|error| error.to(&target))
    }

    fn connect_to_one_of(&self, candidates: Vec<Candidate>, limit: Limit<'_>) -> Result<Socket> {
        // Two sockets cannot have one local port at the same time.
        let has_local_port = self.local_address.is_some_and(|local| local.port().is_some_and(|port| port != 0));
        let pause = if has_local_port { Timeout::NEVER } else { self.attempt_delay };
        let candidates =
            if pause == Timeout::NEVER { candidates } else { interleaved(candidates, |it| it.address.family()) };
        let attempts = Attempts(self.local_address, self.configure.as_deref());
        let mut race = Race::new(attempts, candidates, pause).waiting_out_shortage(limit.is_bounded());
        let ran_out = match drive(&mut race, &limit, &mut ambient::waiter("create_connection")) {
            Ok(Finish::Won(socket)) => {
                socket.set_timeout(self.timeout);
                return Ok(socket);
            }
            Ok(Finish::Lost) => None,
            Ok(Finish::CalledOff(never)) => match never {},
            Err(Stop::TimedOut { limit, elapsed }) => {
                let now = Deadline::now();
                race.give_up(|to, since| {
                    let elapsed = now.since(since).duration().unwrap_or_default();
                    Error::new("connect", Reason::TimedOut { limit, elapsed }).to(Address::from_sockaddr(to))
                });
                Some((limit, elapsed))
            }
            Err(stop) => return Err(Error::stopped("create_connection", stop)),
        };
        Err(Error::new("create_connection", Reason::Attempts { failures: race.into_failures(), limit: ran_out }))
    }
}

/// Attempts from this local address, if any, by sockets that this prepares, if anything does.
struct Attempts<'c>(Option<Address>, Option<&'c Configure<'c>>);

impl Attempts<'_> {
    fn socket(&self, Candidate { address, kind, protocol }: Candidate) -> Result<Socket> {
        let socket = Socket::with_protocol(address.family(), kind, protocol)?;
        if let Some(configure) = self.1 {
            configure(&socket)?;
        }
        if let Some(local) = self.0 {
            socket.bind(local)?;
        }
        Ok(socket)
    }
}

impl Entrants for Attempts<'_> {
    type Candidate = Candidate;
    type Socket = Socket;
    type Failure = Error;
    type Stop = Infallible;

    fn prepare(&mut self, candidate: Candidate) -> Result<(Socket, SockAddr), Unfit<Self>> {
        match self.socket(candidate) {
            Ok(socket) => Ok((socket, candidate.address.to_sockaddr())),
            Err(error) if error.errno().is_some_and(is_shortage) => Err(Unfit::Short(candidate, error)),
            Err(error) => Err(Unfit::Failed(error)),
        }
    }

    fn descriptor(socket: &Socket) -> Option<BorrowedHandle<'_>> {
        Some(socket.borrow())
    }

    fn refused(&mut self, errno: Errno, to: &SockAddr) -> Error {
        Error::system("connect", errno).to(Address::from_sockaddr(to))
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
