//! Operations of this crate's own face: run under a limit by who waits here, and named in the error.

use super::ambient;
use super::drive::wait_out;
use super::first_try::{FirstCall, FirstTry, try_first};
use super::limit::Limit;
use super::operation::{OneCall, Operation};
use crate::error::Error;
use crate::sys::Readiness;

/// Runs an operation under a limit by who waits here, and names it in the error.
#[inline]
pub(crate) fn run<O: Operation>(name: &'static str, operation: &mut O, limit: &Limit<'_>) -> Result<O::Output, Error> {
    try_first(operation, limit).or_else(|first| run_rest(name, operation, limit, first))
}

/// What is left to do after a first try.
#[cold]
#[inline(never)]
fn run_rest<O: Operation>(
    name: &'static str,
    operation: &mut O,
    limit: &Limit<'_>,
    first: FirstTry,
) -> Result<O::Output, Error> {
    wait_out(operation, limit, &mut ambient::waiter(name), first).map_err(|stop| Error::stopped(name, stop))
}

/// What is left to do after the first system call of an operation that is one.
#[cold]
#[inline(never)]
pub(crate) fn run_on<O: OneCall>(
    name: &'static str,
    operation: &mut O,
    limit: &Limit<'_>,
    first: FirstCall,
) -> Result<O::Output, Error> {
    let tried = match first {
        FirstCall::NotMade => Err(FirstTry::NotMade),
        FirstCall::Failed(errno) => operation.failed(errno, Readiness::empty()).map_err(FirstTry::Paused),
    };
    tried.or_else(|first| run_rest(name, operation, limit, first))
}
