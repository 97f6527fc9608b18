//! The interpreter's lock and signals: leaving it for a wait, and the waiter that does so.

use std::cell::Cell;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use pyo3_ffi::{PyEval_RestoreThread, PyEval_SaveThread};
use shotclock::raw::{
    Answer, Errno, Failure, Interest, Limit, Moves, Operation, Pause, PollWaiter, Readiness, Request, Stop, Unanswered,
    Waiter, Watch, answer, deadline_limit, drive, exact, timeout_limit, wait_out, waiting::Waiting,
};
use shotclock::{Deadline, LimitKind, MessageFlags, Phase};

use crate::around::{self, Around, Scope};
use crate::call::check_signals;
use crate::errors::{self, Expiry, Moved};
use crate::names::patience;
use crate::object::{Owned, SocketRef};
use crate::policy;

/// A Python exception is set.
#[derive(Debug)]
pub(crate) struct Raised;

pub(crate) type PyResult<T> = Result<T, Raised>;

/// Runs `call` with the interpreter released. It must not touch any Python object.
pub(crate) fn released<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: methods run with the interpreter held, and give it up only here; it is taken again before returning.
    let state = unsafe { PyEval_SaveThread() };
    let result = call();
    // SAFETY: the state is the one this thread gave up above.
    unsafe { PyEval_RestoreThread(state) };
    result
}

/// Whose call it is, if it is a socket's, and the number that it began with.
#[derive(Clone, Copy)]
pub(crate) struct User(Option<(SocketRef, RawFd)>);

impl User {
    pub(crate) fn of(socket: SocketRef) -> Self {
        Self(Some((socket, socket.number())))
    }

    /// That the socket was not closed meanwhile, since which the descriptor's number may be that of another file: then
    /// the call ends with EBADF, as does a call on a closed socket.
    fn check_open(self) -> Result<(), Errno> {
        if self.0.is_none_or(|(socket, number)| socket.has_number(number)) { Ok(()) } else { Err(Errno::BADF) }
    }

    /// Runs `call` with the interpreter released. A close of the socket wakes it, if it waits, and its number is no other
    /// file's until it has ended.
    #[inline]
    pub(crate) fn released<T>(self, call: impl FnOnce() -> T) -> Result<T, Errno> {
        let Some((socket, number)) = self.0 else { return Ok(released(call)) };
        if number < 0 {
            return Err(Errno::BADF);
        }
        let waiting = Waiting::on(number);
        // Only now: whoever closes from here on sees that it is used.
        if !socket.has_number(number) {
            return Err(Errno::BADF);
        }
        Ok(released(|| {
            let result = call();
            // Before signal handlers run, which may close it themselves.
            drop(waiting);
            result
        }))
    }
}

/// Waits with the interpreter released, and lets signal handlers run afterwards.
struct InterpreterWaiter {
    user: User,
}

impl Waiter for InterpreterWaiter {
    type Interrupt = Raised;

    fn now(&self) -> Deadline {
        Deadline::now()
    }

    fn wait(&mut self, wanted: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop<Raised>> {
        let outcome = self.user.released(|| PollWaiter.wait(wanted, now, until)).map_err(Stop::System)?;
        let ready = outcome.map_err(|stop| match stop {
            Stop::System(errno) => Stop::System(errno),
            // The poll waiter has no other way to fail.
            _ => Stop::Closed,
        })?;
        if ready.is_empty() {
            check_signals().map_err(Stop::Interrupt)?;
        }
        self.user.check_open().map_err(Stop::System)?;
        Ok(ready)
    }

    fn interrupted(&mut self) -> Result<(), Stop<Raised>> {
        check_signals().map_err(Stop::Interrupt)?;
        self.user.check_open().map_err(Stop::System)
    }

    fn progressed(&mut self) -> Result<(), Stop<Raised>> {
        self.interrupted()
    }
}

/// Each try of the operation inside is made with the interpreter released.
struct Released<'o, O> {
    operation: &'o mut O,
    user: User,
}

impl<O: Operation> Operation for Released<'_, O> {
    type Output = O::Output;
    const COMPOSITE: bool = O::COMPOSITE;

    fn attempt(&mut self, ready: Readiness) -> Result<O::Output, Pause> {
        self.user.released(|| self.operation.attempt(ready)).map_err(Pause::Failed)?
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        self.operation.interest(wanted);
    }

    fn moves(&self) -> Moves {
        self.operation.moves()
    }
}

/// Up to so many bytes a try may hold the interpreter: it takes less time than to release it.
pub(crate) const SMALL: usize = 16 << 10;

/// How one call waits. Timeout, descriptor and what is around it are read once, so that all parts of the call agree.
pub(crate) struct Timing {
    socket: Option<(SocketRef, RawFd)>,
    /// In nanoseconds; `None` is for ever.
    timeout: Option<u64>,
    around: Option<Around>,
    /// The socket's policy, if it has one.
    policy: Option<Arc<Watch>>,
    /// What it does, a lookup before it aside.
    phase: Phase,
    /// The limit, but for cancellers, of a call that has begun with a lookup: what that took is gone.
    begun: Cell<Option<Limit<'static>>>,
    /// When its lookups must have ended, whatever it may take as a whole.
    lookups_end: Cell<Option<Deadline>>,
}

impl Timing {
    /// By the socket's own timeout, and the scopes and cancellers around the call.
    pub(crate) fn of(socket: SocketRef, phase: Phase) -> PyResult<Self> {
        Self::with_timeout(socket, socket.timeout(), phase)
    }

    /// By a timeout in nanoseconds instead; negative is none.
    pub(crate) fn with_timeout(socket: SocketRef, timeout: i64, phase: Phase) -> PyResult<Self> {
        let timeout = u64::try_from(timeout).ok();
        // A socket that does not wait has no use for a limit.
        let around = if timeout == Some(0) { None } else { Around::current()? };
        let mut timing = Self::new(Some((socket, socket.number())), timeout, around, phase);
        if around::is_any_open() && moves_bytes(phase) {
            timing.policy = policy::of(socket);
        }
        Ok(timing)
    }

    /// By the scopes and cancellers alone, for what has no socket.
    pub(crate) fn of_scope(phase: Phase) -> PyResult<Self> {
        Ok(Self::new(None, None, Around::current()?, phase))
    }

    fn new(socket: Option<(SocketRef, RawFd)>, timeout: Option<u64>, around: Option<Around>, phase: Phase) -> Self {
        let (begun, lookups_end) = (Cell::new(None), Cell::new(None));
        Self { socket, timeout, around, policy: None, phase, begun, lookups_end }
    }

    /// Whether it is one plain call of the system, as the interpreter's own is without a timeout.
    fn is_plain(&self) -> bool {
        self.timeout.is_none() && !self.is_bounded()
    }

    /// Whether a lookup has taken some of its time.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.get().is_some()
    }

    /// Whether it never waits.
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.timeout == Some(0)
    }

    /// Whether it waits, and something other than readiness can end that.
    pub(crate) fn is_timed(&self) -> bool {
        !self.is_plain() && !self.is_nonblocking()
    }

    /// Whether a scope, a canceller or a policy bounds it.
    fn is_bounded(&self) -> bool {
        self.around.is_some() || self.policy.is_some()
    }

    /// Whether only these bound it: then it keeps what one call without a timeout promises (all bytes sent, the low water
    /// mark, MSG_WAITALL), on a descriptor that blocks.
    pub(crate) fn is_bound_by_scope_alone(&self) -> bool {
        self.timeout.is_none() && self.is_bounded()
    }

    /// The flags for one try: those asked for, and under a limit never to wait in the system.
    pub(crate) fn flags(&self, flags: i32) -> i32 {
        if self.is_plain() { flags } else { flags | MessageFlags::DONTWAIT.0 }
    }

    /// What a failed try means to the loop: on a plain call EAGAIN is an error (BlockingIOError), to be passed on.
    pub(crate) fn pause(&self, errno: Errno) -> Pause {
        match Pause::from(errno) {
            Pause::WouldBlock if self.is_plain() => Pause::Failed(errno),
            pause => pause,
        }
    }

    /// What a first try means to the loop that has failed, or was not made.
    pub(crate) fn after_first_try(&self, failed: Option<Errno>) -> Pause {
        failed.map_or(Pause::Again, |errno| self.pause(errno))
    }

    /// The descriptor made non-blocking for a call that no flag keeps from waiting, where a limit is to end it.
    pub(crate) fn unblock<'a>(&self, fd: BorrowedFd<'a>) -> Result<Option<Unblocked<'a>>, Errno> {
        if !self.is_timed() {
            return Ok(None);
        }
        // Under a timeout it should be so already; but whoever shares the file may have taken the flag away.
        exact::set_nonblocking(fd, true)?;
        let back = self.timeout.is_none();
        Ok(Some(Unblocked { fd, back: self.socket.filter(|_| back) }))
    }

    /// The same, only where the descriptor is one that blocks: where a wait before the try does, or a flag of the call.
    pub(crate) fn unblock_if_it_blocks<'a>(&self, fd: BorrowedFd<'a>) -> Result<Option<Unblocked<'a>>, Errno> {
        if self.is_bound_by_scope_alone() { self.unblock(fd) } else { Ok(None) }
    }

    /// Runs an operation on about `bytes` bytes.
    pub(crate) fn run<O: Operation>(&self, operation: &mut O, bytes: usize) -> PyResult<O::Output> {
        self.run_bytes(operation, bytes).map_err(|stop| self.raise(stop))
    }

    /// The same; what ended it is not raised yet, since only the caller knows how much had moved.
    pub(crate) fn run_bytes<O: Operation>(&self, operation: &mut O, bytes: usize) -> Result<O::Output, Stop<Raised>> {
        if self.is_bound_by_scope_alone() {
            return self.run_when_ready(operation);
        }
        if self.is_released(bytes) { self.outcome(operation) } else { self.run_held(operation) }
    }

    /// The same, after a first try that said this; [`Pause::Again`] if there was none.
    pub(crate) fn run_on<O: Operation>(
        &self,
        operation: &mut O,
        bytes: usize,
        said: Pause,
    ) -> Result<O::Output, Stop<Raised>> {
        if self.is_bound_by_scope_alone() {
            return self.run_when_ready(operation);
        }
        let (limit, mut waiter) = (self.limit(), self.waiter());
        if self.is_released(bytes) {
            wait_out(&mut self.released(operation), &limit, &mut waiter, said)
        } else {
            wait_out(operation, &limit, &mut waiter, said)
        }
    }

    /// Whether tries are made with the interpreter released.
    fn is_released(&self, bytes: usize) -> bool {
        self.is_plain() || bytes > SMALL
    }

    /// Runs an operation that is Python's own, hence with the interpreter held but for the waits.
    pub(crate) fn run_held<O: Operation>(&self, operation: &mut O) -> Result<O::Output, Stop<Raised>> {
        drive(operation, &self.limit(), &mut self.waiter())
    }

    /// Runs an operation with the interpreter released; what ended it is not raised yet.
    pub(crate) fn outcome<O: Operation>(&self, operation: &mut O) -> Result<O::Output, Stop<Raised>> {
        drive(&mut self.released(operation), &self.limit(), &mut self.waiter())
    }

    /// Runs an operation that under a limit is not tried before the descriptor is ready: one that no flag keeps from
    /// waiting, or one that promises more than what is there.
    pub(crate) fn run_when_ready<O: Operation>(&self, operation: &mut O) -> Result<O::Output, Stop<Raised>> {
        if self.is_timed() {
            wait_out(&mut self.released(operation), &self.limit(), &mut self.waiter(), Pause::WouldBlock)
        } else {
            self.outcome(operation)
        }
    }

    /// Asks the resolver: on this thread, or on a worker where a limit is to end it.
    pub(crate) fn answer(&self, request: &Request) -> PyResult<Result<Answer, Failure>> {
        let lookups_end = self.lookups_end.get().unwrap_or_else(patience::end);
        self.lookups_end.set(Some(lookups_end));
        if !self.is_timed() && lookups_end == Deadline::NEVER {
            return Ok(released(|| request.run()));
        }
        // A socket that never waits bounds no lookup, and a policy none at all.
        let mut limit = timeout_limit(None);
        if self.is_timed() {
            self.begun.set(Some(self.time_limit().begun(Deadline::now())));
            limit = Limit { policy: None, ..self.limit() };
        }
        let is_for_lookups = lookups_end < limit.deadline;
        limit.deadline = limit.deadline.min(lookups_end);
        let passed = |limit, elapsed, why: &str| {
            if is_for_lookups {
                return errors::raise_lookup_noting(&request.try_again(), &format!(": {}{why}", patience::passed()));
            }
            self.raise_passed(self.expiry(Phase::Lookup, limit, elapsed), || Owned::text(&format!("timed out{why}")))
        };
        answer(request, &limit, &mut InterpreterWaiter { user: User(None) }).map_err(|unanswered| match unanswered {
            Unanswered::Stopped(Stop::TimedOut { limit, elapsed }) => passed(limit, elapsed, ""),
            Unanswered::Stopped(stop) => self.raise(stop),
            Unanswered::AllBusy { limit, elapsed, workers } => {
                passed(limit, elapsed, &format!(": all {workers} lookup workers are busy with lookups that hang"))
            }
            Unanswered::Failed(why) => errors::os_error(&why),
        })
    }

    /// Raises what ended an operation.
    pub(crate) fn raise(&self, stop: Stop<Raised>) -> Raised {
        self.raise_as(stop, Moved::Nothing, timed_out)
    }

    /// The same, of an operation that had moved so much by then, which the exception says whatever it is.
    pub(crate) fn raise_after(&self, stop: Stop<Raised>, moved: Moved<'_>) -> Raised {
        let is_told = matches!(stop, Stop::TimedOut { .. });
        let raised = self.raise_as(stop, moved, timed_out);
        if !is_told {
            errors::annotate(moved);
        }
        raised
    }

    /// The same, with other words for the end of time.
    pub(crate) fn raise_as(
        &self,
        stop: Stop<Raised>,
        moved: Moved<'_>,
        timed_out: impl FnOnce() -> PyResult<Owned>,
    ) -> Raised {
        match stop {
            Stop::TimedOut { limit, elapsed } => {
                self.raise_passed(Expiry { moved, ..self.expiry(self.phase, limit, elapsed) }, timed_out)
            }
            Stop::Interrupt(raised) => raised,
            Stop::WouldBlock => errors::raise_errno(Errno::AGAIN),
            Stop::System(errno) => errors::raise_errno(errno),
            Stop::Cancelled => {
                self.around.as_ref().map_or_else(|| errors::os_error("cancelled"), Around::raise_cancelled)
            }
            Stop::Closed => errors::raise_errno(Errno::BADF),
        }
    }

    /// Raises the end of a limit: the scope's, the policy's, or the socket's own.
    fn raise_passed(&self, expiry: Expiry<'_>, text: impl FnOnce() -> PyResult<Owned>) -> Raised {
        let expired = expiry.scope.map_or(Ok(()), Scope::expire);
        let raise = |text: Owned| errors::raise_timed_out(&text, &expiry);
        expired.and_then(|()| text()).map_or_else(|raised| raised, raise)
    }

    fn expiry(&self, phase: Phase, limit: LimitKind, elapsed: Duration) -> Expiry<'_> {
        let around = self.around.as_ref().filter(|_| limit == LimitKind::CallDeadline);
        Expiry { phase, limit, elapsed, moved: Moved::Nothing, scope: around.and_then(Around::scope) }
    }

    fn waiter(&self) -> InterpreterWaiter {
        InterpreterWaiter { user: User(self.socket) }
    }

    fn released<'o, O>(&self, operation: &'o mut O) -> Released<'o, O> {
        Released { operation, user: User(self.socket) }
    }

    fn limit(&self) -> Limit<'_> {
        let canceller = self.around.as_ref().and_then(Around::canceller);
        Limit { canceller, policy: self.policy.as_deref(), ..self.time_limit() }
    }

    fn time_limit(&self) -> Limit<'static> {
        self.begun.get().unwrap_or_else(|| match self.around.as_ref().and_then(Around::scope) {
            None => timeout_limit(self.timeout),
            Some(scope) => deadline_limit(self.timeout, scope.deadline),
        })
    }
}

/// Whether a policy bounds it, which counts from when bytes can move.
fn moves_bytes(phase: Phase) -> bool {
    !matches!(phase, Phase::Lookup | Phase::Connect | Phase::Accept)
}

/// CPython's words for it.
fn timed_out() -> PyResult<Owned> {
    Owned::text("timed out")
}

/// A descriptor that does not block, for the length of a call.
pub(crate) struct Unblocked<'a> {
    fd: BorrowedFd<'a>,
    /// The socket that is to block again, and its number; none where it should not have blocked before.
    back: Option<(SocketRef, RawFd)>,
}

impl Drop for Unblocked<'_> {
    fn drop(&mut self) {
        // Closed meanwhile, the number may be a stranger's.
        if self.back.is_some_and(|(socket, number)| socket.number() == number) {
            // It cannot fail on an open descriptor.
            let _ = exact::set_nonblocking(self.fd, false);
        }
    }
}
