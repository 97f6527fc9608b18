//! Where the guard is put: methods of ours in the class of `_ssl`'s objects, which is immutable but for its dictionary.
//!
//! There, and not on `ssl.SSLSocket`: so ssl.py's own methods run once, as they are in each version, and those of
//! subclasses and of other users of such objects too; and no call costs one more Python function.

use crate::ffi::capi::{
    METH_FASTCALL, Py_TPFLAGS_HEAPTYPE, PyBool_FromLong, PyCFunction, PyCFunctionFast, PyDescr_NewMethod, PyMethodDef,
    PyMethodDefPointer, PyObject, PyType_Check, PyType_GetFlags, PyTypeObject,
};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::socket::stock::stock;
use crate::tls::guarded::{Guarded, all, unexpected};
use crate::tls::original::Plain;
use crate::tls::tls_call::TlsCall;
use crate::tls::tries;

/// `_native.guard_tls(class)`: guards the calls that wait of this class of `_ssl`'s.
pub(crate) unsafe extern "C" fn guard_tls(_: *mut PyObject, class: *mut PyObject) -> *mut PyObject {
    let guard = || {
        // SAFETY: alive. Of types that are no heap types the dictionary is elsewhere.
        unsafe {
            if PyType_Check(class) == 0 || PyType_GetFlags(class.cast()) & Py_TPFLAGS_HEAPTYPE == 0 {
                return Err(unexpected());
            }
        }
        let class = class.cast();
        let guarded = match all().find(|guarded| guarded.class == class) {
            Some(guarded) => guarded,
            None => Guarded::add(class, method)?,
        };
        guarded.exchange(&guarded.descriptors(), &guarded.ours)?;
        if guarded.is_in_place() { Ok(Owned::none()) } else { Err(unexpected()) }
    };
    returned(guard())
}

/// `_native.unguard_tls()`: puts every class back as it was.
pub(crate) unsafe extern "C" fn unguard_tls(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let outcome = all().try_for_each(|guarded| guarded.exchange(&guarded.ours, &guarded.descriptors()));
    returned(outcome.map(|()| Owned::none()))
}

/// `_native.guards_tls(class)`: whether the calls of this class are guarded now.
pub(crate) unsafe extern "C" fn guards_tls(_: *mut PyObject, class: *mut PyObject) -> *mut PyObject {
    let is = all().any(|guarded| guarded.class == class.cast() && guarded.is_in_place());
    // SAFETY: the interpreter is held.
    unsafe { PyBool_FromLong(is.into()) }
}

/// A method of ours for the class, documented as its own, and taking its arguments like it.
fn method(class: *mut PyTypeObject, call: TlsCall, like: Option<Plain>) -> PyResult<Owned> {
    let (plain, vector): (PyCFunction, PyCFunctionFast) = match call {
        TlsCall::Read => functions::<{ TlsCall::Read as usize }>(),
        TlsCall::Write => functions::<{ TlsCall::Write as usize }>(),
        TlsCall::Handshake => functions::<{ TlsCall::Handshake as usize }>(),
        TlsCall::Shutdown => functions::<{ TlsCall::Shutdown as usize }>(),
        TlsCall::Sendfile => functions::<{ TlsCall::Sendfile as usize }>(),
    };
    let (ml_meth, ml_flags) = match like {
        Some(Plain { flags, .. }) => (PyMethodDefPointer { PyCFunction: plain }, flags),
        None => (PyMethodDefPointer { PyCFunctionFast: vector }, METH_FASTCALL),
    };
    let ml_doc = stock()?.documentation(class.cast(), call.name())?.into_raw().cast_const();
    let definition = PyMethodDef { ml_name: call.name().as_ptr(), ml_meth, ml_flags, ml_doc };
    // SAFETY: the interpreter is held and the class alive; the definition lives for ever.
    Owned::new(unsafe { PyDescr_NewMethod(class, Box::leak(Box::new(definition))) })
}

fn functions<const CALL: usize>() -> (PyCFunction, PyCFunctionFast) {
    (tries::guarded_plainly::<CALL>, tries::guarded::<CALL>)
}
