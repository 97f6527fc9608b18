//! The first try of a call, out of the way of all that a wait needs: inlined into each call.

use super::gate::Gate;
use super::limit::Limit;
use super::operation::{OneCall, Operation, Pause};
use super::scope;
use crate::sys::{Errno, Readiness};

/// What came of the first try of a call, which is made out of the way of all that a wait needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstTry {
    /// None was made: the limit is to be looked at before.
    NotMade,
    /// It gave no result, and this is why.
    Paused(Pause),
}

impl From<Pause> for FirstTry {
    #[inline]
    fn from(pause: Pause) -> Self {
        Self::Paused(pause)
    }
}

/// What kept the first system call of an operation from being the whole call: less than a [`FirstTry`] tells, so that
/// nothing has to be kept for it beside the call.
#[derive(Clone, Copy)]
pub(crate) enum FirstCall {
    /// None was made: the limit is to be looked at before.
    NotMade,
    /// The system said no.
    Failed(Errno),
}

/// The first try of [`drive`], for a caller that keeps what a wait needs out of the way of a call that need not wait.
/// What came of it goes to [`wait_out`].
#[inline(always)]
pub(crate) fn try_first<O: Operation>(operation: &mut O, limit: &Limit<'_>) -> Result<O::Output, FirstTry> {
    if O::COMPOSITE || limit.comes_first() {
        return Err(FirstTry::NotMade);
    }
    try_unless_watched(operation, limit.gate)
}

/// The same for a call that has no limit but its socket's own timeout.
#[inline(always)]
pub(crate) fn try_unless_watched<O: Operation>(operation: &mut O, gate: Option<&Gate>) -> Result<O::Output, FirstTry> {
    if is_watched(gate, operation.takes_what_comes()) {
        return Err(FirstTry::NotMade);
    }
    operation.attempt(Readiness::empty()).map_err(FirstTry::Paused)
}

/// The first system call of an operation that is one, under the same conditions as the first try.
#[inline(always)]
pub(crate) fn call_first<O: OneCall>(operation: &mut O, limit: &Limit<'_>) -> Result<O::Output, FirstCall> {
    if limit.comes_first() { Err(FirstCall::NotMade) } else { call_unless_watched(operation, limit.gate) }
}

/// The same for a call that has no limit but its socket's own timeout.
#[inline(always)]
pub(crate) fn call_unless_watched<O: OneCall>(operation: &mut O, gate: Option<&Gate>) -> Result<O::Output, FirstCall> {
    if is_watched(gate, operation.takes_what_comes()) {
        return Err(FirstCall::NotMade);
    }
    operation.call().map_err(FirstCall::Failed)
}

/// Whether something is to be looked at before the first try: the socket is closed or has a policy, nothing was there
/// lately, or some thread is in a scope. One branch for all, in every call.
#[inline(always)]
fn is_watched(gate: Option<&Gate>, takes_what_comes: bool) -> bool {
    gate.map_or(0, |gate| gate.look_bits(takes_what_comes)) | scope::open_scopes() != 0
}
