//! A policy for servers: what a client may take its time over, on each connection that a listener accepts.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::operation::Moves;
use crate::deadline::{Deadline, Timeout};
use crate::error::LimitKind;

/// How long a server lets its clients take: until the first byte, between bytes, and for the connection as a whole.
/// Each is no limit at first.
///
/// Set it on a listener, by [`Socket::set_policy`](crate::Socket::set_policy), and every connection it accepts from then
/// on has it, through TLS libraries and whatever else waits by this crate. It ends a call that waits with an error whose
/// [`limit`](crate::Error::limit) says which of the three has passed; the earliest of these and of all other limits
/// counts. A call that need not wait is not ended by the first two, however late the server makes it; `total` ends every
/// call once it has passed, so that a client that never stops sending cannot outrun it. On a non-blocking socket
/// (timeout zero) nothing waits, and the policy does nothing. A last word to a client whose time is up goes by
/// [`without_policy`](crate::Socket::without_policy).
///
/// ```
/// use shotclock::{LimitKind, ServerPolicy, create_connection, create_server};
/// use std::time::Duration;
///
/// let listener = create_server(("127.0.0.1", 0))?;
/// listener.set_policy(ServerPolicy::new().first_byte(Duration::from_millis(20)).total(Duration::from_secs(60)));
/// let _silent = create_connection(listener.getsockname()?, None)?;
/// let (client, _) = listener.accept()?;
/// let error = client.recv(100).unwrap_err();
/// assert!(matches!(error.limit(), Some(LimitKind::FirstByte(_))));
/// client.without_policy().within(Duration::from_secs(1)).sendall(b"421 too slow\r\n")?;
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ServerPolicy {
    /// From accept until the first byte is received: for calls that wait to receive.
    pub first_byte: Timeout,
    /// How long no byte may have moved, in either direction, while a call waits to send or receive.
    pub idle: Timeout,
    /// From accept to the end of the connection.
    pub total: Timeout,
}

impl Default for ServerPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerPolicy {
    /// A policy without any limit.
    ///
    /// ```
    /// use shotclock::{ServerPolicy, Timeout};
    /// assert_eq!(ServerPolicy::new().total, Timeout::NEVER);
    /// ```
    pub const fn new() -> Self {
        Self { first_byte: Timeout::NEVER, idle: Timeout::NEVER, total: Timeout::NEVER }
    }

    /// Sets how long a client may take from accept until its first byte has been received. It bounds calls that wait to
    /// receive, TLS handshakes among them; a server that speaks first is not ended by it while it sends.
    ///
    /// ```
    /// use shotclock::ServerPolicy;
    /// use std::time::Duration;
    /// let policy = ServerPolicy::new().first_byte(Duration::from_secs(5));
    /// assert_eq!(policy.first_byte, Duration::from_secs(5).into());
    /// ```
    #[must_use]
    pub fn first_byte(mut self, limit: impl Into<Timeout>) -> Self {
        self.first_byte = limit.into();
        self
    }

    /// Sets how long no byte may move. It runs while a call waits, from the start of the call or from the last byte
    /// that any call has sent or received on this socket, whichever came later: time that the server takes between its
    /// calls is not the client's.
    ///
    /// ```
    /// use shotclock::ServerPolicy;
    /// use std::time::Duration;
    /// assert_eq!(ServerPolicy::new().idle(Duration::from_secs(10)).idle, Duration::from_secs(10).into());
    /// ```
    #[must_use]
    pub fn idle(mut self, limit: impl Into<Timeout>) -> Self {
        self.idle = limit.into();
        self
    }

    /// Sets how long a connection may last from accept to its end, whichever side is slow.
    ///
    /// ```
    /// use shotclock::ServerPolicy;
    /// use std::time::Duration;
    /// assert_eq!(ServerPolicy::new().total(Duration::from_secs(300)).total, Duration::from_secs(300).into());
    /// ```
    #[must_use]
    pub fn total(mut self, limit: impl Into<Timeout>) -> Self {
        self.total = limit.into();
        self
    }
}

/// What is known of one socket under a policy. Several threads may use it at once; each value is by itself.
pub struct PolicyState {
    first_byte: AtomicU64,
    idle: AtomicU64,
    total: AtomicU64,
    since: Deadline,
    /// When the last byte moved, either way; 0 before the first.
    moved: AtomicU64,
    received: AtomicBool,
}

impl PolicyState {
    /// The state of a socket that was accepted at this moment.
    pub fn new(policy: &ServerPolicy, accepted: Deadline) -> Self {
        let [first_byte, idle, total] =
            [policy.first_byte, policy.idle, policy.total].map(|limit| limit.nanos().into());
        Self { first_byte, idle, total, since: accepted, moved: AtomicU64::new(0), received: AtomicBool::new(false) }
    }

    /// The policy, as it is now.
    pub fn policy(&self) -> ServerPolicy {
        let [first_byte, idle, total] = [&self.first_byte, &self.idle, &self.total].map(timeout);
        ServerPolicy { first_byte, idle, total }
    }

    /// Changes it. Calls under way see that when they next look: when something wakes them.
    pub fn set_policy(&self, policy: &ServerPolicy) {
        self.first_byte.store(policy.first_byte.nanos(), Ordering::Relaxed);
        self.idle.store(policy.idle.nanos(), Ordering::Relaxed);
        self.total.store(policy.total.nanos(), Ordering::Relaxed);
    }

    /// Ends the limit on the first byte for good. For a policy that is taken away: nobody notes what is received from
    /// then on, and under a later policy the first byte would count as outstanding.
    pub fn waive_first_byte(&self) {
        self.received.store(true, Ordering::Relaxed);
    }

    /// When the policy ends the connection, and by which limit.
    pub(crate) fn end(&self) -> (Deadline, LimitKind) {
        let total = timeout(&self.total);
        (self.since.plus(total), LimitKind::Total(total))
    }

    /// When the policy ends a wait, and by which limit, of a call that began at `moved`, or last moved something then.
    pub(crate) fn end_of_wait(&self, moves: Moves, moved: Deadline) -> (Deadline, LimitKind) {
        let idle = timeout(&self.idle);
        let moved = moved.max(Deadline::from_nanos(self.moved.load(Ordering::Relaxed)));
        let by_idle = (moved.plus(idle), LimitKind::Idle(idle));
        if moves != Moves::In || self.received.load(Ordering::Relaxed) {
            return by_idle;
        }
        let first_byte = timeout(&self.first_byte);
        let by_first_byte = self.since.plus(first_byte);
        if by_first_byte <= by_idle.0 { (by_first_byte, LimitKind::FirstByte(first_byte)) } else { by_idle }
    }

    /// Notes that a call has moved something.
    pub(crate) fn note(&self, moves: Moves, now: Deadline) {
        if moves == Moves::In {
            self.received.store(true, Ordering::Relaxed);
        }
        self.moved.fetch_max(now.nanos(), Ordering::Relaxed);
    }
}

/// Another socket on the same connection: it has been accepted when the first was.
impl Clone for PolicyState {
    fn clone(&self) -> Self {
        let moved = self.moved.load(Ordering::Relaxed).into();
        let received = self.received.load(Ordering::Relaxed).into();
        Self { moved, received, ..Self::new(&self.policy(), self.since) }
    }
}

impl fmt::Debug for PolicyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.policy().fmt(f)
    }
}

fn timeout(nanos: &AtomicU64) -> Timeout {
    Timeout::from_nanos(nanos.load(Ordering::Relaxed))
}
