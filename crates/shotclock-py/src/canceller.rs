//! Cancellers of the core, in capsules, for Python's class over them.

use std::ffi::{CStr, c_void};

use pyo3_ffi::{PyBool_FromLong, PyCapsule_GetPointer, PyCapsule_New, PyObject, PyObject_GetAttrString};
use shotclock::Canceller;

use crate::interpreter::{PyResult, Raised};
use crate::object::{Owned, returned};

const NAME: &CStr = c"shotclock.Canceller";

/// `_native.canceller()`: a capsule with a new one.
pub(crate) unsafe extern "C" fn canceller(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let core: *mut Canceller = Box::into_raw(Box::new(Canceller::new()));
    // SAFETY: the interpreter is held; the name lives for ever, and the destructor is for just this content.
    let capsule = Owned::new(unsafe { PyCapsule_New(core.cast::<c_void>(), NAME.as_ptr(), Some(destroy)) });
    if capsule.is_err() {
        // SAFETY: made above, and nobody else has it.
        drop(unsafe { Box::from_raw(core) });
    }
    returned(capsule)
}

/// `_native.cancel(core)`.
pub(crate) unsafe extern "C" fn cancel(_: *mut PyObject, capsule: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live object.
    returned(unsafe { content(capsule) }.map(|core| {
        core.cancel();
        Owned::none()
    }))
}

/// `_native.is_cancelled(core)`.
pub(crate) unsafe extern "C" fn is_cancelled(_: *mut PyObject, capsule: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `cancel`; the interpreter is held.
    returned(unsafe { content(capsule).and_then(|core| Owned::new(PyBool_FromLong(core.is_cancelled().into()))) })
}

/// The core's canceller of a Python object of the class over it.
pub(crate) fn core_of(object: &Owned) -> PyResult<Canceller> {
    // SAFETY: the interpreter is held and the objects are alive; the name ends with a NUL.
    unsafe {
        let capsule = Owned::new(PyObject_GetAttrString(object.as_ptr(), c"_core".as_ptr()))?;
        content(capsule.as_ptr()).cloned()
    }
}

/// # Safety
/// `capsule` must be an object that is alive for as long as what this gives; it may be of any type.
unsafe fn content<'a>(capsule: *mut PyObject) -> PyResult<&'a Canceller> {
    // SAFETY: alive, and by its name a capsule of ours, whose content goes with it.
    unsafe { PyCapsule_GetPointer(capsule, NAME.as_ptr()).cast::<Canceller>().as_ref() }.ok_or(Raised)
}

unsafe extern "C" fn destroy(capsule: *mut PyObject) {
    // SAFETY: called once, with a capsule made by `canceller`.
    unsafe {
        let core = PyCapsule_GetPointer(capsule, NAME.as_ptr()).cast::<Canceller>();
        if !core.is_null() {
            drop(Box::from_raw(core));
        }
    }
}
