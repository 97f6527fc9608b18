//! What is a socket: the interpreter's type, and the type of our own.

use std::sync::OnceLock;

use crate::ffi::capi::{
    Py_TYPE, PyErr_SetFromErrno, PyExc_OSError, PyExc_SystemError, PyObject, PyType_IsSubtype, PyTypeObject, allocate,
};
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;
use crate::socket::object::SocketRef;
use crate::socket::stock::stock;

/// Makes the type of our own. It has all methods, so only the rooms above can make it.
pub(crate) type Maker = fn() -> PyResult<Owned>;

static MAKER: OnceLock<Maker> = OnceLock::new();

/// Says how the type is made. Only the first call counts.
pub(crate) fn made_by(maker: Maker) {
    MAKER.get_or_init(|| maker);
}

/// The type `_socket.socket` of our own, made at the first call.
pub(crate) fn socket_type() -> PyResult<*mut PyTypeObject> {
    static TYPE: Once<PyTypeObject> = Once::new();
    TYPE.get_or_make(|| {
        // SAFETY: a static of the interpreter.
        let unprepared = || exception::raise(unsafe { PyExc_SystemError }, c"shotclock._native is not loaded");
        MAKER.get().ok_or_else(unprepared)?().map(|made| made.into_ptr().cast())
    })
}

/// Whether the object is a socket, of the interpreter's own type or of ours.
///
/// # Safety
/// `object` must be alive.
pub(crate) unsafe fn is_socket(object: *mut PyObject) -> PyResult<bool> {
    // SAFETY: the object is alive, hence its type.
    unsafe { is_class_of_sockets(Py_TYPE(object)) }
}

/// Whether the class's objects are sockets, of the interpreter's own type or of ours.
///
/// # Safety
/// `class` must be alive.
pub(crate) unsafe fn is_class_of_sockets(class: *mut PyTypeObject) -> PyResult<bool> {
    // SAFETY: the types are alive.
    unsafe { Ok(PyType_IsSubtype(class, stock()?.socket) != 0 || PyType_IsSubtype(class, socket_type()?) != 0) }
}

/// An object of the type, without a descriptor.
///
/// # Safety
/// `of` must be the type of our own, or one derived from it.
pub(crate) unsafe extern "C" fn new(of: *mut PyTypeObject, _: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the type is alive; an object of it has our layout, zeroed.
    unsafe {
        let object = allocate(of);
        if !object.is_null() {
            SocketRef::new(object).clear(raise_from_errno);
        }
        object
    }
}

unsafe extern "C" fn raise_from_errno() -> *mut PyObject {
    // SAFETY: called by `_ssl`, with the interpreter held.
    unsafe { PyErr_SetFromErrno(PyExc_OSError) }
}
