//! `create_server`: a listening socket with the settings servers want.

use super::local::at_one_of;
use crate::addr::Address;
use crate::constant::{Family, Kind};
use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, Result};
use crate::option::SocketOption;
use crate::socket::{Socket, Timed, default_timeout};
use crate::target::Target;
use crate::wait::{Canceller, Cancellers, Limit, ServerPolicy};

/// A TCP socket that listens on the address, or, on a [`Path`](std::path::Path), a local one; host `""` is every IPv4 address.
/// `SO_REUSEADDR` is set, so that a server can start again at once. Source: Python's `socket.create_server`.
///
/// A path becomes a file, which is there still when the socket has gone, and must not be there before: who starts again
/// removes it first.
///
/// A name's addresses are tried one after the other, as std does, IPv4 before IPv6, until there is one to listen on. So a second
/// server of the same name and port may find the other family free: where that is not meant, say an address, or
/// [`ServerBuilder::family`].
///
/// # Errors
/// The system's, EADDRINUSE first of all; a failed lookup.
///
/// ```
/// use shotclock::{create_connection, create_server};
/// let listener = create_server(("127.0.0.1", 0))?;
/// assert_ne!(listener.getsockname()?.port(), Some(0));
/// # #[cfg(unix)] {
///
/// let path = std::env::temp_dir().join(format!("shotclock-doc-{}.sock", std::process::id()));
/// let _of_the_last_run = std::fs::remove_file(&path);
/// let local = create_server(&path)?;
/// let _client = create_connection(&path, std::time::Duration::from_secs(5))?;
/// local.accept()?;
/// std::fs::remove_file(path).unwrap();
/// # }
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias("TcpListener", "UnixListener"))]
pub fn create_server<'t>(target: impl Into<Target<'t>>) -> Result<Socket> {
    ServerBuilder::new().listen(target)
}

/// Whether one socket can serve both IPv6 and IPv4 here. Source: Python's `socket.has_dualstack_ipv6`.
///
/// ```
/// println!("{}", shotclock::has_dualstack_ipv6());
/// ```
pub fn has_dualstack_ipv6() -> bool {
    let both = |socket: Socket| socket.setsockopt(SocketOption::V6ONLY, false);
    Socket::new(Family::INET6, Kind::STREAM).and_then(both).is_ok()
}

/// How [`create_server`] is to go about it.
///
/// ```
/// use shotclock::{Family, ServerBuilder};
/// let listener = ServerBuilder::new().backlog(16).reuse_port(true).listen(("::1", 0));
/// // Where there is no IPv6, the system says so.
/// assert!(listener.is_err() || listener?.family()? == Family::INET6);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerBuilder<'c> {
    family: Option<Family>,
    backlog: i32,
    reuse_port: bool,
    dualstack_ipv6: bool,
    timeout: Timeout,
    deadline: Deadline,
    cancellers: Cancellers<'c>,
    policy: Option<ServerPolicy>,
}

impl Default for ServerBuilder<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'c> ServerBuilder<'c> {
    /// The address's own family, for names either, IPv4 first; a backlog of 128; neither shared port nor dual stack; the default timeout
    /// for new sockets, and no policy.
    pub fn new() -> Self {
        Self {
            family: None,
            backlog: 128,
            reuse_port: false,
            dualstack_ipv6: false,
            timeout: default_timeout(),
            deadline: Deadline::NEVER,
            cancellers: Cancellers::NONE,
            policy: None,
        }
    }

    /// The listener's timeout, of each `accept`; it bounds the lookup of a host's name as well. Zero answers only what
    /// needs no lookup.
    ///
    /// ```
    /// use shotclock::ServerBuilder;
    /// use std::time::Duration;
    /// let listener = ServerBuilder::new().timeout(Duration::from_millis(10)).listen(("localhost", 0))?;
    /// assert!(listener.accept().unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Listens no later than this, or fails with a timeout; the listener's own timeout is not concerned.
    ///
    /// ```
    /// use shotclock::{Deadline, ServerBuilder};
    /// let passed = ServerBuilder::new().until(Deadline::now());
    /// assert!(passed.listen(("localhost", 0)).unwrap_err().is_timeout());
    /// ```
    #[must_use]
    pub fn until(mut self, deadline: impl Into<Deadline>) -> Self {
        self.deadline = self.deadline.min(deadline.into());
        self
    }

    /// Listens no later than so long from now, or fails with a timeout; the listener's own timeout is not concerned.
    ///
    /// ```
    /// use shotclock::ServerBuilder;
    /// use std::time::Duration;
    /// let listener = ServerBuilder::new().within(Duration::from_secs(5)).listen(("localhost", 0))?;
    /// assert_eq!(listener.timeout().duration(), None);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn within(self, timeout: impl Into<Timeout>) -> Self {
        self.until(Deadline::after(timeout))
    }

    /// Lets `canceller` end the lookup. May be called up to four times: each canceller counts. To end the waits of
    /// `accept`, name it there: [`Socket::cancelled_by`].
    ///
    /// ```
    /// use shotclock::{Canceller, ServerBuilder};
    /// let canceller = Canceller::new();
    /// canceller.cancel();
    /// let error = ServerBuilder::new().cancelled_by(&canceller).listen(("localhost", 0)).unwrap_err();
    /// assert!(error.is_cancelled());
    /// ```
    #[must_use]
    pub fn cancelled_by(mut self, canceller: &'c Canceller) -> Self {
        self.cancellers = self.cancellers.and(canceller);
        self
    }

    /// What the server's clients may take their time over: [`Socket::set_policy`].
    ///
    /// ```
    /// use shotclock::{ServerBuilder, ServerPolicy};
    /// use std::time::Duration;
    /// let policy = ServerPolicy::new().first_byte(Duration::from_secs(10));
    /// let listener = ServerBuilder::new().policy(policy).listen(("127.0.0.1", 0))?;
    /// assert_eq!(listener.policy(), Some(policy));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn policy(mut self, policy: impl Into<Option<ServerPolicy>>) -> Self {
        self.policy = policy.into();
        self
    }

    /// The family of the socket, for a host that is a name.
    ///
    /// ```
    /// use shotclock::{Family, ServerBuilder};
    /// let listener = ServerBuilder::new().family(Family::INET).listen(("localhost", 0))?;
    /// assert_eq!(listener.family()?, Family::INET);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.family = Some(family);
        self
    }

    /// How many connections may wait to be accepted; the system has a cap of its own.
    ///
    /// ```
    /// shotclock::ServerBuilder::new().backlog(1024).listen(("127.0.0.1", 0))?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn backlog(mut self, connections: i32) -> Self {
        self.backlog = connections;
        self
    }

    /// Whether several sockets may listen on the same address and share its connections.
    ///
    /// ```
    /// use shotclock::ServerBuilder;
    /// let one = ServerBuilder::new().reuse_port(true).listen(("127.0.0.1", 0))?;
    /// let other = ServerBuilder::new().reuse_port(true).listen(one.getsockname()?)?;
    /// assert_eq!(one.getsockname()?, other.getsockname()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Whether an IPv6 socket takes IPv4 connections too; an error where the system cannot. Host `""` is then every
    /// address of both.
    ///
    /// ```
    /// use shotclock::ServerBuilder;
    /// let error = ServerBuilder::new().dualstack_ipv6(true).listen(([127, 0, 0, 1], 0)).unwrap_err();
    /// assert!(error.to_string().contains("AF_INET6"));
    /// ```
    #[must_use]
    pub fn dualstack_ipv6(mut self, both: bool) -> Self {
        self.dualstack_ipv6 = both;
        self
    }

    /// Makes the socket, binds it and lets it listen; see [`create_server`].
    ///
    /// # Errors
    /// As there; dual stack asked for with another family, or where the system has none.
    ///
    /// ```
    /// use shotclock::{ServerBuilder, has_dualstack_ipv6};
    /// if has_dualstack_ipv6() {
    ///     let listener = ServerBuilder::new().dualstack_ipv6(true).listen(("", 0))?;
    ///     let port = listener.getsockname()?.port().unwrap();
    ///     shotclock::create_connection(("127.0.0.1", port), None)?;
    /// }
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn listen<'t>(&self, target: impl Into<Target<'t>>) -> Result<Socket> {
        let target = target.into();
        let limit =
            Limit { timeout: self.timeout, deadline: self.deadline, cancellers: self.cancellers, ..Limit::NONE };
        let limit = limit.begun(Deadline::now());
        let either = if self.dualstack_ipv6 { Family::INET6 } else { Family::UNSPEC };
        at_one_of(&target, "create_server", (self.family.unwrap_or(either), Kind::STREAM), limit, |address| {
            self.listen_at(address, limit)
        })
    }

    fn listen_at(&self, address: Address, limit: Limit<'_>) -> Result<Socket> {
        let family = address.family();
        if self.dualstack_ipv6 && family != Family::INET6 {
            let text = format!("dual stack needs AF_INET6: expected that family, got {family}");
            return Err(Error::invalid("create_server", text));
        }
        let socket = Socket::new(family, Kind::STREAM)?;
        if matches!(family, Family::INET | Family::INET6) {
            own_address(&socket)?;
        }
        if self.reuse_port {
            share_address(&socket)?;
        }
        if family == Family::INET6 {
            socket.setsockopt(SocketOption::V6ONLY, !self.dualstack_ipv6)?;
        }
        Timed::under(&socket, limit).bind(address)?;
        socket.listen(self.backlog)?;
        socket.set_timeout(self.timeout);
        if self.policy.is_some() {
            socket.set_policy(self.policy);
        }
        Ok(socket)
    }
}

/// Connections of an earlier listener that have not quite gone keep nobody from the address.
#[cfg(not(windows))]
fn own_address(socket: &Socket) -> Result<()> {
    socket.setsockopt(SocketOption::REUSEADDR, true)
}

/// They keep nobody from it here in any case: the option of that name has several sockets at one address. This one forbids it.
#[cfg(windows)]
fn own_address(socket: &Socket) -> Result<()> {
    socket.setsockopt(SocketOption::EXCLUSIVEADDRUSE, true)
}

#[cfg(unix)]
fn share_address(socket: &Socket) -> Result<()> {
    socket.setsockopt(SocketOption::REUSEPORT, true)
}

#[cfg(not(unix))]
fn share_address(_: &Socket) -> Result<()> {
    Err(Error::invalid("create_server", "several sockets that share an address: not supported on this system"))
}
