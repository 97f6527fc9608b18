//! Cancellers of the core, in capsules, for Python's class over them.

use std::ffi::CStr;

use pyo3_ffi::{PyBool_FromLong, PyObject, PyObject_GetAttrString};
use shotclock::Canceller;

use crate::capsule::{Content, capsule, content};
use crate::interpreter::PyResult;
use crate::object::{Owned, returned};

impl Content for Canceller {
    const NAME: &'static CStr = c"shotclock.Canceller";
}

/// `_native.canceller()`: a capsule with a new one.
pub(crate) unsafe extern "C" fn canceller(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(capsule(Canceller::new()))
}

/// `_native.cancel(core)`.
pub(crate) unsafe extern "C" fn cancel(_: *mut PyObject, capsule: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live object.
    returned(unsafe { content::<Canceller>(capsule) }.map(|core| {
        core.cancel();
        Owned::none()
    }))
}

/// `_native.is_cancelled(core)`.
pub(crate) unsafe extern "C" fn is_cancelled(_: *mut PyObject, capsule: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `cancel`; the interpreter is held.
    returned(unsafe {
        content::<Canceller>(capsule).and_then(|core| Owned::new(PyBool_FromLong(core.is_cancelled().into())))
    })
}

/// The core's canceller of a Python object of the class over it.
pub(crate) fn core_of(object: &Owned) -> PyResult<Canceller> {
    // SAFETY: the interpreter is held and the objects are alive; the name ends with a NUL.
    unsafe {
        let capsule = Owned::new(PyObject_GetAttrString(object.as_ptr(), c"_core".as_ptr()))?;
        content::<Canceller>(capsule.as_ptr()).cloned()
    }
}
