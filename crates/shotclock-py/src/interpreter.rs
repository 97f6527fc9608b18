//! The interpreter's lock and signals: leaving it for a wait, and the waiter that does so.

use std::cell::Cell;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::Arc;

use pyo3_ffi::{PyEval_RestoreThread, PyEval_SaveThread};
use shotclock::raw::{
    Answer, Errno, Failure, Interest, Limit, Moves, Operation, Pause, PollWaiter, Readiness, Request, Stop, Unanswered,
    Waiter, Watch, answer, deadline_limit, drive, exact, timeout_limit, wait_out,
};
use shotclock::{Deadline, LimitKind, MessageFlags};

use crate::call::check_signals;
use crate::errors;
use crate::object::{Owned, SocketRef};
use crate::policy;
use crate::scope::{self, Scope};

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

/// Waits with the interpreter released, and lets signal handlers run afterwards.
///
/// Meanwhile the program may have closed the socket, and the descriptor's number may be that of another file by now:
/// then the call ends with EBADF, as does a call on a closed socket.
struct InterpreterWaiter {
    /// Whose call it is, if it is a socket's, and the number that it began with.
    socket: Option<(SocketRef, RawFd)>,
}

impl InterpreterWaiter {
    fn check_open(&self) -> Result<(), Stop<Raised>> {
        let is_open = self.socket.is_none_or(|(socket, number)| number >= 0 && socket.number() == number);
        if is_open { Ok(()) } else { Err(Stop::System(Errno::BADF)) }
    }
}

impl Waiter for InterpreterWaiter {
    type Interrupt = Raised;

    fn now(&self) -> Deadline {
        Deadline::now()
    }

    fn wait(&mut self, wanted: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop<Raised>> {
        let ready = released(|| PollWaiter.wait(wanted, now, until)).map_err(|stop| match stop {
            Stop::System(errno) => Stop::System(errno),
            // The poll waiter has no other way to fail.
            _ => Stop::Closed,
        })?;
        if ready.is_empty() {
            check_signals().map_err(Stop::Interrupt)?;
        }
        self.check_open()?;
        Ok(ready)
    }

    fn interrupted(&mut self) -> Result<(), Stop<Raised>> {
        check_signals().map_err(Stop::Interrupt)?;
        self.check_open()
    }

    fn progressed(&mut self) -> Result<(), Stop<Raised>> {
        self.interrupted()
    }
}

/// Each try of the operation inside is made with the interpreter released.
struct Released<'o, O>(&'o mut O);

impl<O: Operation> Operation for Released<'_, O> {
    type Output = O::Output;
    const COMPOSITE: bool = O::COMPOSITE;

    fn attempt(&mut self, ready: Readiness) -> Result<O::Output, Pause> {
        released(|| self.0.attempt(ready))
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        self.0.interest(wanted);
    }

    fn moves(&self) -> Moves {
        self.0.moves()
    }
}

/// Up to so many bytes a try may hold the interpreter: it takes less time than to release it.
const SMALL: usize = 16 << 10;

/// How one call waits. Timeout, descriptor and the scope around it are read once, so that all parts of the call agree.
pub(crate) struct Timing {
    socket: Option<(SocketRef, RawFd)>,
    /// In nanoseconds; `None` is for ever.
    timeout: Option<u64>,
    scope: Option<Scope>,
    /// The socket's policy, if it has one.
    policy: Option<Arc<Watch>>,
    /// The limit of a call that has begun with a lookup: what that took is gone.
    begun: Cell<Option<Limit<'static>>>,
}

impl Timing {
    /// By the socket's own timeout, and the deadline scope around the call.
    pub(crate) fn of(socket: SocketRef) -> PyResult<Self> {
        Self::with_timeout(socket, socket.timeout())
    }

    /// By a timeout in nanoseconds instead; negative is none.
    pub(crate) fn with_timeout(socket: SocketRef, timeout: i64) -> PyResult<Self> {
        let mut timing = Self::to_connect(socket, timeout)?;
        if scope::is_any_open() {
            timing.policy = policy::of(socket);
        }
        Ok(timing)
    }

    /// The same for what moves no bytes (bind, connect, accept): no policy bounds it.
    pub(crate) fn to_connect(socket: SocketRef, timeout: i64) -> PyResult<Self> {
        let timeout = u64::try_from(timeout).ok();
        // A socket that does not wait has no use for a scope.
        let scope = if timeout == Some(0) { None } else { Scope::current()? };
        Ok(Self { socket: Some((socket, socket.number())), timeout, scope, policy: None, begun: Cell::new(None) })
    }

    /// By the deadline scope alone, for what has no socket.
    pub(crate) fn of_scope() -> PyResult<Self> {
        Ok(Self { socket: None, timeout: None, scope: Scope::current()?, policy: None, begun: Cell::new(None) })
    }

    /// Whether it is one plain call of the system, as the interpreter's own is without a timeout.
    fn is_plain(&self) -> bool {
        self.timeout.is_none() && !self.is_bounded()
    }

    /// Whether it never waits.
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.timeout == Some(0)
    }

    /// Whether it waits, and not for ever.
    pub(crate) fn is_timed(&self) -> bool {
        !self.is_plain() && !self.is_nonblocking()
    }

    /// Whether a scope or a policy bounds it.
    fn is_bounded(&self) -> bool {
        self.scope.is_some() || self.policy.is_some()
    }

    /// Whether only a scope or a policy bounds it: then it keeps what one call without a timeout promises (all bytes sent, the low
    /// water mark, MSG_WAITALL), on a descriptor that blocks.
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
        if self.is_bound_by_scope_alone() {
            return self.run_when_ready(operation);
        }
        let result = if self.is_plain() || bytes > SMALL { self.outcome(operation) } else { self.run_held(operation) };
        result.map_err(|stop| self.raise(stop))
    }

    /// Runs an operation that is Python's own, hence with the interpreter held but for the waits.
    pub(crate) fn run_held<O: Operation>(&self, operation: &mut O) -> Result<O::Output, Stop<Raised>> {
        drive(operation, &self.limit(), &mut self.waiter())
    }

    /// Runs an operation with the interpreter released; what ended it is not raised yet.
    pub(crate) fn outcome<O: Operation>(&self, operation: &mut O) -> Result<O::Output, Stop<Raised>> {
        drive(&mut Released(operation), &self.limit(), &mut self.waiter())
    }

    /// Runs an operation that under a limit is not tried before the descriptor is ready: one that no flag keeps from
    /// waiting, or one that promises more than what is there.
    pub(crate) fn run_when_ready<O: Operation>(&self, operation: &mut O) -> PyResult<O::Output> {
        let result = if self.is_timed() {
            wait_out(&mut Released(operation), &self.limit(), &mut self.waiter(), Pause::WouldBlock)
        } else {
            self.outcome(operation)
        };
        result.map_err(|stop| self.raise(stop))
    }

    /// Asks the resolver: on this thread, or on a worker where a limit is to end it.
    pub(crate) fn answer(&self, request: &Request) -> PyResult<Result<Answer, Failure>> {
        if !self.is_timed() {
            return Ok(released(|| request.run()));
        }
        let limit = self.time_limit().begun(Deadline::now());
        self.begun.set(Some(limit));
        answer(request, &limit, &mut InterpreterWaiter { socket: None }).map_err(|unanswered| match unanswered {
            Unanswered::Stopped(stop) => self.raise(stop),
            Unanswered::AllBusy(limit, workers) => {
                let text = format!("timed out: all {workers} lookup workers are busy with lookups that hang");
                self.raise_passed(limit, || Owned::text(&text))
            }
            Unanswered::Failed(why) => errors::os_error(&why),
        })
    }

    /// Raises what ended an operation.
    pub(crate) fn raise(&self, stop: Stop<Raised>) -> Raised {
        self.raise_as(stop, || Owned::text("timed out"))
    }

    /// The same, with other words for the end of time.
    pub(crate) fn raise_as(&self, stop: Stop<Raised>, timed_out: impl FnOnce() -> PyResult<Owned>) -> Raised {
        match stop {
            Stop::TimedOut { limit, .. } => self.raise_passed(limit, timed_out),
            Stop::Interrupt(raised) => raised,
            Stop::WouldBlock => errors::raise_errno(Errno::AGAIN),
            Stop::System(errno) => errors::raise_errno(errno),
            Stop::Cancelled | Stop::Closed => errors::raise_errno(Errno::BADF),
        }
    }

    /// Raises the end of a limit: the scope's, the policy's, or the socket's own.
    fn raise_passed(&self, limit: LimitKind, text: impl FnOnce() -> PyResult<Owned>) -> Raised {
        let scope = self.scope.as_ref().filter(|_| limit == LimitKind::CallDeadline);
        let raise = |text: Owned| scope.map_or_else(|| errors::raise_timed_out(&text), |scope| scope.raise(&text));
        let raised = text().map_or_else(|raised| raised, raise);
        if let Some(limit) = policy::name_of(limit) {
            errors::annotate(c"limit", Owned::text(limit));
        }
        raised
    }

    fn waiter(&self) -> InterpreterWaiter {
        InterpreterWaiter { socket: self.socket }
    }

    fn limit(&self) -> Limit<'_> {
        Limit { policy: self.policy.as_deref(), ..self.time_limit() }
    }

    fn time_limit(&self) -> Limit<'static> {
        self.begun.get().unwrap_or_else(|| match &self.scope {
            None => timeout_limit(self.timeout),
            Some(scope) => deadline_limit(self.timeout, scope.deadline),
        })
    }
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
