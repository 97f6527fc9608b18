//! Names: hosts, services and protocols, looked up by the system's own resolver, each in time.
//!
//! Every function of Python's `socket` module that looks something up is here twice: as a function, which waits for as
//! long as the system does, and as a method of [`Lookup`], which carries a limit.
//!
//! Python source: <https://docs.python.org/3/library/socket.html>. C sources: getaddrinfo(3), getnameinfo(3),
//! gethostbyname(3), getservent(3), getprotoent(3), nsswitch.conf(5).

use std::fmt;

use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, LookupCode, Reason, Result};
use crate::sys::resolver::{self, Failure};
use crate::wait::{Canceller, Limit, ambient, show_plainly};

mod address_info;
mod fqdn;
mod host_name;
mod hosts;
mod idna;
mod request;
mod services;
mod workers;

pub use address_info::{AddressInfo, AddressInfoHints, Service, getaddrinfo, getnameinfo};
pub use fqdn::getfqdn;
pub use hosts::{HostEntry, gethostbyaddr, gethostbyname, gethostbyname_ex, gethostname, sethostname};
pub use services::{getprotobyname, getservbyname, getservbyport};
pub use workers::{LOOKUP_WORKERS, LOOKUP_WORKERS_AT_MOST};

pub use request::{Answer, Request, answer};
pub use workers::Unanswered;

/// A limit to look names up under: a small view that is passed by value, with the lookup functions as its methods.
///
/// Without a limit the system's resolver is called on the calling thread, and may take as long as it likes (with a dead
/// name server, glibc gives up after 10 s or more). With a limit, or inside [`with_deadline`](crate::with_deadline), the
/// call runs on one of [`LOOKUP_WORKERS`] threads of this process, and the caller leaves when its limit passes
/// or its canceller is used. Numeric hosts with numeric services are answered at once and never go there.
///
/// About the workers:
/// * The answers are the system's own, hosts file and nsswitch.conf(5) and all.
/// * Equal lookups in flight are one lookup. An answer that comes after everyone left is thrown away.
/// * All workers busy: callers queue, for a second at most, and then more workers are started, up to
///   [`LOOKUP_WORKERS_AT_MOST`]. So names whose server is dead do not keep out those that answer. Beyond that callers queue
///   until their limit, and only then get an error, which says so.
/// * Workers are started when needed, end when there is nothing to do, and are never joined: they do not delay the end
///   of the program. Every signal is blocked in them. A child of fork(2) starts without any.
/// * A network namespace or credentials that only the *calling thread* has (unshare(2), setns(2)) do not hold there:
///   make such lookups without a limit.
///
/// ```
/// use shotclock::{AddressInfoHints, Canceller, Lookup};
/// use std::time::Duration;
///
/// let canceller = Canceller::new();
/// let lookup = Lookup::within(Duration::from_secs(5)).cancelled_by(&canceller);
/// assert_eq!(lookup.gethostbyname("127.0.0.1")?.octets(), [127, 0, 0, 1]);
/// assert!(!lookup.getaddrinfo("::1", 80, &AddressInfoHints::default())?.is_empty());
///
/// canceller.cancel();
/// assert!(lookup.gethostbyaddr("127.0.0.1").unwrap_err().is_cancelled());
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Lookup<'c> {
    limit: Limit<'c>,
}

impl Lookup<'static> {
    /// No limit: each call runs on the calling thread, and takes as long as the system's resolver does.
    ///
    /// ```
    /// assert_eq!(shotclock::Lookup::new().gethostbyname("localhost")?, std::net::Ipv4Addr::LOCALHOST);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub const fn new() -> Self {
        Self::under(Limit::NONE)
    }

    /// All lookups made with this value, together, may take so long from now: `until(Deadline::after(time))`.
    ///
    /// ```
    /// use shotclock::Lookup;
    /// use std::time::Duration;
    ///
    /// let error = Lookup::within(Duration::ZERO).getservbyname("http", None).unwrap_err();
    /// assert!(error.is_timeout());
    /// assert_eq!(error.operation(), "getservbyname");
    /// ```
    pub fn within(timeout: impl Into<Timeout>) -> Self {
        Self::until(Deadline::after(timeout))
    }

    /// Lookups must have ended by this moment. Once it has passed, each call fails at once with a timeout.
    ///
    /// ```
    /// use shotclock::{Deadline, Lookup};
    /// use std::net::Ipv4Addr;
    /// use std::time::Duration;
    ///
    /// let deadline = Deadline::after(Duration::from_secs(5));
    /// assert_eq!(Lookup::until(deadline).gethostbyname("localhost")?, Ipv4Addr::LOCALHOST);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn until(deadline: impl Into<Deadline>) -> Self {
        Self::under(Limit { deadline: deadline.into(), ..Limit::NONE })
    }
}

impl<'c> Lookup<'c> {
    /// Lets `canceller` end the waits as well. The system's own call cannot be interrupted: its thread goes on, and its
    /// answer is thrown away.
    ///
    /// ```
    /// use shotclock::{Canceller, Lookup};
    ///
    /// let canceller = Canceller::new();
    /// canceller.cancel();
    /// let error = Lookup::new().cancelled_by(&canceller).gethostbyname("example.invalid").unwrap_err();
    /// assert!(error.is_cancelled());
    /// assert_eq!(error.target(), Some("example.invalid"));
    /// ```
    #[must_use]
    pub const fn cancelled_by<'d>(self, canceller: &'d Canceller) -> Lookup<'d>
    where
        'c: 'd,
    {
        let mut limit: Limit<'d> = self.limit;
        limit.cancellers = limit.cancellers.and(canceller);
        Lookup::under(limit)
    }

    /// Lookups under the limit of a call that needs a name. The socket's timeout counts: a timeout of zero answers only
    /// what needs no lookup, and says "would block" to the rest.
    pub(crate) const fn under(limit: Limit<'c>) -> Self {
        Self { limit }
    }

    /// Runs a request under the limit. `target` is what an error names; `pick` takes the answer apart.
    fn ask<T>(
        &self,
        operation: &'static str,
        target: impl fmt::Display,
        request: &Request,
        pick: fn(Answer) -> Option<T>,
    ) -> Result<T> {
        let no_such = request.describe();
        let answer = self.answer(operation, request);
        let answer = answer.and_then(|answer| answer.map_err(|failure| failed(operation, failure, no_such)));
        // Each request has its one sort of answer; a wrong one would be a mistake in `Request::run`.
        let picked = answer.and_then(|answer| {
            pick(answer).ok_or_else(|| Error::invalid(operation, "the lookup gave an answer of another sort"))
        });
        picked.map_err(|error| error.to(target))
    }

    fn answer(&self, operation: &'static str, request: &Request) -> Result<Result<Answer, Failure>> {
        if self.limit.is_none() {
            let _shown = show_plainly(operation, || request.to_string());
            return Ok(request.run());
        }
        answer(request, &self.limit, &mut ambient::waiter(operation)).map_err(|why| why.error(operation))
    }
}

impl Default for Lookup<'static> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limit { timeout, deadline, cancellers, .. } = &self.limit;
        f.debug_struct("Lookup")
            .field("timeout", timeout)
            .field("deadline", deadline)
            .field("cancellers", cancellers)
            .finish()
    }
}

fn failed(operation: &'static str, failure: Failure, no_such: String) -> Error {
    let reason = match failure {
        Failure::AddressInfo(code, errno) => {
            Reason::Lookup { code: LookupCode::AddressInfo(code), text: resolver::address_info_text(code), errno }
        }
        Failure::Host(code, errno) => {
            Reason::Lookup { code: LookupCode::Host(code), text: resolver::host_text(code), errno }
        }
        Failure::NotFound => Reason::NotFound(no_such),
        Failure::System(errno) => Reason::System(errno),
    };
    Error::new(operation, reason)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io;

    use super::*;
    use crate::sys::Errno;

    #[test]
    fn a_resolver_that_could_not_ask_says_why() {
        let by_system =
            |errno| failed("getaddrinfo", Failure::AddressInfo(resolver::EAI_SYSTEM, Some(errno)), String::new());
        let error = by_system(Errno::ACCESS);
        assert!(error.is_lookup() && error.kind() == io::ErrorKind::PermissionDenied, "{error}");
        assert_eq!(io::Error::from(error).raw_os_error(), Some(13));
        // A number upon which std's loops would try again is not shown: our error is inside instead.
        let io = io::Error::from(by_system(Errno::INTR));
        assert_eq!((io.kind(), io.raw_os_error()), (io::ErrorKind::Other, None));
        assert!(Error::find_in(&io).is_some_and(|error| error.raw_os_error() == Some(4)));
        let unknown = failed("getaddrinfo", Failure::AddressInfo(resolver::EAI_NONAME, None), String::new());
        assert_eq!(unknown.kind(), io::ErrorKind::NotFound);
    }
}
