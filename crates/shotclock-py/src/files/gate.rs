//! One call at a time on a file, as the interpreter's own buffers have it.

use std::cell::Cell;

use crate::ffi::call::call_method;
use crate::ffi::capi::{PyExc_RuntimeError, PyImport_ImportModule, PyThread_get_thread_ident};
use crate::ffi::exception;
use crate::ffi::exception::Kept;
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;

/// Who is inside, and a lock that lets other threads run while somebody waits for it.
pub(crate) struct Gate {
    /// The thread, or 0.
    inside: Cell<u64>,
    lock: Owned,
}

impl Gate {
    pub(crate) fn new() -> PyResult<Self> {
        // SAFETY: the interpreter is held, the objects are alive, names end with a NUL.
        let lock = unsafe {
            let module = Owned::new(PyImport_ImportModule(c"_thread".as_ptr()))?;
            call_method(&module, c"RLock")?
        };
        Ok(Self { inside: Cell::new(0), lock })
    }

    /// Whether nobody is inside: then a call that runs no Python code need not go through `alone`.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.inside.get() == 0
    }

    /// Runs a call while no other is inside. A call from inside another (by a signal handler) is a RuntimeError.
    pub(crate) fn alone<T>(&self, call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
        // SAFETY: asks for nothing.
        let me = unsafe { PyThread_get_thread_ident() };
        if self.inside.get() == me {
            // SAFETY: a static of the interpreter.
            return Err(exception::raise(unsafe { PyExc_RuntimeError }, c"reentrant call inside a file over a socket"));
        }
        call_method(&self.lock, c"acquire")?;
        self.inside.set(me);
        let outcome = call();
        self.inside.set(0);
        // The exception that the call may have left is kept aside.
        let raised = outcome.is_err().then(Kept::take);
        let released = call_method(&self.lock, c"release");
        if let Some(raised) = raised {
            raised.restore();
        }
        released.and(outcome)
    }
}
