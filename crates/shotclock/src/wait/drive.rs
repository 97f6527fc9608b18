//! The one timed loop: [`drive`] and its cold half [`wait_out`], through which every operation of the project waits.

use std::time::Duration;

use super::backoff::Lies;
use super::cancel::Canceller;
use super::first_try::{FirstTry, try_first};
use super::gate::Gate;
use super::limit::Limit;
use super::operation::{Interest, Moves, Operation, Pause};
use super::scope;
use super::stop::Stop;
use super::waiter::Waiter;
use crate::deadline::{Deadline, Timeout};
use crate::error::LimitKind;
use crate::sys::{Errno, Readiness};

/// Tries the operation, and waits and tries again until it is done or the limit passes.
///
/// With data there and neither deadline nor scope this is one try: no clock, no lock, one system call.
///
/// # Errors
/// Why it ended without a result.
#[inline]
pub fn drive<O: Operation, W: Waiter>(
    operation: &mut O,
    limit: &Limit<'_>,
    waiter: &mut W,
) -> Result<O::Output, Stop<W::Interrupt>> {
    match try_first(operation, limit) {
        Ok(output) => Ok(output),
        Err(first) => wait_out(operation, limit, waiter, first),
    }
}

/// What [`drive`] does after the first try: the one loop.
///
/// # Errors
/// Why it ended without a result.
#[cold]
#[inline(never)]
pub fn wait_out<O: Operation, W: Waiter>(
    operation: &mut O,
    limit: &Limit<'_>,
    waiter: &mut W,
    first: impl Into<FirstTry>,
) -> Result<O::Output, Stop<W::Interrupt>> {
    let first = first.into();
    if first == FirstTry::NotMade && may_wait_first(operation, limit) {
        let now = waiter.now();
        if !looks_all_the_same(now) {
            // Who will have to wait does so before the first try, which saves that.
            return wait_and_try(operation, limit, waiter, Pause::WouldBlock, now);
        }
    }
    match try_after_all(operation, limit, first) {
        Ok(output) => {
            note_silence(operation, limit, false);
            Ok(output)
        }
        Err(Pause::Failed(errno)) => Err(failed(errno, limit)),
        Err(pause) => {
            let now = waiter.now();
            wait_and_try(operation, limit, waiter, pause, now)
        }
    }
}

/// The loop itself, after a pause that is no failure, and at this moment.
fn wait_and_try<O: Operation, W: Waiter>(
    operation: &mut O,
    limit: &Limit<'_>,
    waiter: &mut W,
    mut pause: Pause,
    mut now: Deadline,
) -> Result<O::Output, Stop<W::Interrupt>> {
    let watch = limit.policy_for(operation.moves());
    let end_of_call = limit.end(now);
    let started = if limit.since == Deadline::NEVER { now } else { limit.since };
    // What moves no bytes has been idle since its call began.
    let mut moved = if operation.moves() == Moves::Nothing { started } else { now };
    let (mut lies, mut looked, mut visit) = (Lies::default(), false, None);
    loop {
        let waits = matches!(pause, Pause::WouldBlock | Pause::Drained);
        let (deadline, kind) = if limit.is_absolute() {
            end_of_call
        } else {
            limit.end_by_now(end_of_call, operation.moves(), waits.then_some(moved))
        };
        if limit.is_closed() {
            return Err(Stop::Closed);
        }
        if limit.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if limit.cancellers.are_too_many() {
            return Err(Stop::TooManyCancellers);
        }
        // Whose wait is over before it begins may still find what has come meanwhile.
        let may_look = !looked && waits && matches!(kind, LimitKind::FirstByte(_) | LimitKind::Idle(_));
        if deadline != Deadline::NEVER && now >= deadline && !may_look {
            if let LimitKind::Scope(scope) = kind {
                scope::expire(scope);
            }
            let elapsed = now.since(started).duration().unwrap_or(Duration::MAX);
            return Err(Stop::TimedOut { limit: kind, elapsed });
        }
        let mut ready = Readiness::empty();
        match pause {
            Pause::Interrupted => waiter.interrupted()?,
            Pause::Progress => waiter.progressed()?,
            _ => {}
        }
        if waits {
            if limit.timeout == Timeout::ZERO {
                return Err(Stop::WouldBlock);
            }
            // Counted until the call ends, so that whoever closes can wait for that.
            visit = visit.or_else(|| limit.gate.map(Gate::enter));
            ready = wait_once(operation, limit, waiter, &lies, now, deadline)?;
            looked = true;
            // A close that found no descriptor to put under the number has shut the connection down: a try would find that.
            if limit.is_closed() {
                return Err(Stop::Closed);
            }
        }
        match operation.attempt(ready) {
            Ok(output) => {
                if let Some(watch) = watch {
                    watch.note(operation.moves(), waiter.now());
                }
                note_silence(operation, limit, looked);
                return Ok(output);
            }
            Err(Pause::Failed(errno)) => return Err(failed(errno, limit)),
            Err(again) => pause = again,
        }
        let before = std::mem::replace(&mut now, waiter.now());
        // Drained without having been woken, it may have found nothing at all.
        if pause == Pause::Progress || pause == Pause::Drained && !ready.is_empty() {
            moved = now;
            if let Some(watch) = watch {
                watch.note(operation.moves(), now);
            }
        }
        let fruitful = matches!(pause, Pause::Progress | Pause::Drained | Pause::Again);
        lies.judge(fruitful, !ready.is_empty(), now.since(before));
    }
}

/// Whether nothing was there lately for who looked at once, so that this call waits first, if it may wait at all.
fn may_wait_first<O: Operation>(operation: &O, limit: &Limit<'_>) -> bool {
    let is_quiet = limit.gate.is_some_and(Gate::is_quiet) && operation.takes_what_comes();
    is_quiet && limit.timeout != Timeout::ZERO
}

/// Notes whether a call that is done had to wait.
fn note_silence<O: Operation>(operation: &O, limit: &Limit<'_>, had_to_wait: bool) {
    if let Some(gate) = limit.gate.filter(|_| operation.takes_what_comes()) {
        gate.set_quiet(had_to_wait);
    }
}

/// One in eight calls that may wait first looks all the same, by chance, so that a socket that is quiet no more is soon
/// known to be.
fn looks_all_the_same(now: Deadline) -> bool {
    (now.nanos() >> 4).is_multiple_of(8)
}

/// Makes a first try that was kept back for fear of a scope, where those that are open are of other threads.
fn try_after_all<O: Operation>(operation: &mut O, limit: &Limit<'_>, first: FirstTry) -> Result<O::Output, Pause> {
    if let FirstTry::Paused(pause) = first {
        return Err(pause);
    }
    let is_watched = limit.is_closed() || limit.policy_for(operation.moves()).is_some();
    if O::COMPOSITE || limit.comes_first() || is_watched || scope::end().is_some() {
        return Err(Pause::Again);
    }
    operation.attempt(Readiness::empty())
}

/// What fails on a socket that was closed is the doing of the close: a dead descriptor, or a connection shut down.
fn failed<I>(errno: Errno, limit: &Limit<'_>) -> Stop<I> {
    if limit.is_closed() { Stop::Closed } else { Stop::System(errno) }
}

fn wait_once<O: Operation, W: Waiter>(
    operation: &O,
    limit: &Limit<'_>,
    waiter: &mut W,
    lies: &Lies,
    now: Deadline,
    deadline: Deadline,
) -> Result<Readiness, Stop<W::Interrupt>> {
    let mut wanted = Interest::default();
    operation.interest(&mut wanted);
    if !limit.cancellers.is_empty() {
        limit.cancellers.iter().flat_map(Canceller::signals).for_each(|signal| wanted.signal(signal));
    }
    wanted.gate = limit.gate;
    if let Some(pause) = lies.pause() {
        wanted.backing_off = true;
        wanted.timer(now.plus(pause));
    }
    let until = wanted.until.map_or(deadline, |at| at.min(deadline));
    waiter.wait(&wanted, now, until)
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;
