//! Exceptions: raised, taken, kept aside.

use std::ffi::CStr;
use std::ptr;

use shotclock::unstable::{Errno, describe};

use crate::ffi::capi::{
    Py_TYPE, PyErr_Fetch, PyErr_NoMemory, PyErr_NormalizeException, PyErr_Occurred, PyErr_Restore, PyErr_SetObject,
    PyErr_SetString, PyExc_OSError, PyExc_TypeError, PyExc_ValueError, PyException_SetTraceback, PyObject,
    PyObject_SetAttrString, variadic,
};
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

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

/// Takes the exception that is set, as an object with its traceback.
pub(crate) fn take(_: Raised) -> Owned {
    let Kept([kind, value, traceback]) = Kept::take_normalized();
    // SAFETY: the interpreter is held. The references are this call's by now, each of them null or a live object's.
    unsafe {
        let [_, value, traceback] = [kind, value, traceback].map(|object| Owned::new(object).ok());
        if let (Some(value), Some(traceback)) = (&value, &traceback) {
            PyException_SetTraceback(value.as_ptr(), traceback.as_ptr());
        }
        // Wherever something was raised an exception is set.
        value.unwrap_or_else(Owned::none)
    }
}

/// Raises MemoryError.
pub(crate) fn out_of_memory() -> Raised {
    // SAFETY: the interpreter is held.
    unsafe { PyErr_NoMemory() };
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

    /// As [`take`](Self::take), and makes an exception object of it where it was raised as a type and its arguments.
    pub(crate) fn take_normalized() -> Self {
        let Self(mut kept) = Self::take();
        let [kind, value, traceback] = &mut kept;
        // SAFETY: as in `take`; the references are exchanged in place.
        unsafe { PyErr_NormalizeException(kind, value, traceback) };
        Self(kept)
    }

    pub(crate) fn value(&self) -> Option<*mut PyObject> {
        Some(self.0[1]).filter(|value| !value.is_null())
    }

    /// Sets it again, if there was one, in the place of any that is set by now.
    pub(crate) fn restore(self) {
        let [kind, value, traceback] = self.0;
        // SAFETY: the interpreter is held, and takes the references over.
        unsafe { PyErr_Restore(kind, value, traceback) };
    }
}

/// Sets an attribute of an exception.
pub(crate) fn set(error: *mut PyObject, name: &CStr, value: &Owned) -> PyResult<()> {
    // SAFETY: the interpreter is held, both objects are alive, the name ends with a NUL.
    if unsafe { PyObject_SetAttrString(error, name.as_ptr(), value.as_ptr()) } == 0 { Ok(()) } else { Err(Raised) }
}

/// Raises `type(number, text)`.
pub(crate) fn raise_numbered(kind: *mut PyObject, number: i32, text: &str) -> Raised {
    let make = || {
        // SAFETY: the interpreter is held; every argument is a live object or the null that ends the list.
        unsafe {
            let (number, text) = (Owned::int(number)?, Owned::text(text)?);
            let none = ptr::null_mut::<PyObject>();
            Owned::new(variadic!(PyObject_CallFunctionObjArgs(kind, number.as_ptr(), text.as_ptr(), none)))
        }
    };
    if let Ok(error) = make() {
        // SAFETY: an exception just made; its own type, since OSError picks a subclass by the number.
        unsafe { PyErr_SetObject(Py_TYPE(error.as_ptr()).cast(), error.as_ptr()) };
    }
    Raised
}
