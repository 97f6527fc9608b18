//! What waits now: [`waits`].

use std::fmt;
use std::time::Duration;

use crate::addr::Address;
use crate::deadline::Deadline;
use crate::error::LimitKind;
use crate::phase::Phase;
use crate::sys::{RawHandle, socket};
use crate::wait::record::{self, Seen};

/// What waits now in this crate, in all threads of the process, the longest wait first.
///
/// Each wait is told of by its own thread, right before it begins: that takes no lock that anybody else holds for longer
/// than to copy one entry, and calls that need not wait tell nothing. What is being waited for is asked of the system here
/// and now. A lookup that a worker makes is seen in the thread that waits for it. Waits in the destructors of a thread's own
/// values are not seen. Needs the feature `waits`.
///
/// ```
/// use shotclock::{create_connection, create_server, waits};
/// use std::time::Duration;
///
/// let listener = create_server(("localhost", 0))?;
/// let client = create_connection(listener.getsockname()?, Duration::from_secs(5))?;
/// std::thread::scope(|threads| {
///     threads.spawn(|| client.recv(100));
///     let wait = loop {
///         if let Some(wait) = waits().pop() {
///             break wait;
///         }
///         std::thread::yield_now();
///     };
///     // "recv 127.0.0.1:38412, for 0.000 s, until the socket's timeout of 5 s in 5.000 s"
///     println!("{wait}");
///     assert_eq!((wait.what(), wait.address()), ("recv", client.getpeername().ok()));
///     client.close()
/// })?;
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn waits() -> Vec<Wait> {
    let mut waits: Vec<_> = record::seen().into_iter().map(Wait::of).collect();
    waits.sort_by_key(|wait| wait.seen.entry.since);
    waits
}

/// One wait, as [`waits`] has seen it.
///
/// ```
/// assert!(shotclock::waits().iter().all(|wait| !wait.what().is_empty()));
/// ```
#[derive(Clone, Debug)]
pub struct Wait {
    seen: Seen,
    address: Option<Address>,
    at: Deadline,
}

impl Wait {
    fn of(seen: Seen) -> Self {
        // A socket that connects has no other end yet.
        let handle = seen.entry.handle.filter(|_| seen.entry.subject.is_none());
        // If the thread waits no more, the number may have become another file's.
        let address = handle.and_then(address).filter(|_| seen.stands());
        Self { seen, address, at: Deadline::now() }
    }

    /// What it is at: the name of the operation, as an [`Error`](crate::Error) has it.
    ///
    /// ```
    /// assert!(!shotclock::waits().iter().any(|wait| wait.what() == "recv"));
    /// ```
    pub fn what(&self) -> &'static str {
        self.seen.entry.what
    }

    /// The phase that this name stands for.
    ///
    /// ```
    /// use shotclock::{Phase, waits};
    /// assert!(!waits().iter().any(|wait| wait.phase() == Some(Phase::Lookup)));
    /// ```
    pub fn phase(&self) -> Option<Phase> {
        Phase::of(self.what())
    }

    /// The system's number of the thread that waits, as debuggers and `ps -L` show it.
    ///
    /// ```
    /// assert!(shotclock::waits().iter().all(|wait| wait.thread() > 0));
    /// ```
    pub fn thread(&self) -> u32 {
        self.seen.thread.number
    }

    /// The name that std has for that thread.
    ///
    /// ```
    /// assert!(!shotclock::waits().iter().any(|wait| wait.thread_name() == Some("main")));
    /// ```
    pub fn thread_name(&self) -> Option<&str> {
        self.seen.thread.name.as_deref()
    }

    /// What pthread_self(3) calls it.
    pub(crate) fn thread_ident(&self) -> usize {
        self.seen.thread.ident
    }

    /// When its limit ends it; `NEVER` if none does.
    pub(crate) fn end(&self) -> Deadline {
        self.seen.entry.end
    }

    /// The first descriptor that it waits for, if it waits for any.
    ///
    /// ```
    /// assert!(!shotclock::waits().iter().any(|wait| wait.descriptor() == Some(-1)));
    /// ```
    pub fn descriptor(&self) -> Option<RawHandle> {
        self.seen.entry.handle
    }

    /// The address of the other end, asked of the system just now; for a listener, its own. A socket that connects has
    /// none yet: [`subject`](Self::subject) says where to.
    ///
    /// ```
    /// assert!(!shotclock::waits().iter().any(|wait| wait.address().is_some_and(|it| it.port() == Some(0))));
    /// ```
    pub fn address(&self) -> Option<Address> {
        self.address
    }

    /// What it is about, where no descriptor tells: the name that is looked up, the address that is connected to.
    ///
    /// ```
    /// assert!(!shotclock::waits().iter().any(|wait| wait.subject() == Some("example.org")));
    /// ```
    pub fn subject(&self) -> Option<&str> {
        self.seen.entry.subject.as_deref()
    }

    /// For how long it has waited.
    ///
    /// ```
    /// assert!(shotclock::waits().iter().all(|wait| wait.elapsed().as_secs() < 600));
    /// ```
    pub fn elapsed(&self) -> Duration {
        self.at.since(self.seen.entry.since).duration().unwrap_or_default()
    }

    /// Which limit ends it, if any does.
    ///
    /// ```
    /// use shotclock::{LimitKind, waits};
    /// assert!(!waits().iter().any(|wait| wait.limit() == Some(LimitKind::CallDeadline)));
    /// ```
    pub fn limit(&self) -> Option<LimitKind> {
        (self.seen.entry.end != Deadline::NEVER).then_some(self.seen.entry.limit)
    }

    /// In how long that limit ends it.
    ///
    /// ```
    /// assert!(shotclock::waits().iter().all(|wait| wait.remaining().is_some() == wait.limit().is_some()));
    /// ```
    pub fn remaining(&self) -> Option<Duration> {
        self.limit().and_then(|_| self.seen.entry.end.since(self.at).duration())
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())?;
        match (self.address, self.subject()) {
            (Some(address), _) => write!(f, " {address}")?,
            (None, Some(subject)) => write!(f, " {subject}")?,
            (None, None) => {}
        }
        write!(f, ", for {:.3} s", self.elapsed().as_secs_f64())?;
        match self.limit().zip(self.remaining()) {
            Some((limit, left)) => write!(f, ", until {limit} in {:.3} s", left.as_secs_f64()),
            None => f.write_str(", without a limit"),
        }
    }
}

/// The address of the other end; for a socket without one, its own.
pub(crate) fn address(number: RawHandle) -> Option<Address> {
    let of_system = socket::names_of_number(number);
    of_system.as_ref().map(Address::from_sockaddr).filter(|address| *address != Address::UNSPECIFIED)
}
