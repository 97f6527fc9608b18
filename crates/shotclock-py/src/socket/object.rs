//! The C layout of socket objects, the interpreter's and ours.

use std::ffi::{c_int, c_void};
use std::mem;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use crate::ffi::capi::PyObject;

/// `PySocketSockObject` of CPython's socketmodule.h, the same from 3.11 to 3.15 but for the last field, which came with
/// 3.12. `_ssl` reads the descriptor and the timeout in place. The offsets are proved on live objects before any of the
/// interpreter's own objects is touched.
#[repr(C)]
pub(crate) struct SocketObject {
    head: PyObject,
    fd: c_int,
    family: c_int,
    kind: c_int,
    protocol: c_int,
    error_handler: Option<ErrorHandler>,
    timeout: i64,
    /// What the module `_socket` keeps for itself. Objects of 3.11 end before it.
    state: *mut c_void,
}

/// Raises what errno says; `_ssl` calls it on some versions.
pub(crate) type ErrorHandler = unsafe extern "C" fn() -> *mut PyObject;

/// The offsets of the numbers that Python sees as members.
pub(crate) const FAMILY: usize = mem::offset_of!(SocketObject, family);
pub(crate) const KIND: usize = mem::offset_of!(SocketObject, kind);
pub(crate) const PROTOCOL: usize = mem::offset_of!(SocketObject, protocol);

/// From this size on an object has the pointer to its module's state.
pub(crate) const WITH_STATE: usize = size_of::<SocketObject>();

/// The timeout of a socket that has none.
pub(crate) const NO_TIMEOUT: i64 = -1_000_000_000;

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

    pub(crate) fn as_object(self) -> *mut PyObject {
        self.0.as_ptr().cast()
    }

    /// Where the object is, by which things are kept beside it.
    pub(crate) fn address(self) -> usize {
        self.0.as_ptr().addr()
    }

    /// The descriptor's number, -1 once closed.
    pub(crate) fn number(self) -> RawFd {
        self.number_cell().load(Ordering::Relaxed)
    }

    /// Whether this is still the descriptor's number: what `lent.rs` asks before each use of it.
    pub(crate) fn has_number(self, number: RawFd) -> bool {
        // Sequentially consistent, as the entry in `waiting.rs` before it: a close first replaces the number, and then
        // reads who has entered.
        number >= 0 && self.number_cell().load(Ordering::SeqCst) == number
    }

    /// Gives the object another number; what it had before is the caller's.
    pub(crate) fn replace_number(self, number: RawFd) -> RawFd {
        self.number_cell().swap(number, Ordering::SeqCst)
    }

    /// Makes a new object one without a descriptor and without a timeout.
    pub(crate) fn clear(self, error_handler: ErrorHandler) {
        // SAFETY: a new object, which nobody else has seen.
        unsafe { (*self.0.as_ptr()).error_handler = Some(error_handler) };
        self.replace_number(-1);
        self.set_timeout_field(NO_TIMEOUT);
    }

    /// The timeout as `_ssl` reads it.
    pub(crate) fn timeout_field(self) -> i64 {
        self.timeout_cell().load(Ordering::Relaxed)
    }

    pub(crate) fn set_timeout_field(self, nanos: i64) {
        self.timeout_cell().store(nanos, Ordering::Relaxed);
    }

    pub(crate) fn family(self) -> i32 {
        self.int_at(FAMILY).load(Ordering::Relaxed)
    }

    pub(crate) fn kind(self) -> i32 {
        self.int_at(KIND).load(Ordering::Relaxed)
    }

    pub(crate) fn protocol(self) -> i32 {
        self.int_at(PROTOCOL).load(Ordering::Relaxed)
    }

    pub(crate) fn set_kinds(self, family: i32, kind: i32, protocol: i32) {
        self.int_at(FAMILY).store(family, Ordering::Relaxed);
        self.int_at(KIND).store(kind, Ordering::Relaxed);
        self.int_at(PROTOCOL).store(protocol, Ordering::Relaxed);
    }

    /// Gives a new object of the interpreter's own its module's state.
    ///
    /// # Safety
    /// It must be of the size [`WITH_STATE`] or more, and nobody else have seen it.
    pub(crate) unsafe fn set_state(self, state: *mut c_void) {
        // SAFETY: by the caller's promise.
        unsafe { (*self.0.as_ptr()).state = state };
    }

    /// Whether two objects have the same in them, but for the descriptor's number: up to `size`, where what subclasses add
    /// begins.
    ///
    /// # Safety
    /// Both must be of that size, and have no descriptor that a thread is at.
    pub(crate) unsafe fn is_alike(self, other: Self, size: usize) -> bool {
        let after_number = mem::offset_of!(SocketObject, fd) + size_of::<c_int>();
        let content = |of: Self| {
            let len = size.saturating_sub(after_number);
            // SAFETY: so many bytes of a live object, by the caller's promise. Each was written: objects begin zeroed.
            unsafe { slice::from_raw_parts(of.0.as_ptr().cast::<u8>().add(after_number), len) }
        };
        content(self) == content(other)
    }

    fn number_cell(self) -> &'static AtomicI32 {
        self.int_at(mem::offset_of!(SocketObject, fd))
    }

    fn int_at(self, offset: usize) -> &'static AtomicI32 {
        // SAFETY: an aligned field of an object that is alive for the call. Threads of free-threaded builds and the
        // interpreter's own C code use it as well, so it is only touched atomically.
        unsafe { AtomicI32::from_ptr(self.0.as_ptr().byte_add(offset).cast()) }
    }

    fn timeout_cell(self) -> &'static AtomicI64 {
        // SAFETY: as in `int_at`.
        unsafe { AtomicI64::from_ptr(&raw mut (*self.0.as_ptr()).timeout) }
    }
}
