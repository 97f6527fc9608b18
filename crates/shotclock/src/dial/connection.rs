//! `create_connection`: from a name to a connected socket, under one budget.

use std::convert::Infallible;

use super::race::{ATTEMPT_DELAY, Entrants, Finish, LEAST_ATTEMPT_DELAY, Race, Unfit, interleaved, is_shortage};
use crate::addr::Address;
use crate::constant::{Family, Kind, Protocol};
use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, Reason, Result};
use crate::names::{AddressInfoHints, Lookup};
use crate::socket::{Socket, default_timeout};
use crate::sys::address::SockAddr;
use crate::sys::{BorrowedHandle, Errno};
use crate::target::Target;
use crate::wait::{Canceller, Cancellers, Limit, Stop, ambient, drive};

/// Connects a TCP socket to an address, or to a host's name and a port, of which the addresses are tried until one
/// answers. `timeout` is **one budget** for the lookup and all attempts together, and then the socket's timeout; `None`
/// is for ever.
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
#[derive(Clone, Copy, Debug)]
pub struct Connector<'c> {
    timeout: Timeout,
    deadline: Deadline,
    cancellers: Cancellers<'c>,
    local_address: Option<Address>,
    family: Family,
    attempt_delay: Timeout,
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
    pub fn until(mut self, deadline: Deadline) -> Self {
        self.deadline = self.deadline.min(deadline);
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

    /// Connects; see [`create_connection`].
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
            return Err(Error::invalid("create_connection", text).to(target));
        }
        let limit =
            Limit { timeout: self.timeout, deadline: self.deadline, cancellers: self.cancellers, ..Limit::NONE };
        let limit = limit.begun(Deadline::now());
        self.connect_to_one_of(candidates(target, self.family, limit)?, limit).map_err(|error| error.to(target))
    }

    fn connect_to_one_of(&self, candidates: Vec<Candidate>, limit: Limit<'_>) -> Result<Socket> {
        // Two sockets cannot have one local port at the same time.
        let has_local_port = self.local_address.is_some_and(|local| local.port().is_some_and(|port| port != 0));
        let pause = if has_local_port { Timeout::NEVER } else { self.attempt_delay };
        let candidates =
            if pause == Timeout::NEVER { candidates } else { interleaved(candidates, |it| it.address.family()) };
        let mut race =
            Race::new(Attempts(self.local_address), candidates, pause).waiting_out_shortage(limit.is_bounded());
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

/// One address to try.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: Address,
    kind: Kind,
    protocol: Protocol,
}

/// Attempts from this local address, if any.
struct Attempts(Option<Address>);

impl Entrants for Attempts {
    type Candidate = Candidate;
    type Socket = Socket;
    type Failure = Error;
    type Stop = Infallible;

    fn prepare(&mut self, candidate: Candidate) -> Result<(Socket, SockAddr), Unfit<Self>> {
        let Candidate { address, kind, protocol } = candidate;
        let socket = Socket::with_protocol(address.family(), kind, protocol);
        let bound = socket.and_then(|socket| self.0.map_or(Ok(()), |local| socket.bind(local)).map(|()| socket));
        match bound {
            Ok(socket) => Ok((socket, address.to_sockaddr())),
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

/// The addresses to try, looked up under the limit if need be.
fn candidates(target: Target<'_>, family: Family, limit: Limit<'_>) -> Result<Vec<Candidate>> {
    let (host, port) = match target {
        Target::Address(address) => {
            return Ok(vec![Candidate { address, kind: Kind::STREAM, protocol: Protocol::DEFAULT }]);
        }
        Target::Name { host, port } => (host, port),
    };
    let hints = AddressInfoHints { family, kind: Kind::STREAM, ..AddressInfoHints::default() };
    // As in Python, no host at all is this machine.
    let host = (!host.is_empty()).then_some(host);
    let found = Lookup::under(limit).getaddrinfo(host, port, &hints);
    let candidate =
        |info: crate::names::AddressInfo| Candidate { address: info.address, kind: info.kind, protocol: info.protocol };
    Ok(found.map_err(|error| error.to(target))?.into_iter().map(candidate).collect())
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
