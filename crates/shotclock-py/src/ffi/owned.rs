//! References to Python objects that are ours.

use std::borrow::Cow;
use std::ffi::{CStr, c_char};
use std::ptr::NonNull;
use std::{mem, ptr, slice};

use crate::ffi::capi::{
    Py_DecRef, Py_IncRef, Py_None, Py_TYPE, PyBytes_AsStringAndSize, PyBytes_FromStringAndSize, PyFloat_FromDouble,
    PyList_Append, PyList_New, PyLong_FromLong, PyLong_FromSize_t, PyObject, PyTuple_New, PyTuple_SetItem,
    PyUnicode_DecodeFSDefaultAndSize, PyUnicode_FromStringAndSize, PyVarObject,
};
use crate::ffi::raised::{PyResult, Raised};

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
