//! What calls tell of waits that do not go through the loop: of one call of the system that waits by itself.

use std::os::fd::RawFd;

use shotclock::Deadline;
use shotclock::unstable::{Entry, Request, Showing, show};

use crate::socket::open;
use crate::wait::account::Account;

/// Tells of one call of the system without a limit, as long as the value lives, if anybody watches those.
#[inline]
pub(crate) fn plainly(
    what: &'static str,
    number: Option<RawFd>,
    subject: impl FnOnce() -> Option<String>,
    account: Account,
) -> Option<Showing> {
    open::is_watched().then(|| show(Entry::endless(what, number, subject().map(Into::into), account.began())))
}

/// Tells of a lookup that is made on this thread. It takes so long anyhow that it always does.
pub(crate) fn of_lookup(request: &Request) -> Showing {
    show(Entry::endless("lookup", None, Some(request.to_string().into()), Deadline::now()))
}
