//! The one place where errors become exceptions.

use std::ffi::CStr;
use std::ptr;

use pyo3_ffi::{
    Py_TYPE, PyErr_Clear, PyErr_Fetch, PyErr_NoMemory, PyErr_NormalizeException, PyErr_Occurred, PyErr_Restore,
    PyErr_SetObject, PyErr_SetString, PyExc_OSError, PyExc_TimeoutError, PyExc_TypeError, PyExc_ValueError, PyObject,
    PyObject_CallFunctionObjArgs, PyObject_SetAttrString,
};
use shotclock::raw::{Errno, Failure, address_info_text, describe, host_text};

use crate::interpreter::{PyResult, Raised};
use crate::object::Owned;
use crate::stock::{Stock, stock};

/// Raises `type(text)`.
pub(crate) fn raise(kind: *mut PyObject, text: &CStr) -> Raised {
    // SAFETY: the interpreter is held, `kind` is one of its exception types, the text ends with a NUL.
    unsafe { PyErr_SetString(kind, text.as_ptr()) };
    Raised
}

/// Raises `type(text)`.
pub(crate) fn raise_text(kind: *mut PyObject, text: &str) -> Raised {
    if let Ok(text) = Owned::text(text) {
        // SAFETY: the interpreter is held, both are alive.
        unsafe { PyErr_SetObject(kind, text.as_ptr()) };
    }
    Raised
}

/// Raises why a lookup has no answer: gaierror, herror, or OSError where it is the system's error.
pub(crate) fn raise_lookup(failure: &Failure) -> Raised {
    let numbered = |kind: fn(&Stock) -> *mut PyObject, code: i32, text: &str| match stock() {
        Ok(stock) => raise_numbered(kind(stock), code, text),
        Err(raised) => raised,
    };
    match *failure {
        Failure::AddressInfo(_, Some(errno)) | Failure::System(errno) => raise_errno(errno),
        Failure::AddressInfo(code, None) => numbered(|stock| stock.gaierror, code, &address_info_text(code)),
        Failure::Host(code, _) => numbered(|stock| stock.herror, code, &host_text(code)),
        // SAFETY: a static of the interpreter.
        Failure::NotFound => raise(unsafe { PyExc_OSError }, c"not found"),
    }
}

/// Raises OSError, or the subclass that the number stands for.
pub(crate) fn raise_errno(errno: Errno) -> Raised {
    // SAFETY: PyExc_OSError is a static of the interpreter, there while it runs.
    raise_numbered(unsafe { PyExc_OSError }, errno.raw_os_error(), &describe(errno))
}

/// Raises `OSError(text)`.
pub(crate) fn os_error(text: &str) -> Raised {
    // SAFETY: a static of the interpreter.
    raise_text(unsafe { PyExc_OSError }, text)
}

/// Raises `ValueError(text)`.
pub(crate) fn value_error(text: &str) -> Raised {
    // SAFETY: a static of the interpreter.
    raise_text(unsafe { PyExc_ValueError }, text)
}

/// Raises `TypeError(text)`.
pub(crate) fn type_error(text: &str) -> Raised {
    // SAFETY: a static of the interpreter.
    raise_text(unsafe { PyExc_TypeError }, text)
}

/// Whether an exception is set.
pub(crate) fn is_raised() -> bool {
    // SAFETY: the interpreter is held.
    unsafe { !PyErr_Occurred().is_null() }
}

/// Puts a value into the exception that is set.
pub(crate) fn annotate(name: &CStr, value: PyResult<Owned>) {
    let kept = Kept::take_normalized();
    if let (Some(error), Ok(value)) = (kept.value(), value) {
        // SAFETY: the interpreter is held and the objects are alive. An exception that takes no attributes goes without.
        unsafe {
            if PyObject_SetAttrString(error, name.as_ptr(), value.as_ptr()) != 0 {
                PyErr_Clear();
            }
        }
    }
    kept.restore();
}

/// Raises MemoryError.
pub(crate) fn out_of_memory() -> Raised {
    // SAFETY: the interpreter is held.
    unsafe { PyErr_NoMemory() };
    Raised
}

/// Raises `TimeoutError(text)`, without a number.
pub(crate) fn raise_timed_out(text: &Owned) -> Raised {
    // SAFETY: a static of the interpreter, and a live object.
    unsafe { PyErr_SetObject(PyExc_TimeoutError, text.as_ptr()) };
    Raised
}

/// The exception that is set, kept aside while other Python code runs.
pub(crate) struct Kept([*mut PyObject; 3]);

impl Kept {
    pub(crate) fn take() -> Self {
        let mut kept = [ptr::null_mut(); 3];
        let [kind, value, traceback] = &mut kept;
        // SAFETY: the interpreter is held; the references it hands out are given back by `restore`.
        unsafe { PyErr_Fetch(kind, value, traceback) };
        Self(kept)
    }

    /// The same, as an object, whatever it was raised as.
    fn take_normalized() -> Self {
        let Self(mut kept) = Self::take();
        let [kind, value, traceback] = &mut kept;
        // SAFETY: as in `take`; the references are exchanged in place.
        unsafe { PyErr_NormalizeException(kind, value, traceback) };
        Self(kept)
    }

    fn value(&self) -> Option<*mut PyObject> {
        Some(self.0[1]).filter(|value| !value.is_null())
    }

    /// Sets it again, if there was one; one that is set by now gives way.
    pub(crate) fn restore(self) {
        let [kind, value, traceback] = self.0;
        // SAFETY: the interpreter is held, and takes the references over.
        unsafe { PyErr_Restore(kind, value, traceback) };
    }
}

/// Raises `type(number, text)`.
fn raise_numbered(kind: *mut PyObject, number: i32, text: &str) -> Raised {
    let make = || {
        // SAFETY: the interpreter is held; every argument is a live object or the null that ends the list.
        unsafe {
            let (number, text) = (Owned::int(number)?, Owned::text(text)?);
            let none = ptr::null_mut::<PyObject>();
            Owned::new(PyObject_CallFunctionObjArgs(kind, number.as_ptr(), text.as_ptr(), none))
        }
    };
    if let Ok(error) = make() {
        // SAFETY: an exception just made; its own type, since OSError picks a subclass by the number.
        unsafe { PyErr_SetObject(Py_TYPE(error.as_ptr()).cast(), error.as_ptr()) };
    }
    Raised
}
