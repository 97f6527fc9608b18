//! [`Incoming`]: the connections of a listener, one after another.

use std::fmt;
use std::io;
use std::iter::FusedIterator;

use super::{Socket, Timed};
use crate::addr::Address;
use crate::error::{Error, LimitKind, Reason, Result};
use crate::ops::AcceptInTime;
use crate::sys::address::AddressRoom;
use crate::wait::run;

/// The connections of a listening socket, each with who connected: what [`Socket::incoming`] gives.
///
/// Each step is one `accept` under the socket's timeout, or the view's limits. While the process or the system has no
/// descriptor or memory to spare (EMFILE, ENFILE, ENOBUFS, ENOMEM) connections stay in the queue, and the step waits, with a
/// try every 50 ms, until there is one or its limit passes; [`on_shortage`](Self::on_shortage) is told when that begins.
///
/// It ends (`None`) when the listener is closed, by any thread, or a canceller is used. After an error that would come again
/// at once (a deadline or a scope that has passed, a socket that does not listen) it ends too; a timeout of the socket's
/// is an item like any other.
///
/// Several threads may go over one listener's, each by an `incoming` of its own: so many clients are served at a time, and
/// others wait in the queue (`examples/accept_pool.rs`).
///
/// ```
/// use shotclock::{Canceller, create_connection, create_server};
/// use std::thread;
///
/// let listener = create_server(("127.0.0.1", 0))?;
/// let address = listener.getsockname()?;
/// let shutdown = Canceller::new();
/// let greeted = thread::scope(|threads| {
///     let serving = threads.spawn(|| -> shotclock::Result<u32> {
///         let mut greeted = 0;
///         for client in listener.cancelled_by(&shutdown).incoming() {
///             let (client, _from) = client?;
///             client.sendall(b"hello")?;
///             greeted += 1;
///         }
///         Ok(greeted)
///     });
///     assert_eq!(create_connection(address, None)?.recv(100)?, b"hello");
///     shutdown.cancel();
///     serving.join().unwrap()
/// })?;
/// assert_eq!(greeted, 1);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[must_use = "connections are accepted only as the iterator is asked for them"]
pub struct Incoming<'s> {
    view: Timed<'s>,
    tell: Option<Box<Tell<'s>>>,
    /// Whether it is known that there is a shortage, and told.
    is_short: bool,
    is_over: bool,
}

/// Who is told of a shortage.
type Tell<'s> = dyn FnMut(&Error) + Send + 's;

impl Socket {
    /// The connections of a listening socket, one after another; [`Incoming`] has the rules. Source: accept(2), std's
    /// `TcpListener::incoming`.
    ///
    /// ```
    /// use shotclock::{create_connection, create_server};
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let client = create_connection(listener.getsockname()?, None)?;
    /// for accepted in listener.incoming() {
    ///     let (_socket, from) = accepted?;
    ///     assert_eq!(from, client.getsockname()?);
    ///     listener.close()?; // which ends the loop
    /// }
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "into_incoming")]
    pub fn incoming(&self) -> Incoming<'_> {
        self.view().incoming()
    }
}

impl<'s> Timed<'s> {
    /// The connections of a listening socket under this view's limits; see [`Socket::incoming`].
    ///
    /// ```
    /// use shotclock::create_server;
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let mut incoming = listener.within(Duration::from_millis(10)).incoming();
    /// assert!(incoming.next().unwrap().unwrap_err().is_timeout());
    /// assert!(incoming.next().is_none(), "the deadline has passed for good");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn incoming(self) -> Incoming<'s> {
        Incoming { view: self, tell: None, is_short: false, is_over: false }
    }
}

impl<'s> Incoming<'s> {
    /// Tells this function when a shortage begins, with the error that `accept` would have ended with: once, until a
    /// connection has been accepted again.
    ///
    /// ```
    /// use shotclock::create_server;
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let view = listener.within(Duration::from_millis(10));
    /// for client in view.incoming().on_shortage(|error| eprintln!("new clients wait: {error}")) {
    ///     assert!(client.is_err(), "nobody comes here");
    /// }
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn on_shortage(mut self, tell: impl FnMut(&Error) + Send + 's) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    fn accept(&mut self) -> Result<(Socket, Address)> {
        let Self { view, tell, is_short, .. } = self;
        let mut note = |errno| {
            if !std::mem::replace(is_short, true)
                && let Some(tell) = tell
            {
                tell(&Error::system("accept", errno));
            }
        };
        let mut peer = AddressRoom::new();
        let mut op = AcceptInTime::new(view.socket.open_file(), &mut peer, &mut note);
        let accepted = run("accept", &mut op, view.limit());
        let short_of = op.short_of();
        match (accepted, short_of) {
            (Ok(accepted), _) => {
                self.is_short = false;
                Ok(view.socket.welcome(accepted, &peer))
            }
            (Err(error), Some(errno)) => Err(short(error, errno)),
            (Err(error), None) => Err(error),
        }
    }
}

/// An error that ended a wait for a descriptor says so.
fn short(error: Error, errno: crate::sys::Errno) -> Error {
    let cause = Error::system("accept", errno);
    match error.expiry() {
        Some(limit) => Error::new("accept", Reason::Attempts { failures: vec![cause], limit: Some(limit) }),
        None if error.is_would_block() => cause,
        None => error,
    }
}

impl Iterator for Incoming<'_> {
    type Item = Result<(Socket, Address)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let accepted = self.accept();
        if let Err(error) = &accepted {
            self.is_over = !passes(error);
            if error.is_closed() || error.is_cancelled() {
                return None;
            }
        }
        Some(accepted)
    }
}

impl FusedIterator for Incoming<'_> {}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { view, is_short, is_over, .. } = self;
        let mut incoming = f.debug_struct("Incoming");
        incoming.field("view", view).field("is_short", is_short).field("is_over", is_over).finish()
    }
}

/// Whether the next `accept` may do better: this one's own time was over, nobody was there, or a firewall sent away who was.
fn passes(error: &Error) -> bool {
    let by_itself = matches!(error.limit(), Some(LimitKind::SocketTimeout(_) | LimitKind::Idle(_)));
    let of_system = error.raw_os_error().is_some() && error.attempts().is_empty();
    let of_connection = matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::TimedOut);
    let is_shortage = error.errno().is_some_and(crate::ops::is_shortage);
    by_itself || error.is_would_block() || of_system && of_connection || is_shortage
}
