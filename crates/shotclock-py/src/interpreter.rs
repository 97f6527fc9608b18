//! The interpreter's lock and signals: leaving it for a wait, and the waiter that does so.

use std::os::fd::RawFd;

use pyo3_ffi::{PyEval_RestoreThread, PyEval_SaveThread};
use shotclock::raw::{
    Errno, Interest, Operation, Pause, PollWaiter, Readiness, Stop, Waiter, drive, timeout_limit, wait_out,
};
use shotclock::{Deadline, MessageFlags};

use crate::call::check_signals;
use crate::errors;
use crate::object::SocketRef;

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
    socket: SocketRef,
    number: RawFd,
}

impl InterpreterWaiter {
    fn check_open(&self) -> Result<(), Stop<Raised>> {
        let is_open = self.number >= 0 && self.socket.number() == self.number;
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
}

/// Up to so many bytes a try may hold the interpreter: it takes less time than to release it.
const SMALL: usize = 16 << 10;

/// How one call on a socket waits. Timeout and descriptor are read once, so that all parts of the call agree on them.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    socket: SocketRef,
    number: RawFd,
    timeout: Option<u64>,
}

impl Timing {
    /// By the socket's own timeout.
    pub(crate) fn of(socket: SocketRef) -> Self {
        Self::with_timeout(socket, socket.timeout())
    }

    /// By a timeout in nanoseconds instead; negative is none.
    pub(crate) fn with_timeout(socket: SocketRef, timeout: i64) -> Self {
        Self { socket, number: socket.number(), timeout: u64::try_from(timeout).ok() }
    }

    /// Whether it is one plain call of the system, as the interpreter's own is without a timeout.
    fn is_plain(self) -> bool {
        self.timeout.is_none()
    }

    /// Whether it never waits.
    pub(crate) fn is_nonblocking(self) -> bool {
        self.timeout == Some(0)
    }

    /// Whether it waits, and not for ever.
    pub(crate) fn is_timed(self) -> bool {
        !self.is_plain() && !self.is_nonblocking()
    }

    /// The flags for one try: those asked for, and with a timeout never to wait in the system.
    pub(crate) fn flags(self, flags: i32) -> i32 {
        if self.is_plain() { flags } else { flags | MessageFlags::DONTWAIT.0 }
    }

    /// What a failed try means to the loop: on a plain call EAGAIN is an error (BlockingIOError), to be passed on.
    pub(crate) fn pause(self, errno: Errno) -> Pause {
        match Pause::from(errno) {
            Pause::WouldBlock if self.is_plain() => Pause::Failed(errno),
            pause => pause,
        }
    }

    /// Runs an operation on about `bytes` bytes.
    pub(crate) fn run<O: Operation>(self, operation: &mut O, bytes: usize) -> PyResult<O::Output> {
        let result = if self.is_plain() || bytes > SMALL { self.outcome(operation) } else { self.run_held(operation) };
        result.map_err(errors::raise_stop)
    }

    /// Runs an operation that is Python's own, hence with the interpreter held but for the waits.
    pub(crate) fn run_held<O: Operation>(self, operation: &mut O) -> Result<O::Output, Stop<Raised>> {
        drive(operation, &timeout_limit(self.timeout), &mut self.waiter())
    }

    /// Runs an operation with the interpreter released; what ended it is not raised yet.
    pub(crate) fn outcome<O: Operation>(self, operation: &mut O) -> Result<O::Output, Stop<Raised>> {
        drive(&mut Released(operation), &timeout_limit(self.timeout), &mut self.waiter())
    }

    /// Runs an operation for which no flag says that it must not wait: under a timeout it is not tried before the
    /// descriptor is ready, since whoever shares the file may have taken O_NONBLOCK away.
    pub(crate) fn run_when_ready<O: Operation>(self, operation: &mut O) -> PyResult<O::Output> {
        let result = if self.is_timed() {
            let limit = timeout_limit(self.timeout);
            wait_out(&mut Released(operation), &limit, &mut self.waiter(), Pause::WouldBlock)
        } else {
            self.outcome(operation)
        };
        result.map_err(errors::raise_stop)
    }

    fn waiter(self) -> InterpreterWaiter {
        InterpreterWaiter { socket: self.socket, number: self.number }
    }
}
