//! Deadline scopes, which the Python side keeps in one context variable: it is asked only while any scope is open.

use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3_ffi::{
    Py_None, Py_True, PyErr_SetObject, PyExc_TimeoutError, PyLong_AsUnsignedLongLong, PyObject,
    PyObject_CallFunctionObjArgs, PyObject_GetAttrString, PyObject_SetAttrString,
};

use crate::call::call_plainly;
use crate::errors;
use crate::interpreter::{PyResult, Raised};
use crate::object::{Owned, returned};
use crate::policy;

/// How many scopes are open in the process, and how many sockets are under a policy, so that a call without any pays for
/// one look at a number.
static OPEN: AtomicUsize = AtomicUsize::new(0);

struct Ask(*mut PyObject);

// SAFETY: a function that is kept for ever and called with the interpreter held.
unsafe impl Send for Ask {}
// SAFETY: as above.
unsafe impl Sync for Ask {}

/// Gives the open scope of the current context that ends first, or None.
static ASK: OnceLock<Ask> = OnceLock::new();

/// A scope that bounds a call.
pub(crate) struct Scope {
    /// Its end, in nanoseconds of the system's monotonic clock.
    pub(crate) deadline: u64,
    object: Owned,
}

impl Scope {
    /// The scope that bounds a call made now.
    #[inline]
    pub(crate) fn current() -> PyResult<Option<Self>> {
        if OPEN.load(Ordering::Relaxed) == 0 { Ok(None) } else { Self::ask() }
    }

    // Never inlined: a look at the current context must not be carried over a switch of contexts.
    #[cold]
    #[inline(never)]
    fn ask() -> PyResult<Option<Self>> {
        let Some(Ask(ask)) = ASK.get() else { return Ok(None) };
        if OPEN.load(Ordering::Relaxed) == policy::count() {
            return Ok(None);
        }
        // SAFETY: the interpreter is held, the objects are alive, names end with a NUL.
        unsafe {
            let object = call_plainly(*ask)?;
            if object.as_ptr() == Py_None() {
                return Ok(None);
            }
            let deadline = Owned::new(PyObject_GetAttrString(object.as_ptr(), c"deadline_ns".as_ptr()))?;
            let deadline = PyLong_AsUnsignedLongLong(deadline.as_ptr());
            if errors::is_raised() { Err(Raised) } else { Ok(Some(Self { deadline, object })) }
        }
    }

    /// Raises `TimeoutError(text)` with the scope in it, which learns that it has ended a call.
    pub(crate) fn raise(&self, text: &Owned) -> Raised {
        let make = || {
            // SAFETY: as in `ask`.
            unsafe {
                let end = std::ptr::null_mut::<PyObject>();
                let error = Owned::new(PyObject_CallFunctionObjArgs(PyExc_TimeoutError, text.as_ptr(), end))?;
                set(&error, c"scope", self.object.as_ptr())?;
                set(&self.object, c"expired", Py_True())?;
                PyErr_SetObject(PyExc_TimeoutError, error.as_ptr());
            }
            Ok(())
        };
        let _: PyResult<()> = make();
        Raised
    }
}

/// Whether any scope is open, or any socket under a policy.
#[inline]
pub(crate) fn is_any_open() -> bool {
    OPEN.load(Ordering::Relaxed) != 0
}

/// So many sockets are under a policy now, and were before.
pub(crate) fn count_policies(before: usize, now: usize) {
    // Wraps around where they have become fewer.
    OPEN.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
}

/// `_native.watch_scopes(ask)`: the function that gives the scope.
pub(crate) unsafe extern "C" fn watch_scopes(_: *mut PyObject, ask: *mut PyObject) -> *mut PyObject {
    // SAFETY: alive; the reference is kept for ever.
    let _ = ASK.get_or_init(|| Ask(unsafe { Owned::borrowed(ask) }.into_ptr()));
    returned(Ok(Owned::none()))
}

/// `_native.scope_opened()`.
pub(crate) unsafe extern "C" fn scope_opened(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    OPEN.fetch_add(1, Ordering::Relaxed);
    returned(Ok(Owned::none()))
}

/// `_native.scope_closed()`.
pub(crate) unsafe extern "C" fn scope_closed(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    OPEN.fetch_sub(1, Ordering::Relaxed);
    returned(Ok(Owned::none()))
}

/// # Safety
/// `value` must be alive.
unsafe fn set(object: &Owned, name: &CStr, value: *mut PyObject) -> PyResult<()> {
    // SAFETY: the interpreter is held; the rest by the caller's promise.
    let outcome = unsafe { PyObject_SetAttrString(object.as_ptr(), name.as_ptr(), value) };
    if outcome == 0 { Ok(()) } else { Err(Raised) }
}
