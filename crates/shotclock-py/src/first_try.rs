//! Calls that move bytes. Most of them end with their first try, so it is made before anything is looked at but the
//! socket's timeout, and, while something is around any call, whether that is this one, and over.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use shotclock::raw::{Errno, Pause, Readiness};
use shotclock::{MessageFlags, Phase};

use crate::around::{self, Outlook};
use crate::interpreter::PyResult;
use crate::lent::{Call, Descriptor};
use crate::low_water;
use crate::object::SocketRef;
use crate::policy;
use crate::timing::{First, Manner, SMALL, Timing};
use crate::unblocked::Before;

/// One call that moves bytes.
#[derive(Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) socket: SocketRef,
    /// [`Phase::Recv`] or [`Phase::Send`].
    pub(crate) phase: Phase,
    /// About how many bytes it may move.
    pub(crate) bytes: usize,
}

impl Transfer {
    /// Runs one call of the system, until it has moved something or its limit passes. `call` is given the flags that keep
    /// it from waiting, where it must not.
    #[inline(always)]
    pub(crate) fn run<T: Send>(
        self,
        mut call: impl FnMut(BorrowedFd<'_>, c_int) -> Result<T, Errno> + Send,
    ) -> PyResult<T> {
        match self.first_try(&mut call) {
            Ok(moved) => Ok(moved),
            Err(failed) => self.run_on(failed, call),
        }
    }

    /// The same for a call whose limit is known, since it began with what may have been a lookup.
    #[inline(always)]
    pub(crate) fn run_by<T: Send>(
        self,
        timing: &Timing,
        mut call: impl FnMut(BorrowedFd<'_>, c_int) -> Result<T, Errno> + Send,
    ) -> PyResult<T> {
        // What a lookup took is gone, so that the limit is to be looked at before anything is tried.
        let first = if timing.has_begun() { Err(None) } else { self.first_try(&mut call) };
        match first {
            Ok(moved) => Ok(moved),
            Err(failed) => self.run_on_by(timing, failed, call),
        }
    }

    /// The first try alone. Its error is None where it was not made: what is around the call forbids it, or has to see it.
    #[inline(always)]
    pub(crate) fn first_try<T: Send>(
        self,
        call: impl FnOnce(BorrowedFd<'_>, c_int) -> Result<T, Errno> + Send,
    ) -> Result<T, Option<Errno>> {
        let waits_for_ever = self.socket.timeout() < 0;
        let is_plain = if around::is_any_open() { self.is_plain().ok_or(None)? } else { waits_for_ever };
        let (descriptor, flags) = (Descriptor::of(self.socket), if is_plain { 0 } else { MessageFlags::DONTWAIT.0 });
        let before = Before::now();
        let outcome = if is_plain || self.bytes > SMALL {
            descriptor.released(|fd| call(fd, flags))
        } else {
            descriptor.held(|fd| call(fd, flags))
        };
        let was_in_the_way = |errno| is_plain && errno == Errno::AGAIN && descriptor.was_unblocked_since(before);
        outcome.map_err(|errno| if was_in_the_way(errno) { None } else { Some(errno) })
    }

    /// Whether the first try is one that may wait by itself, while something is around some call, which may be this one;
    /// `None` if it is not to be made. Asks no Python code.
    #[inline(never)]
    fn is_plain(self) -> Option<bool> {
        let timeout = self.socket.timeout();
        if policy::count() != 0 && policy::of(self.socket).is_some() {
            return None;
        }
        match Outlook::now() {
            // What never waits has no use for a limit.
            _ if timeout == 0 => Some(false),
            Outlook::Over => None,
            Outlook::Free => Some(timeout < 0),
            // Without a timeout it gives what is there only if it need not be more.
            Outlook::Bounded => {
                (timeout > 0 || self.phase == Phase::Send || low_water::is_one(self.socket)).then_some(false)
            }
        }
    }

    /// Its limit, and what is around it.
    pub(crate) fn timing(self) -> PyResult<Timing> {
        Timing::of(self.socket, self.phase)
    }

    #[cold]
    #[inline(never)]
    fn run_on<T: Send>(
        self,
        failed: Option<Errno>,
        call: impl FnMut(BorrowedFd<'_>, c_int) -> Result<T, Errno> + Send,
    ) -> PyResult<T> {
        self.run_on_by(&self.timing()?, failed, call)
    }

    /// What [`run`](Self::run) does after its first try, by a limit that is known.
    #[cold]
    #[inline(never)]
    pub(crate) fn run_on_by<T: Send>(
        self,
        timing: &Timing,
        failed: Option<Errno>,
        mut call: impl FnMut(BorrowedFd<'_>, c_int) -> Result<T, Errno> + Send,
    ) -> PyResult<T> {
        let manner = timing.manner();
        let toward = if self.phase == Phase::Send { Readiness::OUT } else { Readiness::IN };
        let try_once = |fd: BorrowedFd<'_>| call(fd, manner.flags(0)).map_err(|errno| manner.pause(errno));
        let outcome = timing.run(&mut Call::new(toward, self.bytes, try_once), after(manner, failed));
        outcome.map_err(|stop| timing.raise(stop))
    }
}

/// How a call goes on after a first try that has failed, or was not made.
pub(crate) fn after(manner: Manner, failed: Option<Errno>) -> First {
    match failed.map(|errno| manner.pause(errno)) {
        Some(refused @ Pause::Failed(_)) => First::Tried(refused),
        // It promises more than what is there.
        _ if manner == Manner::Bounded => First::Wait,
        None => First::Try,
        Some(said) => First::Tried(said),
    }
}
