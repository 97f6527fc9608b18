//! Methods of `_ssl`'s own, called in C as the interpreter itself would call them. Ours take their arguments in the
//! same form as those they replace, so that nothing is repacked.

use std::ffi::{CStr, c_int};
use std::ptr;

use crate::ffi::arguments::Arguments;
use crate::ffi::call::call_vector;
use crate::ffi::capi::{
    METH_NOARGS, METH_O, METH_VARARGS, Py_tp_methods, PyCFunction, PyMethodDef, PyObject, PyTuple_GetItem,
    PyTuple_Size, PyType_GetSlot, PyTypeObject, call_plain,
};
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;

/// A method in C that gets its arguments as one object.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    method: PyCFunction,
    /// METH_NOARGS, METH_O (the argument itself) or METH_VARARGS (a tuple of them).
    pub(crate) flags: c_int,
}

/// The arguments of a call, as the interpreter passes them.
#[derive(Clone, Copy)]
pub(crate) enum Passed<'a> {
    /// In the form in which this method takes them.
    Plainly(Plain, *mut PyObject),
    Vector(Arguments<'a>),
}

impl Passed<'_> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Plainly(Plain { flags: METH_NOARGS, .. }, _) => 0,
            Self::Plainly(Plain { flags: METH_O, .. }, _) => 1,
            // SAFETY: a tuple, alive for the call.
            Self::Plainly(_, tuple) => usize::try_from(unsafe { PyTuple_Size(tuple) }).unwrap_or(0),
            Self::Vector(arguments) => arguments.len(),
        }
    }

    pub(crate) fn get(self, index: usize) -> Option<*mut PyObject> {
        match self {
            Self::Vector(arguments) => arguments.get(index),
            _ if index >= self.len() => None,
            Self::Plainly(Plain { flags: METH_O, .. }, argument) => Some(argument),
            // SAFETY: a tuple, alive for the call, and long enough.
            Self::Plainly(_, tuple) => Some(unsafe { PyTuple_GetItem(tuple, index.cast_signed()) }),
        }
    }
}

/// A method of a class's, kept for ever.
#[derive(Clone, Copy)]
pub(crate) struct Original {
    /// As the class has it.
    pub(crate) descriptor: *mut PyObject,
    pub(crate) plain: Option<Plain>,
}

impl Original {
    /// The method that the class itself has under this name.
    ///
    /// # Safety
    /// The class is alive, and a heap type; the descriptor is its own, under this name.
    pub(crate) unsafe fn of(class: *mut PyTypeObject, name: &CStr, descriptor: Owned) -> Self {
        // SAFETY: by the caller's promise.
        Self { descriptor: descriptor.into_ptr(), plain: unsafe { plain_of(class, name) } }
    }

    /// Calls it.
    ///
    /// # Safety
    /// The object is alive and of the class, the arguments are alive, and those that are passed plainly are so for this
    /// method.
    #[inline]
    pub(crate) unsafe fn call(&self, me: *mut PyObject, passed: Passed<'_>) -> PyResult<Owned> {
        match passed {
            // SAFETY: the interpreter is held; the rest by the caller's promise.
            Passed::Plainly(plain, argument) => Owned::new(unsafe { call_plain(plain.method, me, argument) }),
            // SAFETY: by the caller's promise; the descriptor is kept for ever.
            Passed::Vector(arguments) => unsafe { call_vector(self.descriptor, me, &arguments) },
        }
    }

    /// Calls it without arguments.
    ///
    /// # Safety
    /// The object is alive and of the class, and the method takes none.
    pub(crate) unsafe fn ask(&self, me: *mut PyObject) -> PyResult<Owned> {
        let none = Passed::Vector(Arguments::NONE);
        let passed = self.plain.filter(|plain| plain.flags == METH_NOARGS);
        // SAFETY: by the caller's promise.
        unsafe { self.call(me, passed.map_or(none, |plain| Passed::Plainly(plain, ptr::null_mut()))) }
    }
}

/// The method in C, by the class's own table, if it takes its arguments as one object.
///
/// # Safety
/// The class is alive, and a heap type.
unsafe fn plain_of(class: *mut PyTypeObject, name: &CStr) -> Option<Plain> {
    // SAFETY: by the caller's promise. The definitions live as long as the class, up to an empty one; names end with a
    // NUL, and the flags say which kind of function it is.
    unsafe {
        let mut definition = PyType_GetSlot(class, Py_tp_methods).cast::<PyMethodDef>();
        while !definition.is_null() && !(*definition).ml_name.is_null() {
            if CStr::from_ptr((*definition).ml_name) == name {
                let flags = (*definition).ml_flags;
                let is_plain = [METH_NOARGS, METH_O, METH_VARARGS].contains(&flags);
                return is_plain.then(|| Plain { method: (*definition).ml_meth.PyCFunction, flags });
            }
            definition = definition.add(1);
        }
    }
    None
}
