//! How a file sends: as its socket's `send` does, and it counts what has moved, whatever ends the call.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use shotclock::unstable::{Pause, Readiness, syscall};
use shotclock::{MessageFlags, Phase};

use crate::ffi::call::call_method_with;
use crate::ffi::capi::{PyLong_AsSize_t, PyObject, PyObject_GetAttrString};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::files::bound::Bound;
use crate::files::tls_records::Records;
use crate::methods::transfer;
use crate::socket::object::SocketRef;
use crate::wait::expiry::Moved;
use crate::wait::lent::{Attempt, Descriptor};
use crate::wait::manner::Manner;
use crate::wait::timing::{First, Timing};

/// The way in which a socket sends.
pub(crate) enum Way {
    /// By the method in Rust.
    Plain(Bound),
    /// By OpenSSL.
    Tls(Records),
    /// By a method of the socket's own class.
    Other,
}

impl Way {
    pub(crate) fn of(sock: &Owned) -> PyResult<Self> {
        // SAFETY: the interpreter is held, the object alive, the name ends with a NUL.
        let send = Owned::new(unsafe { PyObject_GetAttrString(sock.as_ptr(), c"send".as_ptr()) })?;
        if let Some(bound) = Bound::of(&send, (transfer::send as *const ()).addr()) {
            return Ok(Self::Plain(bound));
        }
        Ok(Records::of(sock).map_or(Self::Other, Self::Tls))
    }
}

/// Sends as `send` does: without a timeout all of the data, else what goes out at once.
pub(crate) fn in_time(socket: SocketRef, data: &[u8], sent: &AtomicUsize) -> PyResult<()> {
    let timing = Timing::of(socket, Phase::Send)?;
    let outcome = timing.run_counted(&mut Counted { data, manner: timing.manner(), sent }, First::Try, sent);
    outcome.map_err(|stop| timing.raise_after(stop, Moved::Sent(sent.load(Ordering::Relaxed))))
}

/// Sends what goes out without a wait.
pub(crate) fn now(socket: SocketRef, data: &[u8], sent: &AtomicUsize) -> PyResult<()> {
    let part = Descriptor::of(socket).held(|fd| syscall::send(fd, data, MessageFlags::DONTWAIT.0));
    sent.store(part.map_err(exception::raise_errno)?, Ordering::Relaxed);
    Ok(())
}

/// Sends by the method of the socket's own class.
pub(crate) fn by_method(sock: &Owned, data: *mut PyObject, sent: &AtomicUsize) -> PyResult<()> {
    // SAFETY: the caller's argument is alive.
    match unsafe { call_method_with(sock, c"send", data) } {
        Ok(count) => {
            sent.store(count_of(&count)?, Ordering::Relaxed);
            Ok(())
        }
        Err(raised) => {
            let error = Caught::new(raised);
            sent.store(error.sent().unwrap_or(0), Ordering::Relaxed);
            Err(error.raise())
        }
    }
}

fn count_of(count: &Owned) -> PyResult<usize> {
    // SAFETY: the interpreter is held, the object is alive.
    let count = unsafe { PyLong_AsSize_t(count.as_ptr()) };
    if exception::is_raised() { Err(Raised) } else { Ok(count) }
}

/// A send that counts.
struct Counted<'a> {
    data: &'a [u8],
    manner: Manner,
    sent: &'a AtomicUsize,
}

impl Attempt for Counted<'_> {
    type Output = ();

    fn attempt(&mut self, fd: BorrowedFd<'_>, _: Readiness) -> Result<(), Pause> {
        let before = self.sent.load(Ordering::Relaxed);
        let part = syscall::send(fd, &self.data[before..], self.manner.flags(0));
        let sent = before + part.map_err(|errno| self.manner.pause(errno))?;
        self.sent.store(sent, Ordering::Relaxed);
        if sent == self.data.len() || self.manner != Manner::Bounded { Ok(()) } else { Err(Pause::Progress) }
    }

    fn toward(&self) -> Readiness {
        Readiness::OUT
    }

    fn bytes(&self) -> usize {
        self.data.len()
    }
}
