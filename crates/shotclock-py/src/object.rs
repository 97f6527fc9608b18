//! The C layout of socket objects, the interpreter's and ours, and counted references to objects.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;
use std::os::fd::RawFd;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use crate::capi::{
    Py_DecRef, Py_IncRef, Py_None, Py_TYPE, PyBytes_AsStringAndSize, PyBytes_FromStringAndSize, PyFloat_FromDouble,
    PyList_Append, PyList_New, PyLong_FromLong, PyLong_FromSize_t, PyObject, PyTuple_New, PyTuple_SetItem,
    PyUnicode_DecodeFSDefaultAndSize, PyUnicode_FromStringAndSize, PyVarObject,
};
use crate::held;
use crate::interpreter::{PyResult, Raised};

/// `PySocketSockObject` of CPython's socketmodule.h, the same from 3.11 to 3.13 but for the last field, which came with
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
    /// Part of the size alone: objects of 3.11 end before it.
    _state: *mut c_void,
}

/// Raises what errno says; `_ssl` calls it on some versions.
pub(crate) type ErrorHandler = unsafe extern "C" fn() -> *mut PyObject;

/// Where the numbers are that Python sees as members.
pub(crate) const FAMILY: usize = mem::offset_of!(SocketObject, family);
pub(crate) const KIND: usize = mem::offset_of!(SocketObject, kind);
pub(crate) const PROTOCOL: usize = mem::offset_of!(SocketObject, protocol);

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

    /// The descriptor's number, -1 once closed.
    pub(crate) fn number(self) -> RawFd {
        self.number_cell().load(Ordering::Relaxed)
    }

    /// Whether this is still the descriptor's number: what `lent.rs` asks before each use of it.
    pub(crate) fn has_number(self, number: RawFd) -> bool {
        // Sequentially consistent, as the count: who closes replaces the number and then reads the count.
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

    /// The timeout that the program has set, in nanoseconds; negative is none.
    #[inline]
    pub(crate) fn timeout(self) -> i64 {
        match self.timeout_field() {
            0 => held::timeout(self).unwrap_or(0),
            timeout => timeout,
        }
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

    /// None.
    pub(crate) fn none() -> Self {
        // SAFETY: None lives for ever.
        unsafe { Self::borrowed(Py_None()) }
    }

    pub(crate) fn is_none(&self) -> bool {
        // SAFETY: None lives for ever.
        self.as_ptr() == unsafe { Py_None() }
    }

    /// An int.
    pub(crate) fn int(number: impl Into<i64>) -> PyResult<Self> {
        // SAFETY: the interpreter is held wherever an Owned is made.
        Self::new(unsafe { PyLong_FromLong(number.into()) })
    }

    /// A float.
    pub(crate) fn float(number: f64) -> PyResult<Self> {
        // SAFETY: as in `int`.
        Self::new(unsafe { PyFloat_FromDouble(number) })
    }

    /// An int of a size.
    pub(crate) fn size(size: usize) -> PyResult<Self> {
        // SAFETY: as in `int`.
        Self::new(unsafe { PyLong_FromSize_t(size) })
    }

    /// A str.
    pub(crate) fn text(text: &str) -> PyResult<Self> {
        Self::utf8_text(text.as_bytes())
    }

    /// A str out of a name of the system's: what is not UTF-8 comes back from it unchanged (PEP 383).
    pub(crate) fn system_text(name: &[u8]) -> PyResult<Self> {
        // SAFETY: as in `utf8_text`.
        Self::new(unsafe { PyUnicode_DecodeFSDefaultAndSize(name.as_ptr().cast(), name.len().cast_signed()) })
    }

    /// A str out of bytes that have to be UTF-8; UnicodeDecodeError if they are not.
    pub(crate) fn utf8_text(text: &[u8]) -> PyResult<Self> {
        // SAFETY: the interpreter is held, and copies so many bytes.
        Self::new(unsafe { PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len().cast_signed()) })
    }

    /// A bytes object.
    pub(crate) fn bytes(data: &[u8]) -> PyResult<Self> {
        // SAFETY: as in `utf8_text`.
        Self::new(unsafe { PyBytes_FromStringAndSize(data.as_ptr().cast(), data.len().cast_signed()) })
    }

    /// A list of all items, unless one of them raised.
    pub(crate) fn list(items: impl IntoIterator<Item = PyResult<Self>>) -> PyResult<Self> {
        // SAFETY: the interpreter is held; the list takes a reference of its own to each item.
        unsafe {
            let list = Self::new(PyList_New(0))?;
            for item in items {
                if PyList_Append(list.as_ptr(), item?.as_ptr()) != 0 {
                    return Err(Raised);
                }
            }
            Ok(list)
        }
    }

    /// A tuple of these objects.
    ///
    /// # Safety
    /// All must be alive.
    pub(crate) unsafe fn tuple(items: impl ExactSizeIterator<Item = *mut PyObject>) -> PyResult<Self> {
        // SAFETY: the interpreter is held; each item gets a reference of its own, which the tuple takes over.
        unsafe {
            let tuple = Self::new(PyTuple_New(items.len().cast_signed()))?;
            for (index, item) in items.enumerate() {
                Py_IncRef(item);
                if PyTuple_SetItem(tuple.as_ptr(), index.cast_signed(), item) != 0 {
                    return Err(Raised);
                }
            }
            Ok(tuple)
        }
    }

    /// The content of a bytes object; TypeError if it is another.
    pub(crate) fn as_bytes(&self) -> PyResult<&[u8]> {
        let (mut start, mut len) = (ptr::null_mut(), 0);
        // SAFETY: the interpreter is held and the object alive; its bytes stay in place for as long, and never change.
        unsafe {
            if PyBytes_AsStringAndSize(self.as_ptr(), &raw mut start, &raw mut len) != 0 {
                return Err(Raised);
            }
            Ok(slice::from_raw_parts(start.cast::<u8>(), usize::try_from(len).unwrap_or(0)))
        }
    }

    pub(crate) fn as_ptr(&self) -> *mut PyObject {
        self.0.as_ptr()
    }

    /// Hands the reference to the interpreter.
    pub(crate) fn into_ptr(self) -> *mut PyObject {
        let object = self.0.as_ptr();
        mem::forget(self);
        object
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and the interpreter is held wherever an Owned is.
        unsafe { Py_DecRef(self.0.as_ptr()) }
    }
}

/// The name of an object's type as C knows it and the interpreter's own errors show it: unlike `__name__` it has the
/// module in it where the type was made in C.
pub(crate) fn type_name<'a>(object: *mut PyObject) -> Cow<'a, str> {
    /// How every type object begins, in all versions of the stable interface.
    #[repr(C)]
    struct TypeObject {
        head: PyVarObject,
        name: *const c_char,
    }
    // SAFETY: the interpreter is held and the object alive, and so is its type, whose name is a C string.
    unsafe { CStr::from_ptr((*Py_TYPE(object).cast::<TypeObject>()).name).to_string_lossy() }
}

/// What a method returns to the interpreter.
pub(crate) fn returned(result: PyResult<Owned>) -> *mut PyObject {
    result.map_or(ptr::null_mut(), Owned::into_ptr)
}
