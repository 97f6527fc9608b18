//! How one call on a socket waits: its limits, and the one way into the loop.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shotclock::unstable::{
    Answer, Cancellers, Errno, Failure, Limit, Operation, Pause, PolicyState, Request, Stop, Unanswered, Waiter,
    all_workers_busy, answer, deadline_limit, drive, timeout_limit, wait_out,
};
use shotclock::{Deadline, LimitKind, Phase};

use crate::ffi::call::released;
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::object::SocketRef;
use crate::socket::open;
use crate::wait::account::{Account, ended, ended_plainly};
use crate::wait::bounds::{Bounds, Scope};
use crate::wait::expiry::{Expiry, Moved};
use crate::wait::lent::{Attempt, Descriptor, On};
use crate::wait::manner::Manner;
use crate::wait::waiter::{CountedWaiter, InterpreterWaiter, SignalWaiter};
use crate::wait::{expiry, lookup_failure, lookup_limit, policy, seen, told};

/// How a call comes into the loop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum First {
    /// With a first try.
    Try,
    /// With what a first try has said, or would say.
    Tried(Pause),
}

/// How one call waits. Timeout, descriptor and bounds are read once, so that all parts of the call agree.
pub(crate) struct Timing {
    descriptor: Option<Descriptor>,
    /// In nanoseconds; `None` is for ever.
    timeout: Option<u64>,
    bounds: Option<Bounds>,
    /// The socket's policy, if it has one.
    policy: Option<Arc<PolicyState>>,
    /// What the call is at, if it is not at the lookup before.
    phase: &'static str,
    /// Of a call that has begun with a lookup: its limit, less the time that took. Without cancellers.
    begun: Cell<Option<Limit<'static>>>,
    /// When its lookups must have ended, whatever it may take as a whole.
    lookups_end: Cell<Option<Deadline>>,
}

impl Timing {
    /// How a call waits by the socket's own timeout, and the scopes and cancellers that it is in.
    pub(crate) fn of(socket: SocketRef, phase: Phase) -> PyResult<Self> {
        Self::with_timeout(socket, socket.timeout(), phase)
    }

    /// As [`of`](Self::of), by a timeout in nanoseconds instead of the socket's; negative is none.
    pub(crate) fn with_timeout(socket: SocketRef, timeout: i64, phase: Phase) -> PyResult<Self> {
        let descriptor = Descriptor::of(socket);
        let timeout = u64::try_from(timeout).ok();
        // A socket that does not wait has no use for a limit.
        let bounds = if timeout == Some(0) { None } else { Bounds::current()? };
        let mut timing = Self::new(Some(descriptor), timeout, bounds, phase.as_str());
        if open::is_any_open() && moves_bytes(phase) {
            timing.policy = policy::of(socket);
        }
        Ok(timing)
    }

    /// How a call waits by scopes and cancellers alone: for what has no socket.
    pub(crate) fn of_scope(phase: Phase) -> PyResult<Self> {
        Ok(Self::new(None, None, Bounds::current()?, phase.as_str()))
    }

    /// How a call waits by a timeout of its own, in nanoseconds, and the scopes and cancellers that bound more than
    /// sockets. With `cleans_up` it may still wait for a moment once the scope has ended another call.
    pub(crate) fn of_wait(phase: &'static str, timeout: Option<u64>, cleans_up: bool) -> PyResult<Self> {
        let mut bounds = Bounds::of_waits()?;
        if let Some(bounds) = bounds.as_mut().filter(|_| cleans_up) {
            bounds.give_grace()?;
        }
        Ok(Self::new(None, timeout, bounds, phase))
    }

    fn new(descriptor: Option<Descriptor>, timeout: Option<u64>, bounds: Option<Bounds>, phase: &'static str) -> Self {
        let (begun, lookups_end) = (Cell::new(None), Cell::new(None));
        Self { descriptor, timeout, bounds, policy: None, phase, begun, lookups_end }
    }

    /// Whether a scope, a canceller or a policy bounds it.
    pub(crate) fn is_bounded(&self) -> bool {
        self.bounds.is_some() || self.policy.is_some()
    }

    pub(crate) fn manner(&self) -> Manner {
        match self.timeout {
            Some(0) => Manner::Once,
            Some(_) => Manner::Timed,
            None if self.is_bounded() => Manner::Bounded,
            None => Manner::Plain,
        }
    }

    /// For what ends before there is anything to wait for.
    pub(crate) fn without_limit(phase: Phase) -> Self {
        Self::new(None, None, None, phase.as_str())
    }

    /// From here on the call waits for nothing: its flags say so.
    pub(crate) fn never_wait(&mut self) {
        (self.timeout, self.bounds, self.begun) = (Some(0), None, Cell::new(None));
    }

    /// Whether a lookup has taken some of its time.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.get().is_some()
    }

    /// Runs an attempt on the socket to its end, or to its limit's; what ended it is not raised yet, since only the caller
    /// knows how much had moved.
    pub(crate) fn run<A: Attempt>(&self, attempt: &mut A, first: First) -> Result<A::Output, Stop<Raised>> {
        self.run_by(attempt, first, &mut self.waiter())
    }

    /// As [`run`](Self::run), for an attempt that counts in `moved` what it moves. A signal after something has moved
    /// ends the call well; handlers run once the interpreter is back in Python code.
    pub(crate) fn run_counted<A: Attempt<Output = ()>>(
        &self,
        attempt: &mut A,
        first: First,
        moved: &AtomicUsize,
    ) -> Result<(), Stop<Raised>> {
        match self.run_by(attempt, first, &mut CountedWaiter { inner: self.waiter(), moved }) {
            Err(Stop::Interrupt(Raised)) if moved.load(Ordering::Relaxed) > 0 => Ok(()),
            outcome => outcome,
        }
    }

    fn run_by<A: Attempt, W: Waiter<Interrupt = Raised>>(
        &self,
        attempt: &mut A,
        first: First,
        waiter: &mut W,
    ) -> Result<A::Output, Stop<Raised>> {
        if open::is_watched() { self.run_told(attempt, first, waiter) } else { self.run_untold(attempt, first, waiter) }
    }

    fn run_untold<A: Attempt, W: Waiter<Interrupt = Raised>>(
        &self,
        attempt: &mut A,
        first: First,
        waiter: &mut W,
    ) -> Result<A::Output, Stop<Raised>> {
        let Some(descriptor) = self.descriptor else { return Err(Stop::System(Errno::BADF)) };
        let manner = self.manner();
        let mut operation = On::new(descriptor, attempt, manner);
        let limit = self.limit();
        match first {
            First::Try => drive(&mut operation, &limit, waiter),
            First::Tried(said) => {
                if matches!(said, Pause::WouldBlock | Pause::Drained) {
                    operation.begin();
                }
                wait_out(&mut operation, &limit, waiter, said)
            }
        }
    }

    /// The same, while somebody watches.
    #[cold]
    #[inline(never)]
    fn run_told<A: Attempt, W: Waiter<Interrupt = Raised>>(
        &self,
        attempt: &mut A,
        first: First,
        waiter: &mut W,
    ) -> Result<A::Output, Stop<Raised>> {
        let (is_plain, number) = (self.manner() == Manner::Plain, self.descriptor.map(Descriptor::number));
        let account = if is_plain { Account::of_plain() } else { Account::of_waits() };
        let shown = is_plain.then(|| told::plainly(self.phase, number, || attempt.subject(), account));
        let outcome = self.run_untold(attempt, first, waiter);
        drop(shown);
        account.end(self.phase, number, || attempt.subject(), ended(&outcome));
        outcome
    }

    /// Runs an operation of Python's own, which needs the interpreter for each try and takes care of its descriptors.
    pub(crate) fn run_python<O: Operation>(&self, operation: &mut O, first: First) -> Result<O::Output, Stop<Raised>> {
        let (limit, mut waiter, account) = (self.limit(), self.waiter(), Account::of_waits());
        let outcome = match first {
            First::Try => drive(operation, &limit, &mut waiter),
            First::Tried(said) => wait_out(operation, &limit, &mut waiter, said),
        };
        account.end(self.phase, self.descriptor.map(Descriptor::number), || operation.subject(), ended(&outcome));
        outcome
    }

    /// The same of one that would have to wait, and that has moved so much: a signal ends it without an exception.
    pub(crate) fn run_python_after<O: Operation>(
        &self,
        moved: usize,
        operation: &mut O,
    ) -> Result<O::Output, Stop<Raised>> {
        let moved = AtomicUsize::new(moved);
        self.wait_out(operation, &mut CountedWaiter { inner: self.waiter(), moved: &moved })
    }

    /// The same of one that waits for a signal, which ends it without an exception.
    pub(crate) fn wait_for_signal<O: Operation>(&self, operation: &mut O) -> Result<O::Output, Stop<Raised>> {
        self.wait_out(operation, &mut SignalWaiter { inner: self.waiter() })
    }

    /// Goes on with an operation that would have to wait, by a waiter of its own.
    pub(crate) fn wait_out<O: Operation, W: Waiter<Interrupt = Raised>>(
        &self,
        operation: &mut O,
        waiter: &mut W,
    ) -> Result<O::Output, Stop<Raised>> {
        let account = Account::of_plain();
        let outcome = wait_out(operation, &self.limit(), waiter, Pause::WouldBlock);
        account.end(self.phase, None, || operation.subject(), ended(&outcome));
        outcome
    }

    /// By a timeout of the call's own alone, in nanoseconds, whatever is around it.
    pub(crate) fn of_itself(phase: &'static str, timeout: Option<u64>) -> Self {
        Self::new(None, timeout, None, phase)
    }

    /// Whether what is around it has ended by now.
    pub(crate) fn is_over(&self) -> bool {
        self.bounds.as_ref().is_some_and(Bounds::is_over)
    }

    /// What it does.
    pub(crate) fn phase(&self) -> &'static str {
        self.phase
    }

    /// Whether a canceller may end it.
    pub(crate) fn is_cancellable(&self) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| bounds.canceller().is_some())
    }

    /// Asks the resolver: on this thread, or on a worker where a limit is to end it.
    pub(crate) fn answer(&self, request: &Request) -> PyResult<Result<Answer, Failure>> {
        if self.manner() == Manner::Once {
            // A socket that never waits bounds no lookup, and does not keep the scopes from it either: that waits all the same.
            let by_scope = Self { lookups_end: self.lookups_end.clone(), ..Self::of_scope(Phase::Lookup)? };
            return by_scope.answer(request);
        }
        let lookups_end = self.lookups_end.get().unwrap_or_else(lookup_limit::end);
        self.lookups_end.set(Some(lookups_end));
        if !self.manner().is_timed() && lookups_end == Deadline::NEVER {
            let (shown, account) = (told::of_lookup(request), Account::of_plain());
            let answer = released(|| request.run());
            drop(shown);
            account.end(LOOKUP, None, || Some(request.to_string()), ended_plainly(answer.is_err()));
            return Ok(answer);
        }
        // A policy bounds no lookup.
        let mut limit = timeout_limit(None);
        if self.manner().is_timed() {
            self.begun.set(Some(self.time_limit().begun(Deadline::now())));
            limit = Limit { policy: None, ..self.limit() };
        }
        let is_for_lookups = lookups_end < limit.deadline;
        limit.deadline = limit.deadline.min(lookups_end);
        let account = Account::of_waits();
        let passed = |limit, elapsed, why: &str| {
            if is_for_lookups {
                return lookup_failure::raise_lookup_noting(
                    &request.try_again(),
                    &format!(": {}{why}", lookup_limit::passed()),
                );
            }
            self.raise_passed(self.expiry(LOOKUP, limit, elapsed), || Owned::text(&format!("timed out{why}")))
        };
        let outcome = answer(request, &limit, &mut InterpreterWaiter { what: LOOKUP, descriptor: None });
        account.end(LOOKUP, None, || Some(request.to_string()), ended_lookup(&outcome));
        outcome.map_err(|unanswered| match unanswered {
            Unanswered::Stopped(Stop::TimedOut { limit, elapsed }) => passed(limit, elapsed, ""),
            Unanswered::Stopped(stop) => self.raise(stop),
            Unanswered::AllBusy { limit, elapsed, workers } => {
                passed(limit, elapsed, &format!(": {}", all_workers_busy(workers)))
            }
            Unanswered::Failed(why) => exception::os_error(&why),
        })
    }

    /// Raises what ended an operation.
    pub(crate) fn raise(&self, stop: Stop<Raised>) -> Raised {
        self.raise_as(stop, Moved::Nothing, timed_out)
    }

    /// As [`raise`](Self::raise), and has the exception say how much had moved, unless it is the program's own (a
    /// signal handler's).
    pub(crate) fn raise_after(&self, stop: Stop<Raised>, moved: Moved<'_>) -> Raised {
        match stop {
            Stop::Interrupt(raised) => raised,
            stop => self.raise_after_all(stop, moved),
        }
    }

    /// As [`raise_after`](Self::raise_after), and the program's own exceptions say how much had moved, too: for
    /// functions that promise so.
    pub(crate) fn raise_after_all(&self, stop: Stop<Raised>, moved: Moved<'_>) -> Raised {
        let is_told = matches!(stop, Stop::TimedOut { .. });
        let raised = self.raise_as(stop, moved, timed_out);
        if !is_told {
            expiry::annotate(moved);
        }
        raised
    }

    /// As [`raise_after`](Self::raise_after), with other words for the end of a limit.
    pub(crate) fn raise_as(
        &self,
        stop: Stop<Raised>,
        moved: Moved<'_>,
        timed_out: impl FnOnce() -> PyResult<Owned>,
    ) -> Raised {
        match stop {
            Stop::TimedOut { limit: LimitKind::CallDeadline, .. }
                if self.bounds.as_ref().is_some_and(Bounds::is_end_of_canceller) =>
            {
                self.raise_as(Stop::Cancelled, moved, timed_out)
            }
            Stop::TimedOut { limit, elapsed } => {
                self.raise_passed(Expiry { moved, ..self.expiry(self.phase, limit, elapsed) }, timed_out)
            }
            Stop::Interrupt(raised) => raised,
            Stop::WouldBlock => exception::raise_errno(Errno::AGAIN),
            Stop::System(errno) => exception::raise_errno(errno),
            Stop::Cancelled => {
                self.bounds.as_ref().map_or_else(|| exception::os_error("cancelled"), Bounds::raise_cancelled)
            }
            Stop::Closed => exception::raise_errno(Errno::BADF),
            // All are joined into one before.
            Stop::TooManyCancellers => exception::os_error("too many cancellers"),
        }
    }

    /// Raises the end of a limit: the scope's, the policy's, or the socket's own.
    fn raise_passed(&self, expiry: Expiry<'_>, text: impl FnOnce() -> PyResult<Owned>) -> Raised {
        let expired = expiry.scope.map_or(Ok(()), Scope::expire);
        let raise = |text: Owned| expiry::raise_timed_out(&text, &expiry);
        expired.and_then(|()| text()).map_or_else(|raised| raised, raise)
    }

    fn expiry(&self, phase: &'static str, limit: LimitKind, elapsed: Duration) -> Expiry<'_> {
        let bounds = self.bounds.as_ref().filter(|_| limit == LimitKind::CallDeadline);
        Expiry { phase, limit, elapsed, moved: Moved::Nothing, scope: bounds.and_then(Bounds::scope) }
    }

    fn waiter(&self) -> InterpreterWaiter {
        InterpreterWaiter { what: self.phase, descriptor: self.descriptor }
    }

    /// All that bounds it.
    pub(crate) fn limit(&self) -> Limit<'_> {
        let cancellers = Cancellers::just(self.bounds.as_ref().and_then(Bounds::canceller));
        Limit { cancellers, policy: self.policy.as_deref(), ..self.time_limit() }
    }

    fn time_limit(&self) -> Limit<'static> {
        self.begun.get().unwrap_or_else(|| match self.bounds.as_ref().and_then(Bounds::end) {
            None => timeout_limit(self.timeout),
            Some(end) => deadline_limit(self.timeout, end),
        })
    }
}

/// What a lookup is at.
const LOOKUP: &str = Phase::Lookup.as_str();

/// How a lookup under a limit ended, for the account.
fn ended_lookup<T>(outcome: &Result<Result<T, Failure>, Unanswered<Raised>>) -> &'static str {
    match outcome {
        Ok(answer) => ended_plainly(answer.is_err()),
        Err(Unanswered::Stopped(Stop::TimedOut { limit, .. }) | Unanswered::AllBusy { limit, .. }) => {
            seen::name_of(*limit)
        }
        Err(_) => "error",
    }
}

/// Whether a policy bounds calls of this phase: only where bytes move.
fn moves_bytes(phase: Phase) -> bool {
    !matches!(phase, Phase::Lookup | Phase::Connect | Phase::Accept)
}

/// CPython's words for a timeout.
fn timed_out() -> PyResult<Owned> {
    Owned::text("timed out")
}
