//! The extension module `shotclock._native`.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ptr;

use pyo3_ffi::{
    METH_O, Py_BuildValue, Py_TYPE, Py_ssize_t, PyDict_Check, PyDict_Next, PyExc_TypeError, PyImport_ImportModule,
    PyMethodDef, PyMethodDefPointer, PyModule_Create, PyModuleDef, PyModuleDef_HEAD_INIT, PyObject,
    PyObject_GetAttrString, PyType_Check, PyType_IsSubtype, PyTypeObject, PyUnicode_AsUTF8AndSize,
};

use crate::errors;
use crate::interpreter::{PyResult, Raised};
use crate::object::{Owned, SocketRef, returned};
use crate::table;

/// `_native.descriptors(docs)`: `{name: method descriptor}` for the interpreter's own `_socket.socket`.
unsafe extern "C" fn descriptors(_: *mut PyObject, docs: *mut PyObject) -> *mut PyObject {
    returned(socket_type().and_then(|socket| table::descriptors(socket.as_ptr().cast(), &texts(docs)?)))
}

/// `_native.layout(sock)`: descriptor and timeout in nanoseconds, as read at the offsets the methods use.
unsafe extern "C" fn layout(_: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    let read = || {
        let socket = socket_type()?;
        // SAFETY: the interpreter is held, both objects are alive.
        unsafe {
            if PyType_IsSubtype(Py_TYPE(object), socket.as_ptr().cast::<PyTypeObject>()) == 0 {
                return Err(errors::raise(PyExc_TypeError, c"layout() takes a socket"));
            }
            let socket = SocketRef::new(object);
            Owned::new(Py_BuildValue(c"iL".as_ptr(), socket.number(), socket.timeout()))
        }
    };
    returned(read())
}

/// The interpreter's own `_socket.socket`.
fn socket_type() -> PyResult<Owned> {
    // SAFETY: the interpreter is held; the texts end with a NUL.
    unsafe {
        let module = Owned::new(PyImport_ImportModule(c"_socket".as_ptr()))?;
        let socket = Owned::new(PyObject_GetAttrString(module.as_ptr(), c"socket".as_ptr()))?;
        if PyType_Check(socket.as_ptr()) == 0 {
            return Err(errors::raise(PyExc_TypeError, c"_socket.socket is not a type"));
        }
        Ok(socket)
    }
}

/// A dict of texts.
fn texts(dict: *mut PyObject) -> PyResult<HashMap<String, CString>> {
    let mut texts = HashMap::new();
    // SAFETY: the interpreter is held, and nothing in the loop runs Python code that could change the dict.
    unsafe {
        if PyDict_Check(dict) == 0 {
            return Err(errors::raise(PyExc_TypeError, c"descriptors() takes a dict of texts"));
        }
        let (mut position, mut key, mut value): (Py_ssize_t, _, _) = (0, ptr::null_mut(), ptr::null_mut());
        while PyDict_Next(dict, &raw mut position, &raw mut key, &raw mut value) != 0 {
            texts.insert(text(key)?, CString::new(text(value)?).unwrap_or_default());
        }
    }
    Ok(texts)
}

fn text(object: *mut PyObject) -> PyResult<String> {
    let mut len: Py_ssize_t = 0;
    // SAFETY: the interpreter is held and the object alive; the bytes are the object's own, and copied at once.
    unsafe {
        let start = PyUnicode_AsUTF8AndSize(object, &raw mut len);
        if start.is_null() {
            return Err(Raised);
        }
        let bytes = std::slice::from_raw_parts(start.cast::<u8>(), usize::try_from(len).unwrap_or(0));
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

const fn function(name: &'static CStr, call: pyo3_ffi::PyCFunction, flags: i32, doc: &'static CStr) -> PyMethodDef {
    let ml_meth = PyMethodDefPointer { PyCFunction: call };
    PyMethodDef { ml_name: name.as_ptr(), ml_meth, ml_flags: flags, ml_doc: doc.as_ptr() }
}

/// Loads the module. In a subinterpreter the interpreter refuses it, and the stock methods stay.
///
/// # Safety
/// To be called by the interpreter's import machinery alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit__native() -> *mut PyObject {
    let functions = Box::leak(Box::new([
        function(c"descriptors", descriptors, METH_O, c"descriptors(docs)\n--\n\nMethod descriptors by name."),
        function(
            c"layout",
            layout,
            METH_O,
            c"layout(sock)\n--\n\nDescriptor and timeout (ns) as the methods read them.",
        ),
        PyMethodDef::zeroed(),
    ]));
    let definition = Box::leak(Box::new(PyModuleDef {
        m_base: PyModuleDef_HEAD_INIT,
        m_name: c"shotclock._native".as_ptr(),
        m_doc: c"Methods of socket objects in Rust.".as_ptr(),
        m_size: -1,
        m_methods: functions.as_mut_ptr(),
        m_slots: ptr::null_mut(),
        m_traverse: None,
        m_clear: None,
        m_free: None,
    }));
    // SAFETY: the interpreter is held during import; the definition lives for ever.
    unsafe { PyModule_Create(definition) }
}
