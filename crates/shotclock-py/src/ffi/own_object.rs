//! Objects of Python's with a value of Rust's in them.

use std::ffi::{CStr, c_int, c_uint, c_ulong, c_void};
use std::ptr;

use crate::ffi::capi::{
    METH_FASTCALL, Py_DecRef, Py_TPFLAGS_DEFAULT, Py_TYPE, Py_tp_dealloc, Py_tp_iter, Py_tp_iternext, Py_tp_methods,
    PyCFunction, PyCFunctionFast, PyMethodDef, PyMethodDefPointer, PyObject, PyType_FromSpec, PyType_Slot, PyType_Spec,
    PyTypeObject, allocate, free,
};
use crate::ffi::once::Once;
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;

/// Py_TPFLAGS_DISALLOW_INSTANTIATION, which the bindings hide from the stable interface though the interpreter takes it.
const NOT_BY_CALL: c_ulong = 1 << 7;

#[repr(C)]
struct Object<T> {
    head: PyObject,
    value: T,
}

/// What may be in such an object. It is dropped with the interpreter held, and may not keep the object itself alive.
pub(crate) trait Value: Sized + 'static {
    /// The type's name.
    const NAME: &'static CStr;

    /// The type, made once.
    fn made() -> &'static Once<PyTypeObject>;

    /// Its methods, without the empty one that ends them.
    fn methods() -> Vec<PyMethodDef>;

    /// The next item, null at the end.
    unsafe extern "C" fn next(me: *mut PyObject) -> *mut PyObject;
}

/// A new object.
pub(crate) fn object_with<T: Value>(value: T) -> PyResult<Owned> {
    let of = T::made().get_or_make(make::<T>)?;
    // SAFETY: the type is alive; an object of it is as large as ours, and its value is
    // written before anybody sees it.
    unsafe {
        let object = Owned::new(allocate(of))?;
        ptr::write(&raw mut (*object.as_ptr().cast::<Object<T>>()).value, value);
        Ok(object)
    }
}

/// The value in an object.
///
/// # Safety
/// `object` must be of this value's type, and alive for as long as what this gives.
pub(crate) unsafe fn value_of<'a, T: Value>(object: *mut PyObject) -> &'a T {
    // SAFETY: by the caller's promise.
    unsafe { &(*object.cast::<Object<T>>()).value }
}

/// A new type of objects of the layout `T`. What the slots point to has to live for ever.
pub(crate) fn heap_type<T>(name: &'static CStr, flags: c_ulong, slots: &[(c_int, *mut c_void)]) -> PyResult<Owned> {
    let mut slots: Vec<_> = slots.iter().map(|&(slot, pfunc)| PyType_Slot { slot, pfunc }).collect();
    slots.push(PyType_Slot { slot: 0, pfunc: ptr::null_mut() });
    let mut spec = PyType_Spec {
        name: name.as_ptr(),
        basicsize: size_of::<T>() as c_int,
        itemsize: 0,
        flags: flags as c_uint,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the interpreter is held; it copies the slots, and what they point to lives by the caller's word.
    Owned::new(unsafe { PyType_FromSpec(&raw mut spec) })
}

fn make<T: Value>() -> PyResult<*mut PyTypeObject> {
    let mut methods = T::methods();
    methods.push(PyMethodDef::zeroed());
    let slots = [
        (Py_tp_dealloc, dealloc::<T> as *mut c_void),
        (Py_tp_methods, methods.leak().as_mut_ptr().cast()),
        (Py_tp_iternext, T::next as *mut c_void),
        (Py_tp_iter, iter as *mut c_void),
    ];
    Ok(heap_type::<Object<T>>(T::NAME, Py_TPFLAGS_DEFAULT | NOT_BY_CALL, &slots)?.into_ptr().cast())
}

unsafe extern "C" fn iter(me: *mut PyObject) -> *mut PyObject {
    // SAFETY: alive.
    unsafe { Owned::borrowed(me) }.into_ptr()
}

unsafe extern "C" fn dealloc<T: Value>(me: *mut PyObject) {
    // SAFETY: the last reference is gone; the value is dropped once, the memory given back as it was taken, and then the
    // type, to which objects of heap types hold a reference.
    unsafe {
        let of = Py_TYPE(me);
        ptr::drop_in_place(&raw mut (*me.cast::<Object<T>>()).value);
        free(of, me);
        Py_DecRef(of.cast());
    }
}

/// The definition of a method, or of a module's function. Without documentation where `doc` is `None`.
pub(crate) fn method(
    name: &'static CStr,
    call: PyCFunction,
    flags: c_int,
    doc: impl Into<Option<&'static CStr>>,
) -> PyMethodDef {
    defined(name, PyMethodDefPointer { PyCFunction: call }, flags, doc.into())
}

/// As [`method`], for a function that takes its arguments as a vector.
pub(crate) fn fast(name: &'static CStr, call: PyCFunctionFast, doc: impl Into<Option<&'static CStr>>) -> PyMethodDef {
    defined(name, PyMethodDefPointer { PyCFunctionFast: call }, METH_FASTCALL, doc.into())
}

fn defined(
    name: &'static CStr,
    ml_meth: PyMethodDefPointer,
    ml_flags: c_int,
    doc: Option<&'static CStr>,
) -> PyMethodDef {
    PyMethodDef { ml_name: name.as_ptr(), ml_meth, ml_flags, ml_doc: doc.map_or(ptr::null(), CStr::as_ptr) }
}
