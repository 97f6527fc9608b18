//! The first try of a call, out of the way of all that a wait needs: inlined into each call.

use super::ambient;
use super::gate::Gate;
use super::limit::Limit;
use super::operation::{OneCall, Operation, Pause};
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

/// What a first try looks at before it is made: a limit, or, of a call that has none but its socket's own timeout, the
/// socket's gate alone.
pub(crate) trait LookedAt {
    /// Whether it is to be looked at before anything is tried, whatever the gate says.
    fn comes_first(&self) -> bool;
    /// The socket's gate, if it has one.
    fn gate(&self) -> Option<&Gate>;
}

impl LookedAt for Limit<'_> {
    #[inline(always)]
    fn comes_first(&self) -> bool {
        Limit::comes_first(self)
    }

    #[inline(always)]
    fn gate(&self) -> Option<&Gate> {
        self.gate
    }
}

impl LookedAt for Gate {
    #[inline(always)]
    fn comes_first(&self) -> bool {
        false
    }

    #[inline(always)]
    fn gate(&self) -> Option<&Gate> {
        Some(self)
    }
}

/// The first try of [`drive`](super::drive()), for a caller that keeps what a wait needs out of the way of a call that need
/// not wait. What came of it goes to [`wait_out`](super::wait_out).
#[inline(always)]
pub(crate) fn try_first<O: Operation>(operation: &mut O, bounds: &impl LookedAt) -> Result<O::Output, FirstTry> {
    if O::COMPOSITE || comes_first(operation, bounds) {
        return Err(FirstTry::NotMade);
    }
    operation.attempt(Readiness::empty()).map_err(FirstTry::Paused)
}

/// The first system call of an operation that is one, under the same conditions as the first try.
#[inline(always)]
pub(crate) fn call_first<O: OneCall>(operation: &mut O, bounds: &impl LookedAt) -> Result<O::Output, FirstCall> {
    if comes_first(operation, bounds) {
        return Err(FirstCall::NotMade);
    }
    operation.call().map_err(FirstCall::Failed)
}

/// Whether something is to be looked at before the first try: the limit, or that the socket is closed or has a policy, that
/// nothing was there lately, that something may bound the thread. One branch for all but the limit, in every call.
#[inline(always)]
fn comes_first<O: Operation>(operation: &O, bounds: &impl LookedAt) -> bool {
    let of_gate = || bounds.gate().map_or(0, |gate| gate.look_bits(operation.takes_what_comes()));
    bounds.comes_first() || of_gate() | ambient::look_bits() != 0
}
