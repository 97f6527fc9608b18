//! An exception that was taken, to be looked at and raised again.

use std::ffi::CStr;

use shotclock::unstable::Errno;

use crate::ffi::capi::{
    Py_None, Py_TYPE, PyErr_Clear, PyErr_GivenExceptionMatches, PyErr_SetObject, PyLong_AsSize_t, PyObject,
    PyObject_GetAttrString, PyObject_SetAttrString, PyUnicode_Check, PyUnicode_CompareWithASCIIString,
};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::Raised;

/// An exception.
pub(crate) struct Caught(Owned);

impl Caught {
    /// Takes the exception that is set.
    pub(crate) fn new(raised: Raised) -> Self {
        Self(exception::take(raised))
    }

    /// Whether it is of this kind.
    ///
    /// # Safety
    /// `kind` must be an exception type, and alive.
    pub(crate) unsafe fn is(&self, kind: *mut PyObject) -> bool {
        // SAFETY: the interpreter is held; the rest by the caller's promise.
        unsafe { PyErr_GivenExceptionMatches(self.0.as_ptr(), kind) != 0 }
    }

    /// Whether what ended the call is a scope, a policy or a canceller: not the socket's own timeout.
    pub(crate) fn is_by_limit(&self) -> bool {
        let Some(limit) = self.attribute(c"limit") else { return self.attribute(c"canceller").is_some() };
        // SAFETY: alive, and a str before it is compared.
        unsafe {
            PyUnicode_Check(limit.as_ptr()) != 0
                && PyUnicode_CompareWithASCIIString(limit.as_ptr(), c"timeout".as_ptr()) != 0
        }
    }

    /// How many bytes its call had sent, if the exception says.
    pub(crate) fn sent(&self) -> Option<usize> {
        let sent = self.attribute(c"sent")?;
        // SAFETY: the interpreter is held and the object alive; of what is no such number it is an error.
        let sent = unsafe { PyLong_AsSize_t(sent.as_ptr()) };
        if exception::is_raised() {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
            return None;
        }
        Some(sent)
    }

    /// Whether its `errno` says that a call would have to wait, and must not.
    pub(crate) fn is_would_block(&self) -> bool {
        let Some(errno) = self.attribute(c"errno") else { return false };
        // SAFETY: the interpreter is held and the object alive; of what is no such number it is an error.
        let errno = unsafe { PyLong_AsSize_t(errno.as_ptr()) };
        if exception::is_raised() {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
        }
        i32::try_from(errno) == Ok(Errno::AGAIN.raw_os_error())
    }

    /// Adds to its `sent` what had gone out before its call; a `sent` of None, "nobody knows", stays.
    pub(crate) fn add_sent(&self, before: usize) {
        if before > 0
            && let Some(sent) = self.sent()
            && let Ok(all) = Owned::size(sent + before)
        {
            self.set(c"sent", &all);
        }
    }

    /// Whether it has come through a frame of Python's.
    pub(crate) fn has_traceback(&self) -> bool {
        self.attribute(c"__traceback__").is_some()
    }

    /// Sets an attribute, unless it takes none.
    pub(crate) fn set(&self, name: &CStr, value: &Owned) {
        // SAFETY: the interpreter is held, the objects are alive, the name ends with a NUL.
        unsafe {
            if PyObject_SetAttrString(self.0.as_ptr(), name.as_ptr(), value.as_ptr()) != 0 {
                PyErr_Clear();
            }
        }
    }

    /// Raises it again.
    pub(crate) fn raise(&self) -> Raised {
        // SAFETY: the interpreter is held, the exception and its type are alive.
        unsafe { PyErr_SetObject(Py_TYPE(self.0.as_ptr()).cast(), self.0.as_ptr()) };
        Raised
    }

    /// An attribute that is there and not None.
    fn attribute(&self, name: &CStr) -> Option<Owned> {
        // SAFETY: the interpreter is held, the object is alive, the name ends with a NUL.
        unsafe {
            let Ok(value) = Owned::new(PyObject_GetAttrString(self.0.as_ptr(), name.as_ptr())) else {
                PyErr_Clear();
                return None;
            };
            (value.as_ptr() != Py_None()).then_some(value)
        }
    }
}
