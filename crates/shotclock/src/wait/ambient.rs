//! Who waits in this thread, and what bounds it: what surrounds a call and stands in no argument of it.
//!
//! The one place that knows that this is [`PollWaiter`] and the thread's scopes. Only [`look_bits`] is asked by each call;
//! the rest once a call has to wait, or something may bound it.

use std::convert::Infallible;

use super::cancel::Canceller;
use super::operation::Interest;
use super::scope;
use super::stop::Stop;
use super::waiter::{PollWaiter, Waiter};
use crate::deadline::Deadline;
use crate::error::LimitKind;
use crate::sys::Readiness;

/// Who waits for this crate's own calls; `what` is the call's name.
pub(crate) fn waiter(what: &'static str) -> impl Waiter<Interrupt = Infallible> {
    OwnWaiter(what)
}

/// [`PollWaiter`] in a call of that name.
struct OwnWaiter(&'static str);

impl Waiter for OwnWaiter {
    type Interrupt = Infallible;

    fn what(&self) -> &'static str {
        self.0
    }

    fn now(&self) -> Deadline {
        PollWaiter.now()
    }

    fn wait(&mut self, wanted: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop> {
        PollWaiter.wait(wanted, now, until)
    }
}

/// Not zero if anything may bound the calls of some thread: to be combined with other such numbers in one branch.
#[inline(always)]
pub(super) fn look_bits() -> u32 {
    scope::open_scopes()
}

/// Whether time bounds this thread's calls.
pub(super) fn bounds() -> bool {
    scope::end().is_some()
}

/// Whether anything may end this thread's calls: time, or a canceller.
pub(super) fn watches() -> bool {
    bounds() || cancels()
}

/// Whether some canceller may end this thread's calls.
pub(super) fn cancels() -> bool {
    scope::is_in_canceller()
}

/// The cancellers that may end this thread's calls.
#[inline(always)]
pub(super) fn cancellers() -> Vec<Canceller> {
    scope::cancellers()
}

/// The earliest end of what bounds this thread, and its name.
pub(super) fn end() -> Option<(Deadline, LimitKind)> {
    scope::end().map(|(end, scope)| (end, LimitKind::Scope(scope)))
}

/// If the limit is one of this thread's scopes, notes in the scope that it has ended a call.
pub(super) fn note_end(limit: LimitKind) {
    if let LimitKind::Scope(scope) = limit {
        scope::expire(scope);
    }
}
