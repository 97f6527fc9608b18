//! `_native.wait_readable`, for libraries that wait for their socket by a selector beside it.

use std::ffi::{c_int, c_longlong};
use std::os::fd::BorrowedFd;

use shotclock::unstable::{Moves, Pause, Readiness, Stop};
use shotclock::{LimitKind, Phase};

use crate::ffi::capi::{PyBool_FromLong, PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::kinds::is_socket;
use crate::socket::object::SocketRef;
use crate::wait::lent::Attempt;
use crate::wait::timing::{First, Timing};

/// `_native.wait_readable(sock, nanoseconds, accepts)`: whether the socket is readable within so long; negative is for
/// ever. A scope or a canceller ends it with an exception, which says whether it `accepts` or receives.
pub(crate) unsafe extern "C" fn wait_readable(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(wait_checked(arguments))
}

fn wait_checked(arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut object, mut nanos, mut accepts): (*mut PyObject, c_longlong, c_int) = (std::ptr::null_mut(), 0, 0);
    let format = c"OLp:wait_readable".as_ptr();
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order. The type of the socket is
    // looked at before it is read as one.
    let socket = unsafe {
        if variadic!(PyArg_ParseTuple(arguments, format, &raw mut object, &raw mut nanos, &raw mut accepts)) == 0 {
            return Err(Raised);
        }
        if !is_socket(object)? {
            return Err(exception::type_error("wait_readable() takes a socket"));
        }
        SocketRef::new(object)
    };
    let phase = if accepts != 0 { Phase::Accept } else { Phase::Recv };
    let timing = Timing::with_timeout(socket, nanos, phase)?;
    let is_readable = match timing.run(&mut UntilReadable, First::Try) {
        Ok(()) => true,
        Err(Stop::TimedOut { limit: LimitKind::SocketTimeout(_), .. }) => false,
        Err(stop) => return Err(timing.raise(stop)),
    };
    // SAFETY: the interpreter is held.
    Owned::new(unsafe { PyBool_FromLong(is_readable.into()) })
}

/// Done at the first sign of life, of which nothing is taken.
struct UntilReadable;

impl Attempt for UntilReadable {
    type Output = ();

    fn attempt(&mut self, _: BorrowedFd<'_>, ready: Readiness) -> Result<(), Pause> {
        if ready.is_empty() { Err(Pause::WouldBlock) } else { Ok(()) }
    }

    fn toward(&self) -> Readiness {
        Readiness::IN
    }

    fn moves(&self) -> Moves {
        Moves::Nothing
    }

    fn bytes(&self) -> usize {
        0
    }
}
