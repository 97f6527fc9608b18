//! [`Socket`]: making one, binding, listening, closing, and what it says of itself.

mod batch;
mod beside;
mod calls;
mod closing;
mod convert;
#[cfg(target_os = "linux")]
mod error_queue;
mod incoming;
mod makers;
mod options;
mod peek;
mod shared;
#[cfg(any(unix, all(windows, not(shotclock_stub))))]
mod std_types;
mod stream;
mod timeouts;
mod unfilled;
mod view;
mod zero_copy;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::race::OnceBox;

use beside::Beside;
pub use closing::Farewell;
pub use incoming::Incoming;
pub use shared::SharedSocket;
pub(crate) use stream::{formatted, no_text};
pub(crate) use view::Begun;
pub use view::Timed;
pub use zero_copy::{PageBuffer, ZeroCopy};

use crate::addr::Address;
use crate::constant::{Family, Kind, MessageFlags, Protocol, Shutdown};
use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, Reason, Result};
use crate::ops;
use crate::option::SocketOption;
use crate::sys::address::AddressRoom;
use crate::sys::{AsHandle, AsRawHandle, BorrowedHandle, Errno, OwnedHandle, RawHandle, socket};
use crate::target::Target;
use crate::wait::{Canceller, Gate, Limit, PolicyState, ServerPolicy};

/// The timeout that new sockets begin with.
static DEFAULT_TIMEOUT: AtomicU64 = AtomicU64::new(Timeout::NEVER.nanos());

/// Sets the timeout that sockets made from now on begin with, in the whole process: connected, accepted, duplicated
/// from numbers. `None` is for ever, as it is at first. Source: Python's `socket.setdefaulttimeout`.
///
/// ```
/// use shotclock::{Timeout, default_timeout, set_default_timeout};
/// use std::time::Duration;
///
/// set_default_timeout(Duration::from_secs(30));
/// assert_eq!(default_timeout(), Timeout::from(Duration::from_secs(30)));
/// set_default_timeout(None);
/// ```
#[doc(alias = "setdefaulttimeout")]
pub fn set_default_timeout(timeout: impl Into<Timeout>) {
    DEFAULT_TIMEOUT.store(timeout.into().nanos(), Ordering::Relaxed);
}

/// The timeout that new sockets begin with. Source: Python's `socket.getdefaulttimeout`.
///
/// ```
/// assert_eq!(shotclock::default_timeout(), shotclock::Timeout::NEVER);
/// ```
#[doc(alias = "getdefaulttimeout")]
pub fn default_timeout() -> Timeout {
    Timeout::from_nanos(DEFAULT_TIMEOUT.load(Ordering::Relaxed))
}

/// Two connected sockets, of which one end is written and the other read. Source: socketpair(2).
///
/// [`Socket::pair`] is the same with a protocol.
///
/// # Errors
/// The system's; most families have no pairs, AF_UNIX has.
///
/// ```
/// use shotclock::{Family, Kind, socketpair};
/// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
/// one.sendall(b"hello")?;
/// assert_eq!(other.recv(100)?, b"hello");
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn socketpair(family: Family, kind: Kind) -> Result<(Socket, Socket)> {
    Socket::pair(family, kind, Protocol::DEFAULT)
}

/// A socket on the clock: plain blocking calls, each of which ends in time.
///
/// It is 24 bytes and takes `&self` throughout, so a reader and a writer may share it between threads. How long a call
/// may wait is the socket's own timeout ([`set_timeout`](Self::set_timeout)), which begins as the process-wide default
/// ([`set_default_timeout`]), and what a view adds: [`until`](Self::until), [`within`](Self::within),
/// [`cancelled_by`](Self::cancelled_by). Every descriptor is close-on-exec, and no call raises SIGPIPE.
///
/// ```
/// use shotclock::{Family, Kind, Socket};
/// use std::time::Duration;
///
/// let listener = Socket::new(Family::INET, Kind::STREAM)?;
/// listener.bind(("127.0.0.1", 0))?;
/// listener.listen(5)?;
///
/// let client = Socket::new(Family::INET, Kind::STREAM)?;
/// client.set_timeout(Duration::from_secs(5));
/// client.connect(listener.getsockname()?)?;
/// let (server, from) = listener.accept()?;
/// assert_eq!(from, client.getsockname()?);
/// client.sendall(b"hello")?;
/// assert_eq!(server.recv(1024)?, b"hello");
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// On the descriptor itself O_NONBLOCK is set; it belongs to the open file description, which a child process or a
/// duplicate may share. [`detach`](Self::detach) and the conversions into std's types clear it.
pub struct Socket {
    fd: OwnedHandle,
    gate: Gate,
    timeout: AtomicU64,
    /// What few sockets have. Made when it is first needed, and kept until the socket's end.
    beside: OnceBox<Beside>,
}

impl Socket {
    /// A new socket of the family and kind, with the protocol these imply. Source: socket(2).
    ///
    /// # Errors
    /// The system's: a family or kind it does not have, no privilege, no descriptors left.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET6, Kind::DGRAM)?;
    /// assert_eq!((socket.family()?, socket.kind()?), (Family::INET6, Kind::DGRAM));
    /// assert!(Socket::new(Family(9999), Kind::STREAM).unwrap_err().to_string().contains("Family(9999)"));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "socket")]
    pub fn new(family: Family, kind: Kind) -> Result<Self> {
        Self::with_protocol(family, kind, Protocol::DEFAULT)
    }

    /// A new socket of the family, kind and protocol. Source: socket(2).
    ///
    /// # Errors
    /// As for [`Socket::new`].
    ///
    /// ```
    /// use shotclock::{Family, Kind, Protocol, Socket};
    /// let socket = Socket::with_protocol(Family::INET, Kind::STREAM, Protocol::TCP)?;
    /// assert_eq!(socket.protocol()?, Protocol::TCP);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn with_protocol(family: Family, kind: Kind, protocol: Protocol) -> Result<Self> {
        let made = socket::socket(family.0, kind.0, protocol.0);
        let fail = |errno| not_made("socket", errno, family, kind, protocol);
        made.map(|fd| Self::born(fd, kind == Kind::STREAM)).map_err(fail)
    }

    /// A socket on a duplicate of somebody else's descriptor, which must be a socket's. Source: Python's `socket.fromfd`.
    ///
    /// # Errors
    /// A descriptor that is no socket, or no descriptors left.
    ///
    /// ```
    /// use shotclock::Socket;
    /// let theirs = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    /// let ours = Socket::fromfd(&theirs)?;
    /// assert_eq!(ours.getsockname()?.port(), Some(theirs.local_addr().unwrap().port()));
    /// assert!(Socket::fromfd(std::fs::File::open("/dev/null").unwrap()).is_err());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn fromfd(fd: impl AsHandle) -> Result<Self> {
        let fail = |errno| Error::system("fromfd", errno);
        socket::check_is_socket(fd.as_fd()).map_err(fail)?;
        Ok(Self::from(socket::dup(fd.as_fd()).map_err(fail)?))
    }

    /// A socket that was just made, non-blocking, and nobody else's.
    #[inline]
    fn born(fd: OwnedHandle, is_stream: bool) -> Self {
        Self::with_gate(fd, Gate::of_sole_owner(is_stream))
    }

    /// A socket on a descriptor from elsewhere. Others may have its open file description, and may change O_NONBLOCK at
    /// any time.
    pub(crate) fn adopt(fd: OwnedHandle) -> Self {
        Self::with_gate(fd, Gate::of_shared_file())
    }

    /// Notes of which kind the socket is, so that calls for streams need not ask the system.
    fn of_kind(self, kind: Kind) -> Self {
        if kind == Kind::STREAM {
            self.gate.set_stream();
        }
        self
    }

    #[inline(always)]
    fn with_gate(fd: OwnedHandle, gate: Gate) -> Self {
        Self { fd, gate, timeout: AtomicU64::new(default_timeout().nanos()), beside: OnceBox::new() }
    }

    /// Gives the socket an address of its own. A name is looked up under the socket's limit. Source: bind(2).
    ///
    /// # Errors
    /// The system's (EADDRINUSE, EACCES; EINVAL for a second bind), a failed lookup, or an address of another family.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// assert_ne!(socket.getsockname()?.port(), Some(0));
    /// assert!(socket.bind(("127.0.0.1", 0)).is_err(), "it has one already");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn bind<'t>(&self, target: impl Into<Target<'t>>) -> Result<()> {
        self.view().bind(target)
    }

    /// Lets connections queue up for `accept`: about `backlog` of them, no more than the system's own cap
    /// (`net.core.somaxconn`, 4096 since Linux 5.4). std asks for 128, as [`create_server`](crate::create_server) does;
    /// `i32::MAX` is as many as the system allows. A negative number counts as 0, as in Python, where listen(2) itself takes
    /// -1 for as many as it allows. Source: listen(2).
    ///
    /// # Errors
    /// The system's; a datagram socket cannot listen.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// assert!(Socket::new(Family::INET, Kind::DGRAM)?.listen(5).is_err());
    /// Socket::new(Family::INET, Kind::STREAM)?.listen(5)?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn listen(&self, backlog: i32) -> Result<()> {
        self.checked("listen", |fd| socket::listen(fd, backlog.max(0)))
    }

    /// Shuts down one direction of a connection, or both; std's [`Shutdown`](std::net::Shutdown) does as well. Calls that wait
    /// in it, in any thread, are woken, and end as blocking calls do: with no bytes, or with an error (EINVAL from accept).
    /// Source: shutdown(2).
    ///
    /// # Errors
    /// The system's; ENOTCONN if there is no connection.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Shutdown, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.shutdown(Shutdown::WRITE)?;
    /// assert_eq!(other.recv(1)?, b"", "the end of the data");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn shutdown(&self, how: impl Into<Shutdown>) -> Result<()> {
        let how = how.into();
        let done = self.checked("shutdown", |fd| socket::shutdown(fd, how.0));
        if cfg!(windows) {
            // Nothing says that whoever waits learns of it there. Who tries again does.
            self.gate.ring();
        }
        done
    }

    /// Whether the peer's system has acknowledged all that was sent on a TCP connection: then nothing of it can be lost any
    /// more by a reset, such as a close makes that leaves data unread. That the peer's program has read it is not said.
    ///
    /// # Errors
    /// The socket is closed, or no TCP.
    ///
    /// ```
    /// use shotclock::{Canceller, create_connection, create_server};
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let client = create_connection(listener.getsockname()?, Duration::from_secs(5))?;
    /// client.sendall(b"goodbye")?;
    /// // Nothing announces it, so look again after a while.
    /// let (shutdown, mut looks) = (Canceller::new(), 0);
    /// while !client.is_acknowledged()? && looks < 1000 {
    ///     shutdown.pause(Duration::from_millis(5))?;
    ///     looks += 1;
    /// }
    /// assert!(client.is_acknowledged()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn is_acknowledged(&self) -> Result<bool> {
        self.checked("getsockopt", socket::is_acknowledged)
    }

    /// Closes the socket: every later call on it, and every wait under way in any thread, fails with an error whose
    /// `is_closed()` is true. Closing twice is not an error.
    ///
    /// Files that [`makefile`](Self::makefile) made go on; the connection ends when they are closed too. The
    /// descriptor's *number* stays taken, by a dead descriptor, until the `Socket` is dropped: no call of another
    /// thread can hit a stranger's socket. The process keeps the dead descriptor for further closes. Where the process
    /// has no descriptor to spare for it, or its RLIMIT_NOFILE was lowered below the number, the connection is shut
    /// down instead, for all who share it, and a bound port is free only after the drop.
    ///
    /// It waits until the calls that it wakes have left, no longer than the limit or a second: then the address can be
    /// bound again at once, if nobody else has a copy of the descriptor. With a timeout of zero it does not wait.
    ///
    /// A lookup under way without any limit (`connect` to a name, timeout none) is the system's and goes on.
    ///
    /// With [`SocketOption::LINGER`] above zero the system makes the last close wait for the peer's acknowledgement,
    /// non-blocking or not. Under a finite limit this call waits for that no longer than the limit, and leaves the rest
    /// to the background; so does the drop of the last file. Beside a copy of the descriptor nothing is waited for.
    /// Dropping a lingering socket waits without a limit. Source: close(2), socket(7).
    ///
    /// # Errors
    /// A timeout while lingering; the socket is closed all the same.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.close()?;
    /// one.close()?;
    /// assert!(one.send(b"x").unwrap_err().is_closed());
    /// assert_eq!(other.recv(1)?, b"");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn close(&self) -> Result<()> {
        self.view().close()
    }

    /// Puts the dead descriptor under our number.
    fn bury(&self) -> Result<()> {
        socket::bury(self.fd.as_fd()).map_err(|errno| Error::system("close", errno))
    }

    /// Gives up the descriptor, in blocking mode, without closing it. Source: Python's `socket.detach`.
    ///
    /// Clearing O_NONBLOCK is best effort: on a closed socket what comes back is its dead descriptor.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let fd: std::os::fd::OwnedFd = Socket::new(Family::INET, Kind::STREAM)?.detach();
    /// let again = Socket::from(fd);
    /// assert_eq!(again.kind()?, Kind::STREAM);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "into_fd")]
    pub fn detach(self) -> OwnedHandle {
        let _on_a_dead_one_it_is_an_error = socket::set_nonblocking(self.fd.as_fd(), false);
        self.fd
    }

    /// Gives up the descriptor, in non-blocking mode, without closing it: as event loops want it. mio's and tokio's types are
    /// made of std's of the same name by `from_std`; those that only watch a descriptor (mio's `SourceFd`, tokio's `AsyncFd`)
    /// take a `&Socket` as it is, since it has [`AsFd`](std::os::fd::AsFd) and is non-blocking from birth.
    ///
    /// A socket that is not to be waited for any longer goes that way; one that an event loop and these calls share needs
    /// nothing, but [`set_file_nonblocking`](Self::set_file_nonblocking) where it came from elsewhere.
    ///
    /// ```
    /// use shotclock::{create_connection, create_server};
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// // The name, every address and the handshake within two seconds; then it is the event loop's.
    /// let socket = create_connection(listener.getsockname()?, Duration::from_secs(2))?;
    /// let mut stream = std::net::TcpStream::from(socket.detach_nonblocking());
    /// // let stream = tokio::net::TcpStream::from_std(stream)?;
    /// // let stream = mio::net::TcpStream::from_std(stream);
    /// assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "from_std")]
    pub fn detach_nonblocking(self) -> OwnedHandle {
        let _on_a_dead_one_it_is_an_error = socket::set_nonblocking(self.fd.as_fd(), true);
        self.fd
    }

    /// Another socket on a duplicate of the descriptor, with the same timeout, and the same policy since the same accept. From
    /// then on each has its own: changes to one, [`set_nonblocking`](Self::set_nonblocking) too, are not the other's. What the
    /// system keeps (options, addresses, what was received) they share.
    /// Source: dup(2), Python's `socket.dup`.
    ///
    /// # Errors
    /// No descriptors left, or the socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let copy = one.dup()?;
    /// one.close()?;
    /// copy.sendall(b"still here")?;
    /// assert_eq!(other.recv(100)?, b"still here");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "try_clone")]
    pub fn dup(&self) -> Result<Self> {
        let copy = Self::adopt(self.checked("dup", socket::dup)?);
        // Both have one open file description now: either may change O_NONBLOCK under the other.
        self.gate.set_shared();
        copy.set_timeout(self.timeout());
        if self.has_write_timeout() {
            copy.set_write_timeout(self.write_timeout());
        }
        if self.gate.is_stream() {
            copy.gate.set_stream();
        }
        if let Some(state) = self.policy_state() {
            copy.put_under(state.clone());
        }
        Ok(copy)
    }

    /// The descriptor's number, for messages and foreign interfaces; [`AsFd`](std::os::fd::AsFd) is the safe way.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// assert!(Socket::new(Family::INET, Kind::STREAM)?.fileno() > 2);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "as_raw_fd")]
    pub fn fileno(&self) -> RawHandle {
        self.as_raw_fd()
    }

    /// The policy that bounds the socket, or what it accepts.
    ///
    /// ```
    /// use shotclock::{ServerPolicy, create_connection, create_server};
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let policy = ServerPolicy::new().idle(Duration::from_secs(10));
    /// listener.set_policy(policy);
    /// let _client = create_connection(listener.getsockname()?, None)?;
    /// assert_eq!(listener.accept()?.0.policy(), Some(policy));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn policy(&self) -> Option<ServerPolicy> {
        self.policy_state().map(PolicyState::policy)
    }

    /// Sets what the clients of a server may take their time over, or `None`. See [`ServerPolicy`].
    ///
    /// On a listener it holds for the connections that are accepted from now on, counted from their accept; `accept`
    /// itself is bounded by the listener's timeout and not by this. A socket that was accepted under a policy can have
    /// another one, which counts from the accept as well, or none. On any other socket the time counts from here. It
    /// bounds every call that moves bytes, and files made from the socket, but neither `accept` nor `connect`; calls
    /// that began under a policy see a change when something wakes them, and one that is taken away ends none. Conversion
    /// into std's types drops it.
    ///
    /// ```
    /// use shotclock::{Family, Kind, LimitKind, ServerPolicy, socketpair};
    /// use std::time::Duration;
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// ours.set_policy(ServerPolicy::new().idle(Duration::from_millis(10)));
    /// assert!(matches!(ours.recv(1).unwrap_err().limit(), Some(LimitKind::Idle(_))));
    /// ours.set_policy(None);
    /// assert_eq!(ours.policy(), None);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn set_policy(&self, policy: impl Into<Option<ServerPolicy>>) {
        let policy = policy.into();
        match (&policy, self.beside.get().and_then(Beside::policy)) {
            (Some(policy), Some(state)) => state.set_policy(policy),
            (Some(policy), None) => self.put_under(PolicyState::new(policy, Deadline::now())),
            (None, Some(state)) => {
                // A call that is waiting does not look at the gate again, but at these limits.
                state.set_policy(&ServerPolicy::new());
                state.waive_first_byte();
            }
            (None, None) => {}
        }
        self.gate.set_policy(policy.is_some());
    }

    /// Whether programs started by this process inherit the descriptor; false at first. Source: Python's PEP 446.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// assert!(!socket.get_inheritable()?);
    /// socket.set_inheritable(true)?;
    /// assert!(socket.get_inheritable()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn get_inheritable(&self) -> Result<bool> {
        self.checked("get_inheritable", socket::is_inheritable)
    }

    /// Sets whether programs started by this process inherit the descriptor.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// Socket::new(Family::INET, Kind::STREAM)?.set_inheritable(true)?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn set_inheritable(&self, inheritable: bool) -> Result<()> {
        self.checked("set_inheritable", |fd| socket::set_inheritable(fd, inheritable))
    }

    /// The socket's timeout; where [`set_write_timeout`](Self::set_write_timeout) has set another one for sending, that of
    /// receiving. Source: Python's `socket.gettimeout`.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, Timeout};
    /// assert_eq!(Socket::new(Family::INET, Kind::STREAM)?.timeout(), Timeout::NEVER);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "gettimeout")]
    #[doc(alias = "get_timeout")]
    #[inline]
    pub fn timeout(&self) -> Timeout {
        Timeout::from_nanos(self.timeout.load(Ordering::Relaxed))
    }

    /// Sets how long each call may wait, in either direction: a `Duration`, `None` for ever, zero for one try. Calls under way
    /// keep theirs. [`set_read_timeout`](Self::set_read_timeout) and [`set_write_timeout`](Self::set_write_timeout) set one.
    /// Nothing is asked of the system. Source: Python's `socket.settimeout`.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, Timeout};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// socket.set_timeout(Duration::from_secs(30));
    /// socket.set_timeout(None);
    /// socket.set_timeout(Timeout::from_secs_f64(0.25)?);
    /// assert_eq!(socket.timeout().duration(), Some(Duration::from_millis(250)));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "settimeout")]
    pub fn set_timeout(&self, timeout: impl Into<Timeout>) {
        self.timeout.store(timeout.into().nanos(), Ordering::Relaxed);
        if let Some(beside) = self.beside.get() {
            beside.set_write_timeout(None);
        }
    }

    /// Makes calls never wait from now on (a timeout of zero), or wait for ever (none).
    ///
    /// It is this value's own, as every timeout: a [`dup`](Self::dup) takes it over and then has its own, a child process or
    /// who else has the descriptor sees nothing of it. std's is the open file's, which all copies share:
    /// [`set_file_nonblocking`](Self::set_file_nonblocking) sets that, for others.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.set_nonblocking(true);
    /// assert!(socket.recv(1).unwrap_err().is_would_block());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) {
        self.set_timeout(if nonblocking { Timeout::ZERO } else { Timeout::NEVER });
    }

    /// Makes calls wait for ever from now on (no timeout), or never (a timeout of zero). Source: Python's
    /// `socket.setblocking`.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.set_blocking(false);
    /// assert!(!socket.is_blocking());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "setblocking")]
    pub fn set_blocking(&self, blocking: bool) {
        self.set_nonblocking(!blocking);
    }

    /// Whether calls may wait at all: the timeout is not zero. Source: Python's `socket.getblocking`.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// assert!(Socket::new(Family::INET, Kind::DGRAM)?.is_blocking());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "getblocking")]
    pub fn is_blocking(&self) -> bool {
        self.timeout() != Timeout::ZERO
    }

    /// The socket's own address. Source: getsockname(2).
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// assert_eq!(socket.getsockname()?.to_string(), "0.0.0.0:0");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "local_addr")]
    pub fn getsockname(&self) -> Result<Address> {
        self.checked("getsockname", socket::getsockname).map(|sockaddr| Address::from_sockaddr(&sockaddr))
    }

    /// The address of the other end. Source: getpeername(2).
    ///
    /// # Errors
    /// ENOTCONN if there is no other end; the socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// assert!(socket.getpeername().is_err());
    /// socket.connect(([127, 0, 0, 1], 9))?;
    /// assert_eq!(socket.getpeername()?.to_string(), "127.0.0.1:9");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "peer_addr")]
    pub fn getpeername(&self) -> Result<Address> {
        let peer = self.checked("getpeername", socket::getpeername)?;
        Ok(peer.as_ref().map_or(Address::UNSPECIFIED, Address::from_sockaddr))
    }

    /// The socket's family.
    ///
    /// # Errors
    /// The socket is closed, or the descriptor is no socket.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// assert_eq!(socketpair(Family::UNIX, Kind::DGRAM)?.0.family()?, Family::UNIX);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn family(&self) -> Result<Family> {
        self.checked("getsockopt", socket::family).map(Family)
    }

    /// The socket's kind, which the system calls its type.
    ///
    /// # Errors
    /// The socket is closed, or the descriptor is no socket.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// assert_eq!(socketpair(Family::UNIX, Kind::DGRAM)?.0.kind()?, Kind::DGRAM);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "type")]
    pub fn kind(&self) -> Result<Kind> {
        self.getsockopt(SocketOption::TYPE)
    }

    /// The socket's protocol.
    ///
    /// # Errors
    /// The socket is closed, or the descriptor is no socket.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Protocol, Socket};
    /// assert_eq!(Socket::new(Family::INET, Kind::DGRAM)?.protocol()?, Protocol::UDP);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "proto")]
    pub fn protocol(&self) -> Result<Protocol> {
        self.checked("getsockopt", socket::protocol).map(Protocol)
    }

    /// The socket with a deadline for all that is called through the view: a [`Deadline`], an
    /// [`Instant`](std::time::Instant) of std's, or `None` for no deadline.
    ///
    /// ```
    /// use shotclock::{Deadline, Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let deadline = Deadline::after(Duration::from_millis(10));
    /// assert!(ours.until(deadline).recv(1).unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn until(&self, deadline: impl Into<Deadline>) -> Timed<'_> {
        self.view().until(deadline)
    }

    /// The socket with a deadline so long from now, for all that is called through the view.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert!(ours.within(Duration::from_millis(10)).recv(1).unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn within(&self, timeout: impl Into<Timeout>) -> Timed<'_> {
        self.view().within(timeout)
    }

    /// The socket with a limit on how long a call through the view may wait without moving a byte: it ends a call whose
    /// peer does nothing, and lets one go on that is slow. See [`Timed::idle`].
    ///
    /// ```
    /// use shotclock::{Family, Kind, LimitKind, socketpair};
    /// use std::time::Duration;
    /// let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// theirs.sendall(b"hel")?;
    /// let error = ours.idle(Duration::from_millis(10)).recv_exact(&mut [0; 5]).unwrap_err();
    /// assert!(matches!(error.limit(), Some(LimitKind::Idle(_))));
    /// assert_eq!(error.bytes_moved(), 3);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn idle(&self, limit: impl Into<Timeout>) -> Timed<'_> {
        self.view().idle(limit)
    }

    /// The socket with a canceller for all that is called through the view.
    ///
    /// ```
    /// use shotclock::{Canceller, Family, Kind, socketpair};
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let canceller = Canceller::new();
    /// canceller.cancel();
    /// assert!(ours.cancelled_by(&canceller).recv(1).unwrap_err().is_cancelled());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn cancelled_by<'s>(&'s self, canceller: &'s Canceller) -> Timed<'s> {
        self.view().cancelled_by(canceller)
    }

    /// The socket with flags for each send and receive through the view.
    ///
    /// ```
    /// use shotclock::{Family, Kind, MessageFlags, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// assert_eq!(other.with_flags(MessageFlags::PEEK).recv(100)?, b"hello");
    /// assert_eq!(other.recv(100)?, b"hello", "it was only looked at");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn with_flags(&self, flags: MessageFlags) -> Timed<'_> {
        self.view().with_flags(flags)
    }

    /// The descriptor for our own calls. Whoever else borrows it, by `AsFd`, may duplicate it.
    #[inline]
    pub(crate) fn borrow(&self) -> BorrowedHandle<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What is known of the socket under its policy, if it has one now.
    #[inline]
    fn policy_state(&self) -> Option<&PolicyState> {
        if self.gate.has_policy() { self.beside.get().and_then(Beside::policy) } else { None }
    }

    /// The socket of an accepted descriptor, and who connected.
    #[inline]
    fn welcome(&self, fd: OwnedHandle, peer: &AddressRoom) -> (Self, Address) {
        let accepted = Self::born(fd, self.gate.is_stream());
        if self.gate.has_policy() {
            self.hand_down(&accepted);
        }
        (accepted, Address::from_bytes(peer.told()).unwrap_or(Address::UNSPECIFIED))
    }

    /// Gives a connection that was accepted just now this listener's policy.
    #[cold]
    fn hand_down(&self, accepted: &Self) {
        if let Some(policy) = self.policy() {
            accepted.put_under(PolicyState::new(&policy, Deadline::now()));
        }
    }

    /// Puts a socket under its first policy.
    #[cold]
    fn put_under(&self, state: PolicyState) {
        self.beside.get_or_init(Box::default).put_under(state);
        self.gate.set_policy(true);
    }

    /// The socket under its own timeout alone.
    #[inline(always)]
    pub(crate) fn view(&self) -> Timed<'_> {
        let limit =
            Limit { timeout: self.timeout(), policy: self.policy_state(), gate: Some(&self.gate), ..Limit::NONE };
        Timed { socket: self, limit, is_own_timeout: true, flags: MessageFlags::NONE }
    }

    /// The descriptor for accept, connect and sendfile, which have no flag against waiting.
    #[inline]
    pub(crate) fn open_file(&self) -> ops::OpenFile<'_> {
        ops::OpenFile::new(self.borrow(), &self.gate)
    }

    /// Whether a receive into no memory takes nothing, and so ends at once, where the system would wait for bytes to come: on a
    /// stream. Of messages it takes the first one.
    #[cold]
    #[inline(never)]
    fn receives_nothing(&self, operation: &'static str) -> Result<bool> {
        self.checked(operation, |_| Ok(()))?;
        Ok(self.gate.is_stream() || self.kind().map_err(|error| error.during(operation))? == Kind::STREAM)
    }

    /// Refuses a call that counts bytes across receives where these are messages with boundaries. The kind of sockets
    /// made here is known; of those from elsewhere it is asked.
    #[inline]
    fn expect_stream(&self, operation: &'static str) -> Result<()> {
        if self.gate.is_stream() { Ok(()) } else { self.refuse_messages(operation) }
    }

    #[cold]
    fn refuse_messages(&self, operation: &'static str) -> Result<()> {
        if self.gate.is_closed() {
            return Err(Error::new(operation, Reason::Closed));
        }
        match self.kind().map_err(|error| error.during(operation))? {
            Kind::STREAM => {
                self.gate.set_stream();
                Ok(())
            }
            kind => Err(Error::invalid(
                operation,
                format!("a socket of {kind}: expected a stream; its messages come whole, by recv or recvmsg"),
            )),
        }
    }

    /// Runs a call that does not wait, unless the socket is closed.
    fn checked<T>(
        &self,
        operation: &'static str,
        call: impl FnOnce(BorrowedHandle<'_>) -> Result<T, Errno>,
    ) -> Result<T> {
        if self.gate.is_closed() {
            return Err(Error::new(operation, Reason::Closed));
        }
        call(self.fd.as_fd()).map_err(|errno| match errno {
            Errno::BADF if self.gate.is_closed() => Error::new(operation, Reason::Closed),
            errno => Error::system(operation, errno),
        })
    }

    /// Protocols answer differently to an address of another family: so the error says what is wrong, with their number.
    #[cold]
    fn explain_family(&self, error: Error, address: &Address) -> Error {
        let Some(errno @ (Errno::AFNOSUPPORT | Errno::INVAL)) = error.errno() else { return error };
        match self.family() {
            Ok(family) if family != address.family() => {
                let text = format!("the address is one of {}, the socket's family is {family}", address.family());
                Error::new(error.operation(), Reason::OtherFamily { errno, text })
            }
            _ => error,
        }
    }
}

/// What was asked for, and why it was not made.
fn not_made(operation: &'static str, errno: Errno, family: Family, kind: Kind, protocol: Protocol) -> Error {
    Error::system(operation, errno).to(format_args!("({family}, {kind}, {protocol:?})"))
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut socket = f.debug_struct("Socket");
        socket.field("fd", &self.fd.as_raw_fd()).field("timeout", &self.timeout());
        if self.gate.is_closed() {
            return socket.field("closed", &true).finish();
        }
        if let (Ok(family), Ok(kind)) = (self.family(), self.kind()) {
            socket.field("family", &family).field("kind", &kind);
        }
        if let Ok(name) = self.getsockname() {
            socket.field("name", &format_args!("{name}"));
        }
        if let Ok(peer) = self.getpeername() {
            socket.field("peer", &format_args!("{peer}"));
        }
        socket.finish()
    }
}
