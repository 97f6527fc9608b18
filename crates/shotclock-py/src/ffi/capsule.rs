//! Values of ours in capsules, for Python's classes over them.

use std::ffi::CStr;

use crate::ffi::capi::{PyCapsule_GetPointer, PyCapsule_New, PyObject};
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// What may be in a capsule. The value is dropped with the interpreter held.
pub(crate) trait Content {
    /// The name of this type's capsules, by which they are told from all others.
    const NAME: &'static CStr;
}

/// A capsule with this value in it.
pub(crate) fn capsule<T: Content>(value: T) -> PyResult<Owned> {
    let value = Box::into_raw(Box::new(value));
    // SAFETY: the interpreter is held; the name lives for ever, and the destructor is for just this content.
    let made = Owned::new(unsafe { PyCapsule_New(value.cast(), T::NAME.as_ptr(), Some(destroy::<T>)) });
    if made.is_err() {
        // SAFETY: made above, and nobody else has it.
        drop(unsafe { Box::from_raw(value) });
    }
    made
}

/// What is in a capsule of ours; ValueError if the object is none with such a value.
///
/// # Safety
/// `object` must be alive for as long as what this gives; it may be of any type.
pub(crate) unsafe fn content<'a, T: Content>(object: *mut PyObject) -> PyResult<&'a T> {
    // SAFETY: alive, and by its name a capsule of ours, whose content goes with it.
    unsafe { PyCapsule_GetPointer(object, T::NAME.as_ptr()).cast::<T>().as_ref() }.ok_or(Raised)
}

unsafe extern "C" fn destroy<T: Content>(made: *mut PyObject) {
    // SAFETY: called once, with a capsule made by `capsule` of this very type.
    unsafe {
        let value = PyCapsule_GetPointer(made, T::NAME.as_ptr()).cast::<T>();
        if !value.is_null() {
            drop(Box::from_raw(value));
        }
    }
}
