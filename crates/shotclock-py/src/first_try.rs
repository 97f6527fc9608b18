//! Calls that move bytes. Most of them end with their first try, so it is made before anything is looked at but the
//! socket's timeout, and whether there is anything around any call.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use shotclock::raw::{Call, Errno, Readiness};
use shotclock::{MessageFlags, Phase};

use crate::around;
use crate::interpreter::{PyResult, SMALL, Timing, User};
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
            Ok(moved) => Ok(moved),
            Err(failed) => self.go_on(failed, call),
        }
    }

    /// The same for a call whose limit is known, since it began with what may have been a lookup.
    #[inline(always)]
    pub(crate) fn run_by<T>(self, timing: &Timing, mut call: impl FnMut(c_int) -> Result<T, Errno>) -> PyResult<T> {
        // What a lookup took is gone, so that the limit is to be looked at before anything is tried.
        let first = if timing.has_begun() { Err(None) } else { self.first_try(&mut call) };
        match first {
            Ok(moved) => Ok(moved),
            Err(failed) => self.go_on_by(timing, failed, call),
        }
    }

    /// The first try alone. Its error is None where it was not made: there is something around some call, and this one has
    /// to look whether it is its own.
    #[inline(always)]
    pub(crate) fn first_try<T>(self, call: impl FnOnce(c_int) -> Result<T, Errno>) -> Result<T, Option<Errno>> {
        if around::is_any_open() {
            return Err(None);
        }
        let waits_for_ever = self.socket.timeout() < 0;
        let outcome = if waits_for_ever || self.bytes > SMALL {
            let flags = if waits_for_ever { 0 } else { MessageFlags::DONTWAIT.0 };
            User::of(self.socket).released(|| call(flags)).and_then(|outcome| outcome)
        } else {
            call(MessageFlags::DONTWAIT.0)
        };
        outcome.map_err(Some)
    }

    /// Its limit, and what is around it.
    pub(crate) fn timing(self) -> PyResult<Timing> {
        Timing::of(self.socket, self.phase)
    }

    #[cold]
    #[inline(never)]
    fn go_on<T>(self, failed: Option<Errno>, call: impl FnMut(c_int) -> Result<T, Errno>) -> PyResult<T> {
        self.go_on_by(&self.timing()?, failed, call)
    }

    /// What `run` does after its first try, by a limit that is known.
    #[cold]
    #[inline(never)]
    pub(crate) fn go_on_by<T>(
        self,
        timing: &Timing,
        failed: Option<Errno>,
        mut call: impl FnMut(c_int) -> Result<T, Errno>,
    ) -> PyResult<T> {
        let flags = timing.flags(0);
        let ready = if self.phase == Phase::Send { Readiness::OUT } else { Readiness::IN };
        let mut operation = Call::new(self.fd, ready, |_| call(flags).map_err(|errno| timing.pause(errno)));
        let outcome = timing.run_on(&mut operation, self.bytes, timing.after_first_try(failed));
        outcome.map_err(|stop| timing.raise(stop))
    }
}
