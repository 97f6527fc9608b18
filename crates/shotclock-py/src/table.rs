//! The table of methods, and descriptors made from it.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::OnceLock;

use pyo3_ffi::{
    METH_FASTCALL, METH_KEYWORDS, METH_VARARGS, PyDescr_NewMethod, PyDict_New, PyDict_SetItemString, PyMethodDef,
    PyMethodDefPointer, PyTypeObject,
};

use crate::interpreter::{PyResult, Raised};
use crate::object::Owned;
use crate::transfer;

/// The methods that wait for data, by name.
const METHODS: [(&CStr, PyMethodDefPointer, i32); 4] = [
    (c"recv", PyMethodDefPointer { PyCFunctionFast: transfer::recv }, METH_FASTCALL),
    (c"recv_into", PyMethodDefPointer { PyCFunctionWithKeywords: transfer::recv_into }, METH_VARARGS | METH_KEYWORDS),
    (c"send", PyMethodDefPointer { PyCFunctionFast: transfer::send }, METH_FASTCALL),
    (c"sendall", PyMethodDefPointer { PyCFunctionFast: transfer::sendall }, METH_FASTCALL),
];

/// The interpreter keeps pointers to definitions in the descriptors it makes, and descriptors may be kept by anybody:
/// so they live for ever.
struct Definitions(&'static mut [PyMethodDef]);

// SAFETY: definitions are written once, before they are shared, and only read afterwards.
unsafe impl Send for Definitions {}
// SAFETY: as above.
unsafe impl Sync for Definitions {}

static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();

/// `{name: method descriptor}` for a type whose objects have the proved layout. `docs` is what the interpreter's own
/// methods have as their documentation, signature included.
pub(crate) fn descriptors(of: *mut PyTypeObject, docs: &HashMap<String, CString>) -> PyResult<Owned> {
    let definitions = DEFINITIONS.get_or_init(|| Definitions(Box::leak(definitions(docs))));
    // SAFETY: the interpreter is held, the type is alive, the definitions live for ever.
    unsafe {
        let dict = Owned::new(PyDict_New())?;
        for definition in definitions.0.iter() {
            let definition = ptr::from_ref(definition).cast_mut();
            let method = Owned::new(PyDescr_NewMethod(of, definition))?;
            if PyDict_SetItemString(dict.as_ptr(), (*definition).ml_name, method.as_ptr()) != 0 {
                return Err(Raised);
            }
        }
        Ok(dict)
    }
}

fn definitions(docs: &HashMap<String, CString>) -> Box<[PyMethodDef]> {
    let define = |(name, method, flags): (&'static CStr, PyMethodDefPointer, i32)| {
        let doc = docs.get(name.to_str().unwrap_or_default()).cloned();
        PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: method,
            ml_flags: flags,
            ml_doc: doc.map_or(ptr::null(), |doc| doc.into_raw().cast_const()),
        }
    };
    METHODS.into_iter().map(define).collect()
}
