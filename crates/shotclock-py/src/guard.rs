//! The guard's place: methods of ours in the class of `_ssl`'s objects, which is immutable but for its dictionary.
//!
//! There, and not on `ssl.SSLSocket`: ssl.py's own methods then run once, as they are in each version, and so do those of
//! its subclasses and of whoever else has such an object; and a call costs no Python function more.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::arguments::{Arguments, int};
use crate::call::call_vector;
use crate::capi::{
    METH_FASTCALL, Py_IncRef, Py_TPFLAGS_HEAPTYPE, Py_TYPE, Py_tp_getset, PyBool_FromLong, PyCFunctionFast,
    PyDescr_NewMethod, PyDict_GetItemString, PyDict_SetItemString, PyErr_Clear, PyExc_ImportError, PyGetSetDef,
    PyMethodDef, PyMethodDefPointer, PyObject, PyObject_GenericGetDict, PyObject_GetAttrString, PyObject_HasAttrString,
    PyType_Check, PyType_GetFlags, PyType_GetModule, PyType_GetSlot, PyType_Modified, PyTypeObject, getter,
};
use crate::errors;
use crate::interpreter::{PyResult, Raised};
use crate::object::{Owned, returned};
use crate::stock::stock;
use crate::tls::{self, TlsCall};

/// By call; null where the class has none.
type Methods = [*mut PyObject; TlsCall::COUNT];

/// A class of `_ssl`'s objects, with what is in its dictionary at the names of the calls that wait.
pub(crate) struct Guarded {
    class: *mut PyTypeObject,
    originals: Methods,
    ours: Methods,
    /// What its module raises when it would have to wait.
    pub(crate) want_read: *mut PyObject,
    pub(crate) want_write: *mut PyObject,
    /// The attribute by which an object knows its socket, as the class has it: asked for in every call.
    owner: (getter, *mut c_void),
    /// Methods that only look: None before the handshake is over, and how many bytes were received and not read.
    version: *mut PyObject,
    pending: *mut PyObject,
    next: *const Guarded,
}

/// All that there have been, the last first: one, unless somebody has imported `_ssl` anew. Never freed, since calls may
/// be in the middle of them; changed with the interpreter held.
static GUARDED: AtomicPtr<Guarded> = AtomicPtr::new(ptr::null_mut());

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
            None => Guarded::add(class)?,
        };
        guarded.exchange(&guarded.originals, &guarded.ours)?;
        if guarded.is_in_place() { Ok(Owned::none()) } else { Err(unexpected()) }
    };
    returned(guard())
}

/// `_native.unguard_tls()`: puts every class back as it was.
pub(crate) unsafe extern "C" fn unguard_tls(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let outcome = all().try_for_each(|guarded| guarded.exchange(&guarded.ours, &guarded.originals));
    returned(outcome.map(|()| Owned::none()))
}

/// `_native.guards_tls(class)`: whether the calls of this class are guarded now.
pub(crate) unsafe extern "C" fn guards_tls(_: *mut PyObject, class: *mut PyObject) -> *mut PyObject {
    let is = all().any(|guarded| guarded.class == class.cast() && guarded.is_in_place());
    // SAFETY: the interpreter is held.
    unsafe { PyBool_FromLong(is.into()) }
}

fn all() -> impl Iterator<Item = &'static Guarded> {
    // SAFETY: null, or leaked by `add`.
    let at = |pointer: *const Guarded| unsafe { pointer.as_ref() };
    std::iter::successors(at(GUARDED.load(Ordering::Acquire)), move |guarded| at(guarded.next))
}

fn unexpected() -> Raised {
    // SAFETY: a static of the interpreter.
    errors::raise(unsafe { PyExc_ImportError }, c"this interpreter's _ssl is not what the guard of TLS expects")
}

impl Guarded {
    /// That of an object of `_ssl`'s.
    #[inline]
    pub(crate) fn by_object(object: *mut PyObject) -> PyResult<&'static Self> {
        // SAFETY: alive.
        let class = unsafe { Py_TYPE(object) };
        all().find(|guarded| guarded.class == class).ok_or_else(unexpected)
    }

    /// The interpreter's own method, called.
    #[inline]
    pub(crate) fn call_original(&self, call: TlsCall, me: *mut PyObject, arguments: &Arguments<'_>) -> PyResult<Owned> {
        // SAFETY: kept for ever; the arguments are alive.
        unsafe { call_vector(self.originals[call as usize], me, arguments) }
    }

    /// Whom the object of `_ssl`'s belongs to: the socket, if its bytes go by one.
    #[inline]
    pub(crate) fn owner(&self, object: *mut PyObject) -> PyResult<Owned> {
        let (get, closure) = self.owner;
        // SAFETY: the interpreter is held, and the object alive and of the class that this is an attribute of.
        Owned::new(unsafe { get(object, closure) })
    }

    /// Whether OpenSSL has nothing of its own to do or to give at the next read of the object: its handshake is over, it
    /// has not failed, and all that was received was read.
    pub(crate) fn is_idle(&self, object: *mut PyObject) -> bool {
        // SAFETY: kept for ever; the object is alive.
        let ask = |method| unsafe { call_vector(method, object, &Arguments::NONE) };
        let look = || Ok(!ask(self.version)?.is_none() && int(ask(self.pending)?.as_ptr())? == 0);
        look().unwrap_or_else(|Raised| {
            // SAFETY: the interpreter is held. A call that tries finds out, too.
            unsafe { PyErr_Clear() };
            false
        })
    }

    fn add(class: *mut PyTypeObject) -> PyResult<&'static Self> {
        let (mut originals, mut ours) = ([ptr::null_mut(); TlsCall::COUNT], [ptr::null_mut(); TlsCall::COUNT]);
        let dictionary = dictionary(class)?;
        for call in TlsCall::ALL {
            // SAFETY: the interpreter is held, the objects are alive, and names end with a NUL.
            unsafe {
                if call == TlsCall::Sendfile && PyObject_HasAttrString(class.cast(), call.name().as_ptr()) == 0 {
                    continue;
                }
                let attribute = Owned::new(PyObject_GetAttrString(class.cast(), call.name().as_ptr()))?;
                if PyDict_GetItemString(dictionary.as_ptr(), call.name().as_ptr()) != attribute.as_ptr() {
                    return Err(unexpected());
                }
                originals[call as usize] = attribute.into_ptr();
                ours[call as usize] = method(class, call)?.into_ptr();
            }
        }
        // SAFETY: as above; the module is borrowed, and the exceptions live as long as their class is kept, for ever.
        let guarded = unsafe {
            let module = PyType_GetModule(class);
            if module.is_null() {
                return Err(Raised);
            }
            let attribute =
                |of, name: &CStr| Owned::new(PyObject_GetAttrString(of, name.as_ptr())).map(Owned::into_ptr);
            let (want_read, want_write) =
                (attribute(module, c"SSLWantReadError")?, attribute(module, c"SSLWantWriteError")?);
            let (version, pending) = (attribute(class.cast(), c"version")?, attribute(class.cast(), c"pending")?);
            let owner = owner_of(class)?;
            Py_IncRef(class.cast());
            let next = GUARDED.load(Ordering::Acquire).cast_const();
            Self { class, originals, ours, want_read, want_write, owner, version, pending, next }
        };
        let guarded = Box::leak(Box::new(guarded));
        GUARDED.store(guarded, Ordering::Release);
        Ok(guarded)
    }

    fn calls(&self) -> impl Iterator<Item = TlsCall> {
        TlsCall::ALL.into_iter().filter(|call| !self.originals[*call as usize].is_null())
    }

    /// Puts methods in the place of others, where those are.
    fn exchange(&self, from: &Methods, to: &Methods) -> PyResult<()> {
        let dictionary = dictionary(self.class)?;
        for call in self.calls() {
            let (name, index) = (call.name().as_ptr(), call as usize);
            // SAFETY: the interpreter is held, the objects are alive, and names end with a NUL.
            unsafe {
                if PyDict_GetItemString(dictionary.as_ptr(), name) == from[index]
                    && PyDict_SetItemString(dictionary.as_ptr(), name, to[index]) != 0
                {
                    return Err(Raised);
                }
            }
        }
        // SAFETY: alive. The interpreter looks methods up anew from here on.
        unsafe { PyType_Modified(self.class) };
        Ok(())
    }

    /// Whether the class has our methods, as Python sees it.
    fn is_in_place(&self) -> bool {
        self.calls().all(|call| {
            // SAFETY: the interpreter is held, the class alive; every name is an attribute of it.
            let found = Owned::new(unsafe { PyObject_GetAttrString(self.class.cast(), call.name().as_ptr()) });
            found.is_ok_and(|found| found.as_ptr() == self.ours[call as usize])
        })
    }
}

/// The dictionary of a class itself: the way in for one whose attributes cannot be set.
fn dictionary(class: *mut PyTypeObject) -> PyResult<Owned> {
    // SAFETY: alive, and a heap type, whose dictionary is where the type of types says that it is.
    Owned::new(unsafe { PyObject_GenericGetDict(class.cast(), ptr::null_mut()) })
}

/// How the class gives an object's attribute `owner`.
fn owner_of(class: *mut PyTypeObject) -> PyResult<(getter, *mut c_void)> {
    // SAFETY: alive, and a heap type. Its definitions live as long as it, up to an empty one, and names end with a NUL.
    unsafe {
        let mut definition = PyType_GetSlot(class, Py_tp_getset).cast::<PyGetSetDef>();
        while !definition.is_null() && !(*definition).name.is_null() {
            let name = CStr::from_ptr((*definition).name);
            if let Some(get) = (*definition).get.filter(|_| name == c"owner") {
                return Ok((get, (*definition).closure));
            }
            definition = definition.add(1);
        }
    }
    Err(unexpected())
}

/// A method of ours for the class, documented as its own.
fn method(class: *mut PyTypeObject, call: TlsCall) -> PyResult<Owned> {
    let code: PyCFunctionFast = match call {
        TlsCall::Read => tls::guarded::<{ TlsCall::Read as usize }>,
        TlsCall::Write => tls::guarded::<{ TlsCall::Write as usize }>,
        TlsCall::Handshake => tls::guarded::<{ TlsCall::Handshake as usize }>,
        TlsCall::Shutdown => tls::guarded::<{ TlsCall::Shutdown as usize }>,
        TlsCall::Sendfile => tls::guarded::<{ TlsCall::Sendfile as usize }>,
    };
    let definition = PyMethodDef {
        ml_name: call.name().as_ptr(),
        ml_meth: PyMethodDefPointer { PyCFunctionFast: code },
        ml_flags: METH_FASTCALL,
        ml_doc: stock()?.documentation(class.cast(), call.name())?.into_raw().cast_const(),
    };
    // SAFETY: the interpreter is held and the class alive; the definition lives for ever.
    Owned::new(unsafe { PyDescr_NewMethod(class, Box::leak(Box::new(definition))) })
}
