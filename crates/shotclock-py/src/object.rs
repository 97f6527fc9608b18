//! The C layout of the interpreter's socket objects, and counted references to objects.

use std::ffi::{c_int, c_void};
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use pyo3_ffi::{Py_DecRef, Py_IncRef, PyObject};
use shotclock::raw::Errno;

use crate::errors;
use crate::interpreter::{PyResult, Raised};

/// The beginning of `PySocketSockObject` in CPython's socketmodule.h, the same from 3.11 to 3.13. Its offsets are proved
/// on live objects before anything is grafted.
#[repr(C)]
pub(crate) struct SocketObject {
    head: PyObject,
    fd: c_int,
    family: c_int,
    kind: c_int,
    protocol: c_int,
    error_handler: *mut c_void,
    timeout: i64,
}

/// A method's `self`: a socket object that the caller keeps alive for the length of the call.
#[derive(Clone, Copy)]
pub(crate) struct SocketRef(NonNull<SocketObject>);

impl SocketRef {
    /// # Safety
    /// `object` must be a live socket object (the method descriptor has checked its type), and stay so for the call.
    pub(crate) unsafe fn new(object: *mut PyObject) -> Self {
        // SAFETY: the interpreter never passes a null self.
        Self(unsafe { NonNull::new_unchecked(object.cast()) })
    }

    /// The descriptor's number, -1 once closed.
    pub(crate) fn number(self) -> c_int {
        self.number_cell().load(Ordering::Relaxed)
    }

    /// The descriptor for one call.
    ///
    /// # Errors
    /// EBADF once closed, as the system would say.
    pub(crate) fn fd(self) -> PyResult<BorrowedFd<'static>> {
        let number = self.number();
        if number < 0 {
            return Err(errors::raise_errno(Errno::BADF));
        }
        // SAFETY: not -1. That the number may be closed under the call by the program is the socket interface's own
        // hazard (os.close), and gives an error or another file of this process, never bad memory.
        Ok(unsafe { BorrowedFd::borrow_raw(number) })
    }

    /// The timeout in nanoseconds; negative is none.
    pub(crate) fn timeout(self) -> i64 {
        self.timeout_cell().load(Ordering::Relaxed)
    }

    fn number_cell(self) -> &'static AtomicI32 {
        // SAFETY: the object is alive for the call and its field aligned; threads of free-threaded builds and the
        // interpreter's own C code use it as well, so it is only touched atomically.
        unsafe { AtomicI32::from_ptr(&raw mut (*self.0.as_ptr()).fd) }
    }

    fn timeout_cell(self) -> &'static AtomicI64 {
        // SAFETY: as in `number_cell`.
        unsafe { AtomicI64::from_ptr(&raw mut (*self.0.as_ptr()).timeout) }
    }
}

/// A counted reference of our own.
pub(crate) struct Owned(NonNull<PyObject>);

impl Owned {
    /// Takes over the reference that a call returned; null means that it raised.
    pub(crate) fn new(object: *mut PyObject) -> PyResult<Self> {
        NonNull::new(object).map(Self).ok_or(Raised)
    }

    /// One more reference to a borrowed object.
    ///
    /// # Safety
    /// `object` must be a live object.
    pub(crate) unsafe fn borrowed(object: *mut PyObject) -> Self {
        // SAFETY: alive, by the caller's promise, hence not null.
        unsafe {
            Py_IncRef(object);
            Self(NonNull::new_unchecked(object))
        }
    }

    pub(crate) fn as_ptr(&self) -> *mut PyObject {
        self.0.as_ptr()
    }

    /// Hands the reference to the interpreter.
    pub(crate) fn into_ptr(self) -> *mut PyObject {
        let object = self.0.as_ptr();
        std::mem::forget(self);
        object
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and the interpreter is held wherever an Owned is.
        unsafe { Py_DecRef(self.0.as_ptr()) }
    }
}

/// What a method returns to the interpreter.
pub(crate) fn returned(result: PyResult<Owned>) -> *mut PyObject {
    result.map_or(ptr::null_mut(), Owned::into_ptr)
}
