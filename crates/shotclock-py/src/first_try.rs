//! Calls that move bytes. Most of them end with their first try, so it is made before anything is looked at but the
//! socket's timeout, and whether there is anything around any call.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use shotclock::raw::{Call, Errno, Operation, Pause, Readiness, Stop};
use shotclock::{MessageFlags, Phase};

use crate::around;
use crate::interpreter::{PyResult, Raised, SMALL, Timing, User};
use crate::object::SocketRef;

/// One call that moves bytes.
#[derive(Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) socket: SocketRef,
    pub(crate) fd: BorrowedFd<'static>,
    /// [`Phase::Recv`] or [`Phase::Send`].
    pub(crate) phase: Phase,
    /// About how many bytes it may move.
    pub(crate) bytes: usize,
}

/// What a first try came to.
pub(crate) enum FirstTry<T> {
    Done(T),
    Failed(Errno),
    /// None was made: there is something around some call, and this one has to look whether it is its own.
    NotMade,
}

impl Transfer {
    /// Of a socket that is open.
    ///
    /// # Errors
    /// EBADF once closed.
    #[inline]
    pub(crate) fn of(socket: SocketRef, phase: Phase, bytes: usize) -> PyResult<Self> {
        Ok(Self { socket, fd: socket.fd()?, phase, bytes })
    }

    /// Runs one call of the system, until it has moved something or its limit passes. `call` is given the flags that keep
    /// it from waiting, where it must not.
    #[inline(always)]
    pub(crate) fn run<T>(self, mut call: impl FnMut(c_int) -> Result<T, Errno>) -> PyResult<T> {
        match self.first_try(&mut call) {
            FirstTry::Done(moved) => Ok(moved),
            FirstTry::Failed(errno) => self.go_on(Some(errno), call),
            FirstTry::NotMade => self.go_on(None, call),
        }
    }

    /// The first try alone.
    #[inline(always)]
    pub(crate) fn first_try<T>(self, mut call: impl FnMut(c_int) -> Result<T, Errno>) -> FirstTry<T> {
        if around::is_any_open() {
            return FirstTry::NotMade;
        }
        let waits_for_ever = self.socket.timeout() < 0;
        let outcome = if waits_for_ever || self.bytes > SMALL {
            let flags = if waits_for_ever { 0 } else { MessageFlags::DONTWAIT.0 };
            User::of(self.socket).released(|| call(flags)).and_then(|outcome| outcome)
        } else {
            call(MessageFlags::DONTWAIT.0)
        };
        outcome.map_or_else(FirstTry::Failed, FirstTry::Done)
    }

    /// Its limit, and what is around it.
    pub(crate) fn timing(self) -> PyResult<Timing> {
        Timing::of(self.socket, self.phase)
    }

    #[cold]
    #[inline(never)]
    fn go_on<T>(self, failed: Option<Errno>, mut call: impl FnMut(c_int) -> Result<T, Errno>) -> PyResult<T> {
        let timing = self.timing()?;
        let flags = timing.flags(0);
        let ready = if self.phase == Phase::Send { Readiness::OUT } else { Readiness::IN };
        let mut operation = Call::new(self.fd, ready, |_| call(flags).map_err(|errno| timing.pause(errno)));
        let said = failed.map(|errno| timing.pause(errno));
        self.run_after(said, &timing, &mut operation).map_err(|stop| timing.raise(stop))
    }

    /// Runs an operation whose first try, if it was made, said this.
    pub(crate) fn run_after<O: Operation>(
        self,
        said: Option<Pause>,
        timing: &Timing,
        operation: &mut O,
    ) -> Result<O::Output, Stop<Raised>> {
        match said {
            None => timing.run_bytes(operation, self.bytes),
            Some(pause) => timing.run_on(operation, self.bytes, pause),
        }
    }
}
