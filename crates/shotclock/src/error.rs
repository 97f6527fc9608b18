//! The crate's one error type.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::deadline::Timeout;
use crate::phase::Phase;
use crate::scope_id::ScopeId;
use crate::sys::{self, Errno};

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not do what it was asked to.
///
/// It is one word in size and says: which operation, on which address or name, which limit ran out and after how
/// long, how many bytes had moved before, and the system's or resolver's own code.
///
/// ```
/// use shotclock::{Family, Kind, socketpair};
/// use std::time::Duration;
///
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// ours.set_timeout(Duration::from_millis(10));
/// let error = ours.recv(100).unwrap_err();
/// assert!(error.is_timeout());
/// assert_eq!(error.operation(), "recv");
/// assert_eq!(error.bytes_moved(), 0);
/// assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::TimedOut);
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// A clone says the same, for all who wait for one result.
#[derive(Clone)]
pub struct Error(Box<Cause>);

/// Which limit ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKind {
    /// The socket's own timeout, set by `set_timeout` or taken from the default.
    SocketTimeout(Timeout),
    /// The deadline of this call: `until`, `within`, or a budget such as `create_connection`'s.
    CallDeadline,
    /// A deadline scope of the calling thread: `with_deadline` and its kin.
    Scope(ScopeId),
    /// For so long no byte had moved: a view's `idle`, or a server policy's.
    Idle(Timeout),
    /// A server policy's: nothing was received for so long after accept.
    FirstByte(Timeout),
    /// A server policy's: the connection was to end so long after accept.
    Total(Timeout),
}

/// Where a lookup error's number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupCode {
    /// An `EAI_` number of getaddrinfo(3) and getnameinfo(3).
    AddressInfo(i32),
    /// An `h_errno` number of gethostbyname(3) and gethostbyaddr(3).
    Host(i32),
}

#[derive(Clone)]
struct Cause {
    operation: &'static str,
    target: Option<String>,
    bytes_moved: u64,
    datagrams_moved: usize,
    reason: Reason,
}

#[derive(Clone)]
pub(crate) enum Reason {
    TimedOut {
        limit: LimitKind,
        elapsed: Duration,
    },
    WouldBlock,
    Cancelled,
    Closed,
    System(Errno),
    /// The system said so of an address, and why is known.
    OtherFamily {
        errno: Errno,
        text: String,
    },
    Lookup {
        code: LookupCode,
        text: String,
        errno: Option<Errno>,
    },
    Invalid(String),
    OutOfMemory(String),
    Ended(String),
    NotFound(String),
    TooLong(String),
    Unsupported(String),
    WorkerLimit {
        limit: LimitKind,
        elapsed: Duration,
        workers: usize,
    },
    Attempts {
        failures: Vec<Error>,
        limit: Option<(LimitKind, Duration)>,
    },
    NoAnswer(Arc<io::Error>),
    Other(Arc<io::Error>),
}

impl Error {
    #[cold]
    pub(crate) fn new(operation: &'static str, reason: Reason) -> Self {
        Self(Box::new(Cause { operation, target: None, bytes_moved: 0, datagrams_moved: 0, reason }))
    }

    /// Bad input: `text` names the value and what was expected.
    #[cold]
    pub(crate) fn invalid(operation: &'static str, text: impl Into<String>) -> Self {
        Self::new(operation, Reason::Invalid(text.into()))
    }

    /// An error of your own, for functions over this crate's that return its [`Result`]: `operation` is what you call yours,
    /// and kind, number and words are those of std's error.
    ///
    /// ```
    /// use shotclock::{Error, Result, Timed};
    /// use std::io;
    /// fn read_frame(from: &Timed<'_>) -> Result<Vec<u8>> {
    ///     let mut length = [0; 2];
    ///     from.recv_exact(&mut length)?;
    ///     let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
    ///     if frame.is_empty() {
    ///         let empty = io::Error::new(io::ErrorKind::InvalidData, "a frame without content");
    ///         return Err(Error::other("read_frame", empty));
    ///     }
    ///     from.recv_exact(&mut frame)?;
    ///     Ok(frame)
    /// }
    /// let (ours, theirs) = shotclock::socketpair(shotclock::Family::UNIX, shotclock::Kind::STREAM)?;
    /// theirs.sendall(&[0, 0])?;
    /// let error = read_frame(&ours.within(std::time::Duration::from_secs(5))).unwrap_err();
    /// assert_eq!(error.to_string(), "read_frame: a frame without content");
    /// assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    /// # Ok::<(), Error>(())
    /// ```
    #[cold]
    pub fn other(operation: &'static str, error: io::Error) -> Self {
        Self::new(operation, Reason::Other(Arc::new(error)))
    }

    #[cold]
    pub(crate) fn system(operation: &'static str, errno: Errno) -> Self {
        Self::new(operation, Reason::System(errno))
    }

    /// Says more of the way to the target.
    #[cold]
    pub(crate) fn by(mut self, way: impl fmt::Display) -> Self {
        self.0.target = Some(self.0.target.take().map_or_else(|| way.to_string(), |target| format!("{target} {way}")));
        self
    }

    /// The data ended before all that was wanted had come.
    #[cold]
    pub(crate) fn ended(operation: &'static str, wanted: usize, got: usize) -> Self {
        let text = format!("the peer ended the data: expected {wanted} bytes, got {got}");
        Self::new(operation, Reason::Ended(text))
    }

    #[must_use]
    pub(crate) fn moved(mut self, bytes: u64) -> Self {
        self.0.bytes_moved = bytes;
        self
    }

    /// So many whole datagrams, of so many bytes together.
    #[must_use]
    pub(crate) fn moved_datagrams(mut self, datagrams: usize, bytes: u64) -> Self {
        self.0.datagrams_moved = datagrams;
        self.moved(bytes)
    }

    #[must_use]
    pub(crate) fn to(mut self, target: impl fmt::Display) -> Self {
        self.0.target = Some(target.to_string());
        self
    }

    #[must_use]
    pub(crate) fn during(mut self, operation: &'static str) -> Self {
        self.0.operation = operation;
        self
    }

    pub(crate) fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// The operation that failed, by the name of its method or function: `"recv"`, `"getaddrinfo"`.
    ///
    /// ```
    /// let error = shotclock::inet_aton("256.1").unwrap_err();
    /// assert_eq!(error.operation(), "inet_aton");
    /// ```
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// What the call was at when it ended: `operation()` as one of a few. None for an operation that never waits, or moves nothing.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Phase, Socket, create_server};
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// listener.set_timeout(Duration::from_millis(10));
    /// assert_eq!(listener.accept().unwrap_err().phase(), Some(Phase::Accept));
    /// let error = Socket::new(Family::INET, Kind::STREAM)?.within(Duration::ZERO).connect(("localhost", 1)).unwrap_err();
    /// assert_eq!(error.phase(), Some(Phase::Lookup));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn phase(&self) -> Option<Phase> {
        Phase::of(self.0.operation)
    }

    /// The address or name the operation was about, as text, where it is known.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// let nobody_listens = ([127, 0, 0, 1], 1);
    /// assert_eq!(socket.connect(nobody_listens).unwrap_err().target(), Some("127.0.0.1:1"));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn target(&self) -> Option<&str> {
        self.0.target.as_deref()
    }

    /// How many bytes this call had sent or received before it failed; they are gone from your buffer, or in it.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let error = one.within(Duration::from_millis(10)).sendall(&[0; 1 << 22]).unwrap_err();
    /// assert!(error.bytes_moved() > 0 && error.bytes_moved() < 1 << 22);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn bytes_moved(&self) -> u64 {
        self.0.bytes_moved
    }

    /// How many datagrams of a batch had been sent before it failed: go on with the rest of them. 0 for other calls.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Outgoing, socketpair};
    /// use std::time::Duration;
    /// let (one, _never_reads) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// let batch = [Outgoing::from(&[0; 1000][..]); 10_000];
    /// let error = one.within(Duration::from_millis(10)).send_batch(&batch).unwrap_err();
    /// let rest = &batch[error.datagrams_moved()..];
    /// assert!(error.is_timeout() && rest.len() < batch.len());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn datagrams_moved(&self) -> usize {
        self.0.datagrams_moved
    }

    /// Whether one of our limits ended a wait. The network's own ETIMEDOUT is a system error and not meant.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert!(one.within(Duration::from_millis(10)).recv(1).unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn is_timeout(&self) -> bool {
        match &self.0.reason {
            Reason::TimedOut { .. } | Reason::WorkerLimit { .. } => true,
            Reason::Attempts { limit, .. } => limit.is_some(),
            _ => false,
        }
    }

    /// Whether a [`Canceller`](crate::Canceller) ended the call.
    ///
    /// ```
    /// use shotclock::{Canceller, Lookup};
    /// let canceller = Canceller::new();
    /// canceller.cancel();
    /// assert!(Lookup::new().cancelled_by(&canceller).gethostbyname("localhost").unwrap_err().is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.reason, Reason::Cancelled)
    }

    /// Whether the socket had been closed, before the call or under it from another thread.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.close()?;
    /// assert!(one.recv(1).unwrap_err().is_closed());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self.0.reason, Reason::Closed)
    }

    /// Whether a call on a non-blocking socket (timeout zero) would have had to wait.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.set_nonblocking(true);
    /// assert!(one.recv(1).unwrap_err().is_would_block());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn is_would_block(&self) -> bool {
        matches!(self.0.reason, Reason::WouldBlock)
    }

    /// Whether the resolver said no: Python's `gaierror` and `herror`.
    ///
    /// ```
    /// use shotclock::{AddressInfoFlags, AddressInfoHints, getaddrinfo};
    /// let numeric = AddressInfoHints { flags: AddressInfoFlags::NUMERICHOST, ..AddressInfoHints::default() };
    /// assert!(getaddrinfo("not.a.number", 80, &numeric).unwrap_err().is_lookup());
    /// ```
    pub fn is_lookup(&self) -> bool {
        self.lookup_code().is_some()
    }

    /// The resolver's code, if the resolver said no.
    ///
    /// ```
    /// use shotclock::{AddressInfoFlags, AddressInfoHints, LookupCode, getaddrinfo};
    /// let numeric = AddressInfoHints { flags: AddressInfoFlags::NUMERICHOST, ..AddressInfoHints::default() };
    /// let error = getaddrinfo("not.a.number", 80, &numeric).unwrap_err();
    /// assert_eq!(error.lookup_code(), Some(LookupCode::AddressInfo(-2))); // EAI_NONAME
    /// ```
    pub fn lookup_code(&self) -> Option<LookupCode> {
        match &self.0.reason {
            Reason::Lookup { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The limit that ended the wait, if one did.
    ///
    /// ```
    /// use shotclock::{Family, Kind, LimitKind, socketpair};
    /// use std::time::Duration;
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let error = one.within(Duration::from_millis(10)).recv(1).unwrap_err();
    /// assert_eq!(error.limit(), Some(LimitKind::CallDeadline));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn limit(&self) -> Option<LimitKind> {
        self.expiry().map(|(limit, _)| limit)
    }

    /// The deadline scope that ended the wait, if one did: compare it with [`Scope::id`](crate::Scope::id).
    ///
    /// ```
    /// use shotclock::{DeadlineScope, Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let guard = DeadlineScope::enter(Duration::from_millis(10));
    /// assert_eq!(one.recv(1).unwrap_err().scope(), Some(guard.scope().id()));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn scope(&self) -> Option<ScopeId> {
        match self.limit() {
            Some(LimitKind::Scope(scope)) => Some(scope),
            _ => None,
        }
    }

    /// How long the call had waited when its limit passed, if one did.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let error = one.within(Duration::from_millis(10)).recv(1).unwrap_err();
    /// assert!(error.elapsed() > Some(Duration::from_millis(5)));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn elapsed(&self) -> Option<Duration> {
        self.expiry().map(|(_, elapsed)| elapsed)
    }

    pub(crate) fn expiry(&self) -> Option<(LimitKind, Duration)> {
        match &self.0.reason {
            Reason::TimedOut { limit, elapsed } | Reason::WorkerLimit { limit, elapsed, .. } => {
                Some((*limit, *elapsed))
            }
            Reason::Attempts { limit, .. } => *limit,
            _ => None,
        }
    }

    /// The system's error number, where the system gave one. A cancelled, closed or timed-out call has none;
    /// `create_connection`, where every address has failed, that of the last one.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let error = Socket::new(Family::INET, Kind::STREAM)?.getpeername().unwrap_err();
    /// assert_eq!(error.raw_os_error(), Some(107)); // ENOTCONN
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn raw_os_error(&self) -> Option<i32> {
        match &self.0.reason {
            Reason::System(errno) | Reason::OtherFamily { errno, .. } => Some(errno.raw_os_error()),
            Reason::Lookup { errno, .. } => errno.map(Errno::raw_os_error),
            Reason::NoAnswer(error) | Reason::Other(error) => error.raw_os_error(),
            Reason::Attempts { failures, limit: None } => failures.last().and_then(Self::raw_os_error),
            _ => None,
        }
    }

    /// The system's error, where it is nothing but that.
    pub(crate) fn errno(&self) -> Option<Errno> {
        if let Reason::System(errno) = self.0.reason { Some(errno) } else { None }
    }

    /// What befell each address that `create_connection` tried, in order; why nobody could be accepted, where
    /// [`Incoming`](crate::Incoming) has waited for a descriptor in vain; empty for other errors.
    ///
    /// ```
    /// let error = shotclock::create_connection(([127, 0, 0, 1], 1), None).unwrap_err();
    /// assert_eq!(error.attempts()[0].raw_os_error(), Some(111)); // ECONNREFUSED
    /// ```
    pub fn attempts(&self) -> &[Error] {
        match &self.0.reason {
            Reason::Attempts { failures, .. } => failures,
            _ => &[],
        }
    }

    /// The error of this crate that another error carries, at whatever depth: `io::Error`s from std's traits, TLS and
    /// protocol libraries that wrap them. An `io::Error` that has an error number of the system's carries nothing else.
    ///
    /// ```
    /// use shotclock::{Error, Family, Kind, socketpair};
    /// use std::{io::Read, time::Duration};
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let io_error = ours.within(Duration::from_millis(10)).read(&mut [0]).unwrap_err();
    /// assert!(Error::find_in(&io_error).unwrap().is_timeout());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn find_in<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            // An io::Error's source is that of the error inside, which would be passed over.
            let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = inside.map(|inside| inside as _).or_else(|| error.source());
        }
        None
    }

    /// The nearest of std's kinds: `TimedOut` for a limit, `WouldBlock` for a non-blocking socket, `InvalidInput`
    /// for bad input, the system's own where there is a number. Never `Interrupted`, which std's loops retry.
    ///
    /// ```
    /// let error = shotclock::Timeout::from_secs_f64(-1.0).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    pub fn kind(&self) -> io::ErrorKind {
        use io::ErrorKind as Kind;
        match &self.0.reason {
            Reason::TimedOut { .. } | Reason::WorkerLimit { .. } => Kind::TimedOut,
            Reason::Attempts { limit: Some(_), .. } => Kind::TimedOut,
            Reason::Attempts { failures, .. } => failures.last().map_or(Kind::NotFound, Error::kind),
            Reason::WouldBlock => Kind::WouldBlock,
            Reason::Cancelled => Kind::Other,
            Reason::Closed => Kind::NotConnected,
            // Where the resolver could not ask, the system's number says why.
            Reason::System(errno) | Reason::Lookup { errno: Some(errno), .. } => final_kind(errno.kind()),
            Reason::Lookup { .. } | Reason::NotFound(_) => Kind::NotFound,
            Reason::Invalid(_) | Reason::OtherFamily { .. } => Kind::InvalidInput,
            Reason::OutOfMemory(_) => Kind::OutOfMemory,
            Reason::Ended(_) => Kind::UnexpectedEof,
            Reason::TooLong(_) => Kind::InvalidData,
            Reason::Unsupported(_) => Kind::Unsupported,
            Reason::NoAnswer(error) => error.kind(),
            Reason::Other(error) => final_kind(error.kind()),
        }
    }
}

/// The kind, unless it is one upon which std and TLS libraries try again at once: the call has ended for good.
fn final_kind(kind: io::ErrorKind) -> io::ErrorKind {
    if matches!(kind, io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) { io::ErrorKind::Other } else { kind }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.operation)?;
        if let Some(target) = &self.0.target {
            write!(f, " {target}")?;
        }
        write!(f, ": {}", self.0.reason)?;
        match self.0.datagrams_moved {
            0 => {}
            1 => f.write_str(", after 1 datagram")?,
            n => write!(f, ", after {n} datagrams")?,
        }
        match self.0.bytes_moved {
            0 => Ok(()),
            1 => f.write_str(", after 1 byte"),
            n => write!(f, ", after {n} bytes"),
        }
    }
}

/// Why a lookup came to no worker.
pub fn all_workers_busy(workers: usize) -> String {
    format!("all {workers} lookup workers are busy with lookups that hang")
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { limit, elapsed } => expired(f, *limit, *elapsed),
            Self::WorkerLimit { limit, elapsed, workers } => {
                expired(f, *limit, *elapsed)?;
                write!(f, ", in the queue: {}", all_workers_busy(*workers))
            }
            Self::WouldBlock => f.write_str("would block, and the socket's timeout is 0"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::System(errno) => write!(f, "{} (os error {})", sys::describe(*errno), errno.raw_os_error()),
            Self::OtherFamily { errno, text } => write!(f, "{text} (os error {})", errno.raw_os_error()),
            Self::Lookup { code, text, errno } => {
                write!(f, "{text} ({code})")?;
                errno.map_or(Ok(()), |errno| write!(f, ": {}", sys::describe(errno)))
            }
            Self::Attempts { failures, limit } => {
                match limit {
                    Some((limit, elapsed)) => expired(f, *limit, *elapsed)?,
                    None => f.write_str("no address could be reached")?,
                }
                failures.iter().try_for_each(|failure| write!(f, "; {failure}"))
            }
            Self::NoAnswer(error) | Self::Other(error) => write!(f, "{error}"),
            Self::Invalid(text)
            | Self::OutOfMemory(text)
            | Self::Ended(text)
            | Self::NotFound(text)
            | Self::TooLong(text)
            | Self::Unsupported(text) => f.write_str(text),
        }
    }
}

/// Says which limit passed. A deadline may have been set long before this call, so its wait says little of it.
fn expired(f: &mut fmt::Formatter<'_>, limit: LimitKind, elapsed: Duration) -> fmt::Result {
    let elapsed = elapsed.as_secs_f64();
    match limit {
        LimitKind::SocketTimeout(_) => write!(f, "timed out after {elapsed:.3} s ({limit})"),
        _ => {
            write!(f, "timed out: {limit} passed, after {elapsed:.3} s in this call")
        }
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SocketTimeout(timeout) => of(f, "the socket's timeout", *timeout),
            Self::Idle(timeout) => of(f, "the idle limit", *timeout),
            Self::FirstByte(timeout) => of(f, "the policy's limit until the first byte", *timeout),
            Self::Total(timeout) => of(f, "the policy's limit for the connection", *timeout),
            Self::CallDeadline => f.write_str("the call's deadline"),
            Self::Scope(scope) => write!(f, "the deadline of scope {scope}"),
        }
    }
}

/// A limit's name, and how long it is.
fn of(f: &mut fmt::Formatter<'_>, name: &str, timeout: Timeout) -> fmt::Result {
    match timeout.duration() {
        Some(duration) => write!(f, "{name} of {} s", duration.as_secs_f64()),
        None => f.write_str(name),
    }
}

impl fmt::Display for LookupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInfo(code) => match sys::resolver::address_info_code_name(*code) {
                Some(name) => f.write_str(name),
                None => write!(f, "EAI code {code}"),
            },
            Self::Host(code) => match sys::resolver::host_code_name(*code) {
                Some(name) => f.write_str(name),
                None => write!(f, "h_errno {code}"),
            },
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What `fn main() -> Result` prints.
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.reason {
            Reason::Attempts { failures, .. } => failures.last().map(|failure| failure as _),
            Reason::NoAnswer(error) | Reason::Other(error) => Some(&**error),
            _ => None,
        }
    }
}

/// `kind()` and `raw_os_error()` stay the same, but that the kind of an address of another family becomes that of its number,
/// as in std. An `io::Error` can hold a number or another error, not both. So a
/// system error becomes what std's own calls give, for programs that look at the number; an error without a number (a
/// limit, a cancellation, a closed socket, a lookup) goes inside, where [`Error::find_in`] or `get_ref` finds it. To
/// keep the operation, the address and the bytes moved of a system error too, say `io::Error::new(error.kind(),
/// error)`.
///
/// ```
/// use shotclock::{Error, Family, Kind, Socket, create_connection, socketpair};
/// use std::{io, time::Duration};
/// let refused = io::Error::from(create_connection(([127, 0, 0, 1], 1), None).unwrap_err());
/// assert_eq!((refused.raw_os_error(), refused.kind()), (Some(111), io::ErrorKind::ConnectionRefused));
/// let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let late = io::Error::from(one.within(Duration::from_millis(10)).recv(1).unwrap_err());
/// assert!(Error::find_in(&late).unwrap().is_timeout());
/// # Ok::<(), Error>(())
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        // Only where the number stands for this very kind. Numbers of `Interrupted` and `WouldBlock` do not: std's
        // loops and TLS libraries would try such a call again.
        let by_number = error.raw_os_error().map(Self::from_raw_os_error);
        let is_of_address = matches!(error.reason(), Reason::OtherFamily { .. });
        by_number
            .filter(|by_number| is_of_address || by_number.kind() == error.kind())
            .unwrap_or_else(|| Self::new(error.kind(), error))
    }
}

/// For functions that use both this crate's calls and std's traits, a [`SocketFile`](crate::SocketFile)'s for one: `?` takes
/// both.
///
/// An `io::Error` that carries an error of this crate gives that one back, with its operation, limit and bytes. Any other
/// one, such as a system error's number, from which std's traits lose the operation, becomes an error of the operation
/// `"io"` with the same number and words; its kind is the same, but for `WouldBlock` and `Interrupted`, which become
/// `Other`, as in [`Error::other`].
///
/// ```
/// use shotclock::{Family, Kind, Result, SocketFile, Socket, socketpair};
/// use std::io::{BufRead, Write};
/// use std::time::Duration;
///
/// fn ask(socket: &Socket) -> Result<String> {
///     let mut file = SocketFile::new(socket)?;
///     writeln!(file, "a question")?;
///     file.flush()?;
///     let mut answer = String::new();
///     file.read_line(&mut answer)?;
///     Ok(answer)
/// }
///
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// ours.set_timeout(Duration::from_millis(10));
/// let error = ask(&ours).unwrap_err();
/// assert!(error.is_timeout() && error.operation() == "readline");
/// let theirs = shotclock::Error::from(std::io::Error::from_raw_os_error(104));
/// assert_eq!((theirs.operation(), theirs.raw_os_error()), ("io", Some(104)));
/// # Ok::<(), shotclock::Error>(())
/// ```
impl From<io::Error> for Error {
    #[cold]
    fn from(error: io::Error) -> Self {
        // An io::Error in an io::Error is one that std has passed on.
        let mut inside = error.get_ref();
        while let Some(found) = inside {
            if let Some(ours) = found.downcast_ref::<Self>() {
                return ours.clone();
            }
            inside = found.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        }
        Self::other("io", error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_out_of_std_s_as_it_was() {
        let limit = LimitKind::SocketTimeout(Timeout::ZERO);
        let ours =
            Error::new("recv", Reason::TimedOut { limit, elapsed: Duration::from_millis(3) }).moved(7).to("there");
        for io in [io::Error::from(ours.clone()), io::Error::other(io::Error::from(ours.clone()))] {
            let back = Error::from(io);
            assert_eq!(back.to_string(), ours.to_string());
            assert_eq!((back.limit(), back.bytes_moved(), back.target()), (Some(limit), 7, Some("there")));
        }
        // What only wraps it says something of its own, which stays.
        let wrapped = Error::from(io::Error::other(format!("the greeting: {ours}")));
        assert!(wrapped.to_string().starts_with("io: the greeting: recv there: timed out"), "{wrapped}");
        assert!(!wrapped.is_timeout());
    }

    #[test]
    fn an_error_of_std_s_keeps_number_and_words() {
        let error = Error::from(io::Error::from_raw_os_error(32));
        assert_eq!(error.raw_os_error(), Some(32));
        assert_eq!(error.kind(), io::Error::from_raw_os_error(32).kind());
        assert_eq!(io::Error::from(error.clone()).raw_os_error(), Some(32));
        assert!(error.to_string().starts_with("io: "), "{error}");
        let again = Error::from(io::Error::from(io::ErrorKind::WouldBlock));
        assert_eq!(again.kind(), io::ErrorKind::Other, "nobody is to try this one again");
    }

    #[test]
    fn a_clone_says_the_same() {
        let inner = Error::other("mine", io::Error::new(io::ErrorKind::InvalidData, "no sense"));
        let failures = vec![Error::system("connect", Errno::BADF), inner];
        let error = Error::new("create_connection", Reason::Attempts { failures, limit: None }).to("nowhere");
        let clone = error.clone();
        assert_eq!(clone.to_string(), error.to_string());
        assert_eq!(clone.attempts().len(), 2);
        assert_eq!(clone.kind(), io::ErrorKind::InvalidData);
    }
}
