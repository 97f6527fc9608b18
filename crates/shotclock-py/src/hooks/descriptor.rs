//! Descriptors that the program has named by their numbers.

use std::os::fd::{BorrowedFd, RawFd};

use crate::ffi::arguments::descriptor;
use crate::ffi::call::call_method;
use crate::ffi::capi::{PyErr_Clear, PyObject};
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;
use crate::hooks::number::plain_int;

/// The number of an object's file, as `fileno()` gives it.
pub(super) fn number_of(object: *mut PyObject) -> PyResult<RawFd> {
    // SAFETY: alive for the call.
    let object = unsafe { Owned::borrowed(object) };
    descriptor(call_method(&object, c"fileno")?.as_ptr())
}

/// The number that an argument stands for, which may be a file; what is none, or below zero, is for the interpreter's own
/// function.
pub(super) fn named(argument: *mut PyObject) -> Option<RawFd> {
    let number = match plain_int(argument) {
        Some(number) => RawFd::try_from(number).ok(),
        None => {
            let number = number_of(argument);
            if number.is_err() {
                // SAFETY: the interpreter is held.
                unsafe { PyErr_Clear() };
            }
            number.ok()
        }
    };
    number.filter(|number| *number >= 0)
}

/// The descriptor of a number that is none below zero.
pub(super) fn lent<'a>(number: RawFd) -> BorrowedFd<'a> {
    // SAFETY: none below zero; of a number that is not open, or is another file's by then, the system says so, as it would to
    // the call that was given it.
    unsafe { BorrowedFd::borrow_raw(number) }
}
