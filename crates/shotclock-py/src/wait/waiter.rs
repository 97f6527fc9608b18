//! The waiter of this face: it leaves the interpreter for each wait, and lets handlers of signals run.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use shotclock::Deadline;
use shotclock::unstable::{Interest, PollWaiter, Readiness, Stop, Waiter, deadline_nanos};

use crate::ffi::call::{check_signals, released};
use crate::ffi::raised::Raised;
use crate::wait::account;
use crate::wait::lent::Descriptor;

/// A wait that took fewer nanoseconds than this has not slept: what it waited for was there before.
const AT_ONCE: u64 = 3_000;

/// In which of these ways the descriptor is ready now, or has an error to say; nothing is waited for. `None` where it cannot
/// be polled.
pub(crate) fn ready_now(fd: BorrowedFd<'_>, toward: Readiness) -> Option<Readiness> {
    let mut wanted = Interest::default();
    wanted.readiness(fd, toward);
    let now = Deadline::now();
    PollWaiter.wait(&wanted, now, now).ok()
}

/// Waits with the interpreter released, and lets signal handlers run afterwards.
pub(crate) struct InterpreterWaiter {
    /// What for, in a word.
    pub(crate) what: &'static str,
    /// What is waited on, unless it is no socket.
    pub(crate) descriptor: Option<Descriptor>,
}

impl InterpreterWaiter {
    fn wait_released(&self, wanted: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop<Raised>> {
        self.wait_or_signal(wanted, now, until).map(|ready| ready.unwrap_or(Readiness::empty()))
    }

    /// As the core's waiter: `None` once a signal has come.
    fn wait_or_signal(
        &self,
        wanted: &Interest<'_>,
        now: Deadline,
        until: Deadline,
    ) -> Result<Option<Readiness>, Stop<Raised>> {
        account::count_wait();
        let wait = || PollWaiter.wait_or_signal(wanted, now, until);
        let outcome = match self.descriptor {
            Some(descriptor) => descriptor.released(|_| Ok(wait())).map_err(Stop::System)?,
            None => released(wait),
        };
        outcome.map_err(|stop| match stop {
            Stop::System(errno) => Stop::System(errno),
            // The poll waiter has no other way to fail.
            _ => Stop::Closed,
        })
    }

    /// Checks that the socket was not closed meanwhile, by a signal handler or another thread.
    fn check_open(&self) -> Result<(), Stop<Raised>> {
        self.descriptor.map_or(Ok(()), Descriptor::check).map_err(Stop::System)
    }
}

impl Waiter for InterpreterWaiter {
    type Interrupt = Raised;

    fn what(&self) -> &'static str {
        self.what
    }

    fn now(&self) -> Deadline {
        Deadline::now()
    }

    fn wait(&mut self, wanted: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop<Raised>> {
        // A signal that came since the interpreter last looked would not interrupt what begins now.
        self.interrupted()?;
        let ready = self.wait_released(wanted, now, until)?;
        if ready.is_empty() {
            check_signals().map_err(Stop::Interrupt)?;
        } else if let Some(descriptor) = self.descriptor
            && deadline_nanos(Deadline::now()).saturating_sub(deadline_nanos(now)) < AT_ONCE
        {
            descriptor.was_ready();
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

/// The waiter of a call that a signal is to end: without an exception, and before handlers run.
pub(crate) struct SignalWaiter {
    pub(crate) inner: InterpreterWaiter,
}

impl Waiter for SignalWaiter {
    type Interrupt = Raised;

    fn what(&self) -> &'static str {
        self.inner.what
    }

    fn now(&self) -> Deadline {
        self.inner.now()
    }

    fn wait(&mut self, wanted: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop<Raised>> {
        self.inner.interrupted()?;
        self.inner.wait_or_signal(wanted, now, until)?.ok_or(Stop::Interrupt(Raised))
    }
}

/// The waiter of a call that counts what it moves. Once something has moved, a signal ends the call, well and without
/// an exception, as the system ends its own calls then; the handlers run when the count is safe.
pub(crate) struct CountedWaiter<'a> {
    pub(crate) inner: InterpreterWaiter,
    pub(crate) moved: &'a AtomicUsize,
}

impl CountedWaiter<'_> {
    fn has_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed) > 0
    }
}

impl Waiter for CountedWaiter<'_> {
    type Interrupt = Raised;

    fn what(&self) -> &'static str {
        self.inner.what
    }

    fn now(&self) -> Deadline {
        self.inner.now()
    }

    fn wait(&mut self, wanted: &Interest<'_>, now: Deadline, until: Deadline) -> Result<Readiness, Stop<Raised>> {
        if !self.has_moved() {
            return self.inner.wait(wanted, now, until);
        }
        let ready = self.inner.wait_released(wanted, now, until)?;
        self.inner.check_open()?;
        // At the end of a limit nothing is done here: the loop says which limit that was.
        if ready.is_empty() && self.now() < until { Err(Stop::Interrupt(Raised)) } else { Ok(ready) }
    }

    fn interrupted(&mut self) -> Result<(), Stop<Raised>> {
        if self.has_moved() { Err(Stop::Interrupt(Raised)) } else { self.inner.interrupted() }
    }

    fn progressed(&mut self) -> Result<(), Stop<Raised>> {
        self.inner.check_open()
    }
}
