//! Finds the entry of a function in the interpreter's method tables, and proves that it is that function's.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use crate::ffi::capi::{
    Py_TYPE, Py_tp_methods, PyCFunction_Check, PyCFunction_GetFunction, PyErr_Clear, PyMethodDef, PyMethodDescr_Type,
    PyModule_GetDef, PyObject, PyObject_GetAttrString, PyType_Check, PyType_GetSlot, PyTypeObject,
};
use crate::ffi::owned::Owned;

/// An entry that was found.
pub(super) struct Found {
    pub(super) definition: *mut PyMethodDef,
    /// The type whose method it is, or null.
    pub(super) class: *mut PyTypeObject,
}

/// How a function object begins, and a method descriptor: up to the pointer to its entry, in every version so far. That it
/// is so here is what is proved.
#[repr(C)]
struct FunctionObject {
    head: PyObject,
    definition: *mut PyMethodDef,
}

#[repr(C)]
struct DescriptorObject {
    head: PyObject,
    class: *mut c_void,
    name: *mut c_void,
    qualified_name: *mut c_void,
    definition: *mut PyMethodDef,
}

/// The entry of this name in the table of a type or module.
///
/// # Errors
/// Why it is not to be used, in words.
///
/// # Safety
/// The owner is alive, and stays so for ever.
pub(super) unsafe fn find(owner: *mut PyObject, name: &CStr) -> Result<Found, &'static str> {
    // SAFETY: by the caller's promise; tables end with an empty entry and live as long as what they are of.
    unsafe {
        let is_type = PyType_Check(owner) != 0;
        let table = if is_type {
            PyType_GetSlot(owner.cast(), Py_tp_methods).cast::<PyMethodDef>()
        } else {
            let module = PyModule_GetDef(owner);
            if module.is_null() {
                PyErr_Clear();
                return Err("its module has no table of functions");
            }
            (*module).m_methods
        };
        let Some(definition) = entry(table, name) else { return Err("its table has no such entry") };
        let Ok(object) = Owned::new(PyObject_GetAttrString(owner, name.as_ptr())) else {
            PyErr_Clear();
            return Err("there is no such name");
        };
        let is_of =
            if is_type { is_of_method(object.as_ptr(), definition) } else { is_of_function(&object, definition) };
        let class = if is_type { owner.cast() } else { ptr::null_mut() };
        if is_of { Ok(Found { definition, class }) } else { Err("another function is in its place") }
    }
}

/// # Safety
/// The table is a live one, or null.
unsafe fn entry(table: *mut PyMethodDef, name: &CStr) -> Option<*mut PyMethodDef> {
    let mut entry = table;
    // SAFETY: by the caller's promise, up to the empty entry.
    unsafe {
        while !entry.is_null() && !(*entry).ml_name.is_null() {
            if CStr::from_ptr((*entry).ml_name.cast::<c_char>()) == name {
                return Some(entry);
            }
            entry = entry.add(1);
        }
    }
    None
}

/// Whether the function calls what the entry says.
///
/// # Safety
/// The entry is a live one.
unsafe fn is_of_function(function: &Owned, definition: *mut PyMethodDef) -> bool {
    // SAFETY: alive; its kind is looked at before it is read as one. The pointers are compared, not called.
    unsafe {
        if PyCFunction_Check(function.as_ptr()) == 0 {
            return false;
        }
        let called = PyCFunction_GetFunction(function.as_ptr()).map(|called| called as *const c_void);
        let named = ptr::read((&raw const (*definition).ml_meth).cast::<*const c_void>());
        called == Some(named) && (*function.as_ptr().cast::<FunctionObject>()).definition == definition
    }
}

/// Whether the method descriptor is made of the entry.
///
/// # Safety
/// The object is alive.
unsafe fn is_of_method(object: *mut PyObject, definition: *mut PyMethodDef) -> bool {
    // SAFETY: alive; its kind is looked at before it is read as one.
    unsafe {
        Py_TYPE(object) == &raw mut PyMethodDescr_Type && (*object.cast::<DescriptorObject>()).definition == definition
    }
}
