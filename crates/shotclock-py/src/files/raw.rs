//! What a raw file of socket.py's knows of itself, read without running any code of Python's.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::ffi::call::call_with;
use crate::ffi::capi::{
    Py_False, Py_IncRef, Py_TYPE, Py_True, PyBool_FromLong, PyDescr_NewGetSet, PyDict_GetItemWithError, PyGetSetDef,
    PyLong_AsSsize_t, PyObject, PyObject_GenericGetDict, PyObject_GetAttr, PyObject_GetAttrString,
    PyObject_SetAttrString, PyTypeObject, PyUnicode_InternFromString,
};
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::files::bound::Bound;

/// A name of an attribute, as the object that the interpreter finds attributes by.
pub(crate) struct Name {
    text: &'static CStr,
    made: Once<PyObject>,
}

impl Name {
    pub(crate) const fn new(text: &'static CStr) -> Self {
        Self { text, made: Once::new() }
    }

    fn object(&self) -> PyResult<*mut PyObject> {
        // SAFETY: the interpreter is held; the text ends with a NUL.
        self.made.get_or_make(|| Ok(Owned::new(unsafe { PyUnicode_InternFromString(self.text.as_ptr()) })?.into_ptr()))
    }
}

/// What `io` sets when a file is closed.
static CLOSED: Name = Name::new(c"__IOBase_closed");
static SOCK: Name = Name::new(c"_sock");

/// The classes of socket.py whose methods were replaced: their objects do what socket.py says. Kept for ever.
static CLASSES: [AtomicPtr<PyTypeObject>; 4] = [const { AtomicPtr::new(ptr::null_mut()) }; 4];

/// Where in a file's memory the pointer to its dict is; 0 until it is known.
static DICT_AT: AtomicUsize = AtomicUsize::new(0);

/// Remembers a class of socket.py, of which there is one for each time that module was loaded; not more than there is room
/// for.
///
/// # Safety
/// It must be alive, and the interpreter held.
pub(crate) unsafe fn remember(class: *mut PyTypeObject) {
    let is_it = |place: &&AtomicPtr<_>| [class, ptr::null_mut()].contains(&place.load(Ordering::Relaxed));
    if let Some(place) = CLASSES.iter().find(is_it)
        && place.load(Ordering::Relaxed).is_null()
    {
        // SAFETY: by the caller's promise.
        unsafe { Py_IncRef(class.cast()) };
        place.store(class, Ordering::Relaxed);
    }
}

/// Whether it is a file of socket.py's own class, no subclass.
fn is_plain(file: &Owned) -> bool {
    // SAFETY: alive.
    let class = unsafe { Py_TYPE(file.as_ptr()) };
    CLASSES.iter().any(|known| known.load(Ordering::Relaxed) == class)
}

/// The socket that a method of a file's socket works on, with nothing in the way of a call: the file is of socket.py's own
/// class and open, these of its attributes are as they are to be, and the method is the one in Rust.
pub(crate) fn ready(
    file: &Owned,
    as_expected: &[(&Name, bool)],
    method: &Name,
    ours: usize,
) -> PyResult<Option<Bound>> {
    // SAFETY: the interpreter is held, the objects are alive; a socket that the file has is kept while it is asked. The rest
    // are statics of the interpreter.
    unsafe {
        let of = file.as_ptr();
        if !is_plain(file) || attribute(of, &CLOSED)?.is_some() {
            return Ok(None);
        }
        for (name, wanted) in as_expected {
            if attribute(of, name)? != Some(if *wanted { Py_True() } else { Py_False() }) {
                return Ok(None);
            }
        }
        let Some(sock) = attribute(of, &SOCK)? else { return Ok(None) };
        let sock = Owned::borrowed(sock);
        let method = Owned::new(PyObject_GetAttr(sock.as_ptr(), method.object()?))?;
        Ok(Bound::of(&method, ours))
    }
}

/// `file.name(argument)`, of a method that takes one.
///
/// # Safety
/// The argument must be alive.
pub(crate) unsafe fn call_named(file: &Owned, name: &Name, argument: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, the objects are alive, the argument by the caller's promise.
    unsafe {
        let method = Owned::new(PyObject_GetAttr(file.as_ptr(), name.object()?))?;
        call_with(method.as_ptr(), [argument])
    }
}

/// `file.name = value`.
///
/// # Safety
/// The value must be alive.
pub(crate) unsafe fn set(file: &Owned, name: &Name, value: *mut PyObject) -> PyResult<()> {
    // SAFETY: the interpreter is held, the objects are alive, the name ends with a NUL.
    let outcome = unsafe { PyObject_SetAttrString(file.as_ptr(), name.text.as_ptr(), value) };
    if outcome == 0 { Ok(()) } else { Err(Raised) }
}

/// What the file itself has by this name, borrowed from it.
///
/// # Safety
/// The file must be alive.
#[inline]
unsafe fn attribute(file: *mut PyObject, name: &Name) -> PyResult<Option<*mut PyObject>> {
    let name = name.object()?;
    let at = DICT_AT.load(Ordering::Relaxed);
    // SAFETY: the interpreter is held and the file alive, which keeps its dict; where in it the pointer to that is was found
    // on a file, and is the same in all, since it is their base class's.
    let found = unsafe {
        if at != 0 {
            let dict = *file.byte_add(at).cast::<*mut PyObject>();
            if dict.is_null() { ptr::null_mut() } else { PyDict_GetItemWithError(dict, name) }
        } else {
            let dict = Owned::new(PyObject_GenericGetDict(file, ptr::null_mut()))?;
            find_dict_at(file, &dict)?;
            PyDict_GetItemWithError(dict.as_ptr(), name)
        }
    };
    if found.is_null() && exception::is_raised() { Err(Raised) } else { Ok((!found.is_null()).then_some(found)) }
}

/// Finds where the pointer to the dict is: where the class says that it is, if it is found there.
///
/// # Safety
/// The file must be alive.
#[cold]
unsafe fn find_dict_at(file: *mut PyObject, dict: &Owned) -> PyResult<()> {
    // SAFETY: the interpreter is held, the objects are alive, the name ends with a NUL. An object is at least as large as
    // the offset of its dict's pointer, where that is not negative, and a pointer.
    unsafe {
        let class = Py_TYPE(file).cast();
        let offset = Owned::new(PyObject_GetAttrString(class, c"__dictoffset__".as_ptr()))?;
        let offset = usize::try_from(PyLong_AsSsize_t(offset.as_ptr())).unwrap_or(0);
        let is_there = offset > 0 && *file.byte_add(offset).cast::<*mut PyObject>() == dict.as_ptr();
        if is_there {
            DICT_AT.store(offset, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// The attribute `closed`, which the interpreter's buffers ask for at each call: the same as the class inherits, by a shorter
/// way.
pub(crate) const IS_CLOSED: &CStr = c"closed";

struct Definition(PyGetSetDef);

// SAFETY: written here, and only read afterwards.
unsafe impl Sync for Definition {}

static DEFINITION: Definition = Definition(PyGetSetDef {
    name: IS_CLOSED.as_ptr(),
    get: Some(get_closed),
    set: None,
    doc: ptr::null(),
    closure: ptr::null_mut(),
});

/// That attribute, for a class of socket.py's.
///
/// # Safety
/// `class` must be one, and alive.
pub(crate) unsafe fn closed_descriptor(class: *mut PyTypeObject) -> PyResult<Owned> {
    // SAFETY: by the caller's promise; the definition lives for ever, and is never written to.
    Owned::new(unsafe { PyDescr_NewGetSet(class, (&raw const DEFINITION.0).cast_mut()) })
}

unsafe extern "C" fn get_closed(me: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: the descriptor has checked the type; it is alive for the call, in which the interpreter is held.
    unsafe { attribute(me, &CLOSED).map_or(ptr::null_mut(), |closed| PyBool_FromLong(closed.is_some().into())) }
}
