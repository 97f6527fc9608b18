//! A class of `_ssl`'s objects whose calls are guarded: what it has of its own, and what stands in its place.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::ffi::arguments::int;
use crate::ffi::capi::{
    Py_IncRef, Py_TYPE, Py_tp_getset, PyDict_GetItemString, PyDict_SetItemString, PyErr_Clear, PyExc_ImportError,
    PyGetSetDef, PyObject, PyObject_GenericGetDict, PyObject_GetAttrString, PyObject_HasAttrString, PyType_GetModule,
    PyType_GetSlot, PyType_Modified, PyTypeObject, getter,
};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::tls::original::{Original, Passed, Plain};
use crate::tls::tls_call::TlsCall;

/// A method for each call; none where the class has none.
pub(super) type Methods = [Option<*mut PyObject>; TlsCall::COUNT];

/// Makes a method of ours.
pub(super) type MakeMethod = fn(*mut PyTypeObject, TlsCall, Option<Plain>) -> PyResult<Owned>;

/// A class of `_ssl`'s objects, with what is in its dictionary at the names of the calls that wait.
pub(crate) struct Guarded {
    pub(super) class: *mut PyTypeObject,
    originals: [Option<Original>; TlsCall::COUNT],
    pub(super) ours: Methods,
    /// The exceptions that its module raises when it would have to wait.
    pub(crate) want_read: *mut PyObject,
    /// What all of its exceptions are of.
    pub(crate) error: *mut PyObject,
    /// What says that the connection has ended without TLS's own word for it.
    pub(crate) end_of_file: *mut PyObject,
    pub(crate) want_write: *mut PyObject,
    /// The attribute by which an object knows its socket, as the class has it: asked for in every call.
    owner: (getter, *mut c_void),
    /// Methods that only look: None before the handshake is over, and how many bytes were received and not read.
    version: Original,
    pending: Original,
    next: *const Guarded,
}

/// All classes that were ever guarded, the last first: one, unless somebody has imported `_ssl` anew. Never freed,
/// since calls may still be using them. Changed with the interpreter held.
static GUARDED: AtomicPtr<Guarded> = AtomicPtr::new(ptr::null_mut());

/// All classes that were ever guarded.
pub(super) fn all() -> impl Iterator<Item = &'static Guarded> {
    // SAFETY: null, or leaked by `add`.
    let at = |pointer: *const Guarded| unsafe { pointer.as_ref() };
    std::iter::successors(at(GUARDED.load(Ordering::Acquire)), move |guarded| at(guarded.next))
}

pub(super) fn unexpected() -> Raised {
    // SAFETY: a static of the interpreter.
    exception::raise(unsafe { PyExc_ImportError }, c"this interpreter's _ssl is not what the guard of TLS expects")
}

impl Guarded {
    /// The guarded class of an object of `_ssl`'s.
    #[inline]
    pub(crate) fn by_object(object: *mut PyObject) -> PyResult<&'static Self> {
        // SAFETY: alive.
        let class = unsafe { Py_TYPE(object) };
        all().find(|guarded| guarded.class == class).ok_or_else(unexpected)
    }

    /// The interpreter's own method, called.
    #[inline]
    pub(crate) fn call_original(&self, call: TlsCall, me: *mut PyObject, passed: Passed<'_>) -> PyResult<Owned> {
        let original = self.originals[call as usize].as_ref().ok_or_else(unexpected)?;
        // SAFETY: the interpreter is held, and the object of this class; the arguments are alive, and what is passed plainly
        // is so as `plain` says.
        unsafe { original.call(me, passed) }
    }

    /// The interpreter's own method, if it takes its arguments as one object.
    #[inline]
    pub(crate) fn plain(&self, call: TlsCall) -> PyResult<Plain> {
        self.originals[call as usize].and_then(|original| original.plain).ok_or_else(unexpected)
    }

    /// The owner of an object of `_ssl`'s: the socket, if its bytes go by one.
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
        let ask = |method: &Original| unsafe { method.ask(object) };
        let look = || Ok(int(ask(&self.pending)?.as_ptr())? == 0 && !ask(&self.version)?.is_none());
        look().unwrap_or_else(|Raised| {
            // SAFETY: the interpreter is held. A call that tries finds out, too.
            unsafe { PyErr_Clear() };
            false
        })
    }

    /// `make` makes a method of ours for the class that takes its arguments as the interpreter's own does.
    pub(super) fn add(class: *mut PyTypeObject, make: MakeMethod) -> PyResult<&'static Self> {
        let (mut originals, mut ours) = ([None; TlsCall::COUNT], [None; TlsCall::COUNT]);
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
                let original = Original::of(class, call.name(), attribute);
                originals[call as usize] = Some(original);
                ours[call as usize] = Some(make(class, call, original.plain)?.into_ptr());
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
            let (error, end_of_file) = (attribute(module, c"SSLError")?, attribute(module, c"SSLEOFError")?);
            let method = |name: &CStr| {
                let descriptor = Owned::new(PyObject_GetAttrString(class.cast(), name.as_ptr()))?;
                Ok(Original::of(class, name, descriptor))
            };
            let (version, pending) = (method(c"version")?, method(c"pending")?);
            let owner = owner_of(class)?;
            Py_IncRef(class.cast());
            let next = GUARDED.load(Ordering::Acquire).cast_const();
            Self { class, originals, ours, want_read, error, end_of_file, want_write, owner, version, pending, next }
        };
        let guarded = Box::leak(Box::new(guarded));
        GUARDED.store(guarded, Ordering::Release);
        Ok(guarded)
    }

    fn calls(&self) -> impl Iterator<Item = TlsCall> {
        TlsCall::ALL.into_iter().filter(|call| self.originals[*call as usize].is_some())
    }

    pub(super) fn descriptors(&self) -> Methods {
        self.originals.map(|original| original.map(|original| original.descriptor))
    }

    /// Replaces each method of `from` that is still in place by that of `to`.
    pub(super) fn exchange(&self, from: &Methods, to: &Methods) -> PyResult<()> {
        let dictionary = dictionary(self.class)?;
        for call in self.calls() {
            let name = call.name().as_ptr();
            let (Some(from), Some(to)) = (from[call as usize], to[call as usize]) else { continue };
            // SAFETY: the interpreter is held, the objects are alive, and names end with a NUL.
            unsafe {
                if PyDict_GetItemString(dictionary.as_ptr(), name) == from
                    && PyDict_SetItemString(dictionary.as_ptr(), name, to) != 0
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
    pub(super) fn is_in_place(&self) -> bool {
        self.calls().all(|call| {
            // SAFETY: the interpreter is held, the class alive; every name is an attribute of it.
            let found = Owned::new(unsafe { PyObject_GetAttrString(self.class.cast(), call.name().as_ptr()) });
            found.is_ok_and(|found| Some(found.as_ptr()) == self.ours[call as usize])
        })
    }
}

/// The class's own dictionary: the way into a class whose attributes cannot be set.
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
