//! The one timed loop: [`drive`] and its cold half [`wait_out`], through which every operation of the project waits.

use std::time::Duration;

use super::ambient;
use super::backoff::FalseWakes;
use super::cancel::Canceller;
use super::first_try::{FirstTry, try_first};
use super::gate::{Gate, Visit};
use super::limit::Limit;
use super::operation::{Interest, Moves, Operation, Pause};
use super::policy::PolicyState;
use super::stay::Stay;
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
            // A socket that was quiet lately is likely to be so still: to wait first saves a try in vain.
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
    pause: Pause,
    now: Deadline,
) -> Result<O::Output, Stop<W::Interrupt>> {
    let mut call = Call::begun(operation, limit, now);
    let outcome = call.go_round(operation, waiter, pause);
    call.stay.note_end(&outcome);
    outcome
}

/// What the loop knows of one call, from try to try. Its steps are inlined into the loop, which else would keep all of this
/// in memory.
struct Call<'l> {
    limit: &'l Limit<'l>,
    /// The socket's policy, if it concerns this call.
    policy: Option<&'l PolicyState>,
    /// Whoever may cancel the thread's calls, beside the limit's own.
    of_thread: Vec<Canceller>,
    started: Deadline,
    /// The earliest of the ends that are known from the start.
    end: (Deadline, LimitKind),
    /// What the clock said when it was last read.
    now: Deadline,
    /// When something last moved. What moves no bytes has been idle since its call began.
    moved: Deadline,
    has_waited: bool,
    false_wakes: FalseWakes,
    /// Counts this call on the gate, from its first wait to its end, so that a close can wait for it to leave.
    visit: Option<Visit<'l>>,
    /// What it says of itself while it waits.
    stay: Stay,
}

impl<'l> Call<'l> {
    #[inline(always)]
    fn begun<O: Operation>(operation: &O, limit: &'l Limit<'l>, now: Deadline) -> Self {
        let moves = operation.moves();
        let started = if limit.since == Deadline::NEVER { now } else { limit.since };
        Self {
            limit,
            policy: limit.policy_for(moves),
            of_thread: ambient::cancellers(),
            started,
            end: limit.end(now),
            now,
            moved: if moves == Moves::Nothing { started } else { now },
            has_waited: false,
            false_wakes: FalseWakes::default(),
            visit: None,
            stay: Stay::default(),
        }
    }

    /// Waits and tries until it is done, or something ends it.
    #[inline(always)]
    fn go_round<O: Operation, W: Waiter>(
        &mut self,
        operation: &mut O,
        waiter: &mut W,
        mut pause: Pause,
    ) -> Result<O::Output, Stop<W::Interrupt>> {
        loop {
            let end = self.look(operation.moves(), pause)?;
            match pause {
                Pause::Interrupted => waiter.interrupted()?,
                Pause::Progress => waiter.progressed()?,
                _ => {}
            }
            let ready = if pause.waits() { self.wait(operation, waiter, end)? } else { Readiness::empty() };
            match operation.attempt(ready) {
                Ok(output) => {
                    self.note_end(operation, waiter);
                    return Ok(output);
                }
                Err(Pause::Failed(errno)) => return Err(failed(errno, self.limit)),
                Err(again) => pause = again,
            }
            self.note_try(operation.moves(), pause, ready, waiter.now());
        }
    }

    /// Looks at all that may end the call; gives the moment by which a wait must end, and what then ends it.
    ///
    /// # Errors
    /// What has ended it.
    #[inline(always)]
    fn look<I>(&self, moves: Moves, pause: Pause) -> Result<(Deadline, LimitKind), Stop<I>> {
        let waits = pause.waits();
        let (end, kind) = if self.limit.is_absolute() {
            self.end
        } else {
            self.limit.end_by_now(self.end, moves, waits.then_some(self.moved))
        };
        if self.limit.is_closed() {
            return Err(Stop::Closed);
        }
        if self.limit.is_cancelled() || self.of_thread.iter().any(Canceller::is_cancelled) {
            return Err(Stop::Cancelled);
        }
        if self.limit.cancellers.are_too_many() {
            return Err(Stop::TooManyCancellers);
        }
        // Where the wait is over before it begins the descriptor is still looked at once: something may have come
        // meanwhile.
        let may_look = !self.has_waited && waits && matches!(kind, LimitKind::FirstByte(_) | LimitKind::Idle(_));
        if end != Deadline::NEVER && self.now >= end && !may_look {
            ambient::note_end(kind);
            let elapsed = self.now.since(self.started).duration().unwrap_or(Duration::MAX);
            return Err(Stop::TimedOut { limit: kind, elapsed });
        }
        Ok((end, kind))
    }

    /// One wait; a timeout of zero allows none.
    #[inline(always)]
    fn wait<O: Operation, W: Waiter>(
        &mut self,
        operation: &O,
        waiter: &mut W,
        end: (Deadline, LimitKind),
    ) -> Result<Readiness, Stop<W::Interrupt>> {
        let limit = self.limit;
        if limit.timeout == Timeout::ZERO {
            return Err(Stop::WouldBlock);
        }
        if self.visit.is_none() {
            self.visit = limit.gate.map(Gate::enter);
        }
        let mut wanted = Interest::default();
        operation.interest(&mut wanted);
        if !limit.cancellers.is_empty() {
            limit.cancellers.iter().flat_map(Canceller::latches).for_each(|latch| wanted.latch(latch));
        }
        self.of_thread.iter().flat_map(Canceller::latches).for_each(|latch| wanted.latch(latch));
        wanted.gate = limit.gate;
        if let Some(rest) = self.false_wakes.rest() {
            wanted.backing_off = true;
            wanted.timer(self.now.plus(rest));
        }
        let until = wanted.until.map_or(end.0, |at| at.min(end.0));
        let ready = {
            let _shown = self.stay.show((operation, &*waiter), &wanted, self.started, end);
            waiter.wait(&wanted, self.now, until)?
        };
        self.has_waited = true;
        // A close that found no descriptor to put under the number has shut the connection down: a try would find that.
        if limit.is_closed() { Err(Stop::Closed) } else { Ok(ready) }
    }

    /// Notes what came of a try that did not end the call.
    #[inline(always)]
    fn note_try(&mut self, moves: Moves, pause: Pause, ready: Readiness, now: Deadline) {
        let took = now.since(std::mem::replace(&mut self.now, now));
        // Drained without having been woken, it may have found nothing at all.
        if pause == Pause::Progress || pause == Pause::Drained && !ready.is_empty() {
            self.moved = now;
            if let Some(policy) = self.policy {
                policy.note(moves, now);
            }
        }
        let is_fruitful = matches!(pause, Pause::Progress | Pause::Drained | Pause::Again);
        self.false_wakes.judge(is_fruitful, !ready.is_empty(), took);
    }

    /// Notes that the call is done.
    #[inline(always)]
    fn note_end<O: Operation, W: Waiter>(&self, operation: &O, waiter: &W) {
        if let Some(policy) = self.policy {
            policy.note(operation.moves(), waiter.now());
        }
        note_silence(operation, self.limit, self.has_waited);
    }
}

/// Whether this call waits before its first try: the socket is quiet (nothing was there for the last receive that tried
/// at once), and the call may wait at all.
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

/// Of the calls that may wait first one in eight, by chance, tries first all the same, so that a socket that is quiet
/// no more is soon known for it.
fn looks_all_the_same(now: Deadline) -> bool {
    (now.nanos() >> 4).is_multiple_of(8)
}

/// Makes the first try that was put off because some scope is open, where those that are open are of other threads.
fn try_after_all<O: Operation>(operation: &mut O, limit: &Limit<'_>, first: FirstTry) -> Result<O::Output, Pause> {
    if let FirstTry::Paused(pause) = first {
        return Err(pause);
    }
    let is_watched = limit.is_closed() || limit.policy_for(operation.moves()).is_some();
    if O::COMPOSITE || limit.comes_first() || is_watched || ambient::watches() {
        return Err(Pause::Again);
    }
    operation.attempt(Readiness::empty())
}

/// A failure on a socket that was closed is the close's doing: its descriptor is dead, or its connection shut down.
fn failed<I>(errno: Errno, limit: &Limit<'_>) -> Stop<I> {
    if limit.is_closed() { Stop::Closed } else { Stop::System(errno) }
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;
