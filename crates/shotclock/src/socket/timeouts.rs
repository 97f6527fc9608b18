//! One timeout for receiving and another for sending; views in which the socket's own limits do not count.

use std::sync::atomic::Ordering;

use super::{Beside, Socket, Timed};
use crate::constant::MessageFlags;
use crate::deadline::Timeout;
use crate::wait::Limit;

impl Socket {
    /// Sets how long each call that receives or accepts may wait, and leaves sending alone. Calls under way keep theirs.
    /// Source: std's `set_read_timeout`, but that zero is one try here and no error; socket(7), `SO_RCVTIMEO`.
    ///
    /// When it passes the call ends with a timeout, whose [`limit`](crate::Error::limit) is the socket's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Timeout, socketpair};
    /// use std::time::Duration;
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// ours.set_read_timeout(Duration::from_millis(10));
    /// assert!(ours.recv(1).unwrap_err().is_timeout());
    /// assert_eq!(ours.write_timeout(), Timeout::NEVER);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn set_read_timeout(&self, timeout: impl Into<Timeout>) {
        let beside = self.beside.get_or_init(Box::default);
        if beside.write_timeout().is_none() {
            beside.set_write_timeout(Some(self.timeout()));
        }
        self.timeout.store(timeout.into().nanos(), Ordering::Relaxed);
    }

    /// Sets how long each call that sends or connects may wait, and leaves receiving alone: `send`, `sendall`, `sendfile`,
    /// `connect`, with the lookup of a name, a lingering `close`, and what files write. Calls under way keep theirs. Source:
    /// std's `set_write_timeout`, but that zero is one try here and no error; socket(7), `SO_SNDTIMEO`.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Timeout, socketpair};
    /// use std::time::Duration;
    /// let (ours, _never_reads) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// ours.set_write_timeout(Duration::from_millis(10));
    /// let error = ours.sendall(&[0; 1 << 22]).unwrap_err();
    /// assert!(error.is_timeout() && error.bytes_moved() > 0);
    /// assert_eq!(ours.timeout(), Timeout::NEVER, "of receiving");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn set_write_timeout(&self, timeout: impl Into<Timeout>) {
        self.beside.get_or_init(Box::default).set_write_timeout(Some(timeout.into()));
    }

    /// The timeout of calls that receive or accept: [`timeout`](Self::timeout), by std's name.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// socket.set_read_timeout(Duration::from_secs(5));
    /// assert_eq!(socket.read_timeout().duration(), Some(Duration::from_secs(5)));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn read_timeout(&self) -> Timeout {
        self.timeout()
    }

    /// The timeout of calls that send or connect: [`timeout`](Self::timeout), unless it has been set by itself.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// socket.set_write_timeout(Duration::from_secs(2));
    /// assert_eq!(socket.write_timeout().duration(), Some(Duration::from_secs(2)));
    /// socket.set_timeout(Duration::from_secs(5)); // of both
    /// assert_eq!(socket.write_timeout().duration(), Some(Duration::from_secs(5)));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn write_timeout(&self) -> Timeout {
        self.beside.get().and_then(Beside::write_timeout).unwrap_or_else(|| self.timeout())
    }

    /// Whether sending has a timeout of its own.
    #[inline]
    pub(super) fn has_write_timeout(&self) -> bool {
        self.beside.get().is_some_and(|beside| beside.write_timeout().is_some())
    }

    /// The socket with this timeout **in place of** its own, in either direction, for each call through the view; see
    /// [`Timed::with_timeout`].
    ///
    /// ```
    /// use shotclock::{Family, Kind, LimitKind, socketpair};
    /// use std::time::Duration;
    /// let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// ours.set_nonblocking(true);
    /// // A reply that may take longer than the socket's timeout allows.
    /// let error = ours.with_timeout(Duration::from_millis(20)).recv(1).unwrap_err();
    /// assert!(matches!(error.limit(), Some(LimitKind::SocketTimeout(_))));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn with_timeout(&self, timeout: impl Into<Timeout>) -> Timed<'_> {
        self.view().with_timeout(timeout)
    }

    /// The socket without what its policy demands, for each call through the view; see [`Timed::without_policy`].
    ///
    /// ```
    /// use shotclock::{Family, Kind, LimitKind, ServerPolicy, socketpair};
    /// use std::time::Duration;
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// ours.set_policy(ServerPolicy::new().idle(Duration::from_millis(1)));
    /// let error = ours.without_policy().within(Duration::from_millis(20)).recv(1).unwrap_err();
    /// assert_eq!(error.limit(), Some(LimitKind::CallDeadline));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn without_policy(&self) -> Timed<'_> {
        self.view().without_policy()
    }
}

impl<'s> Timed<'s> {
    /// This view, with this timeout **in place of** the socket's own, longer or shorter, of receiving and of sending: on
    /// purpose, where [`until`](Self::until), [`within`](Self::within) and [`idle`](Self::idle) only tighten. It begins anew
    /// with each call, as the socket's does; zero is one try. The view's deadline, its cancellers, the thread's scopes and a
    /// policy count as before.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// ours.set_timeout(Duration::from_millis(10));
    /// theirs.sendall(b"x")?;
    /// let patient = ours.within(Duration::from_secs(5)).with_timeout(None);
    /// assert_eq!(patient.recv(1)?, b"x");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn with_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        let dontwait = self.flags.contains(MessageFlags::DONTWAIT);
        self.limit.timeout = if dontwait { Timeout::ZERO } else { timeout.into() };
        self.is_own_timeout = false;
        self
    }

    /// This view, without what the socket's policy demands ([`Socket::set_policy`]): for a call that is known to take its time.
    /// The policy's limits hold on for calls beside it; what this one moves they do not count as a sign of life.
    ///
    /// ```
    /// use shotclock::{Family, Kind, ServerPolicy, socketpair};
    /// use std::time::Duration;
    /// let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// ours.set_policy(ServerPolicy::new().total(Duration::ZERO));
    /// theirs.sendall(b"x")?;
    /// assert!(ours.recv(1).unwrap_err().is_timeout());
    /// assert_eq!(ours.within(Duration::from_secs(5)).without_policy().recv(1)?, b"x");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn without_policy(mut self) -> Self {
        self.limit.policy = None;
        self
    }

    /// The limit of calls that send or connect.
    pub(crate) fn sending(&self) -> Limit<'s> {
        let mut limit = self.limit;
        if self.is_own_timeout {
            limit.timeout = self.socket.write_timeout();
        }
        limit
    }

    /// Whether sending has another limit than receiving.
    #[inline]
    pub(super) fn sends_otherwise(&self) -> bool {
        self.is_own_timeout && self.socket.has_write_timeout()
    }
}
