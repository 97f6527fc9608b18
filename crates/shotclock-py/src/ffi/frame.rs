//! Frames of Python's: who called, and in which code.

use crate::ffi::capi::{Py_DecRef, PyEval_GetFrame, PyFrame_GetCode, PyObject};
use crate::ffi::owned::Owned;

/// The frame of the Python function that called; `None` where none did.
pub(crate) fn current() -> Option<Owned> {
    // SAFETY: the interpreter is held; the frame is alive as long as this call from it.
    unsafe {
        let frame = PyEval_GetFrame();
        (!frame.is_null()).then(|| Owned::borrowed(frame.cast()))
    }
}

/// The code that runs in a frame, alive as long as that.
pub(crate) fn code_of(frame: &Owned) -> *mut PyObject {
    // SAFETY: the interpreter is held, the object is a frame, and keeps its code.
    unsafe {
        let code = PyFrame_GetCode(frame.as_ptr().cast()).cast::<PyObject>();
        Py_DecRef(code);
        code
    }
}
