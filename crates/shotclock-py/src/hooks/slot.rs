//! One replaced function: what stands in its place in the interpreter's method table, and what was there.
//!
//! The interpreter calls a function in C by one of seven conventions, which the table names beside the pointer. In the
//! place of each function stands one of ours with its convention. Where nothing bounds the caller that jumps to what was
//! there, with the arguments as they are.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use crate::ffi::capi::{
    METH_FASTCALL, METH_KEYWORDS, METH_METHOD, METH_NOARGS, METH_O, METH_VARARGS, Py_ssize_t, PyInterpreterState,
    PyInterpreterState_Get, PyMethodDef, PyObject, PyTypeObject,
};

/// One function of the interpreter's.
pub(crate) struct Slot {
    /// The interpreter's entry, null while it was not found.
    definition: AtomicPtr<PyMethodDef>,
    /// What was there. Kept for ever: calls may be under way.
    original: AtomicPtr<c_void>,
    flags: AtomicI32,
    /// The type whose method it is, or null.
    class: AtomicPtr<PyTypeObject>,
}

/// How the interpreter calls a function: the flags of its entry, but for those that say what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Convention {
    None,
    One,
    Tuple,
    TupleAndKeywords,
    Vector,
    VectorAndKeywords,
    VectorWithClass,
}

pub(crate) type Plain = unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;
pub(crate) type WithKeywords =
    unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;
pub(crate) type Fast = unsafe extern "C-unwind" fn(*mut PyObject, *const *mut PyObject, Py_ssize_t) -> *mut PyObject;
pub(crate) type FastWithKeywords =
    unsafe extern "C-unwind" fn(*mut PyObject, *const *mut PyObject, Py_ssize_t, *mut PyObject) -> *mut PyObject;
pub(crate) type FastWithClass = unsafe extern "C-unwind" fn(
    *mut PyObject,
    *mut PyTypeObject,
    *const *mut PyObject,
    Py_ssize_t,
    *mut PyObject,
) -> *mut PyObject;

/// Whose functions these are; another interpreter of the process has the same tables.
static MAIN: AtomicPtr<PyInterpreterState> = AtomicPtr::new(ptr::null_mut());

/// Whether the main interpreter calls.
pub(crate) fn is_main_interpreter() -> bool {
    // SAFETY: the interpreter is held, since it called.
    unsafe { PyInterpreterState_Get() == MAIN.load(Ordering::Acquire) }
}

impl Convention {
    /// By the flags of an entry; `None` for what the interpreter does not call so.
    pub(crate) fn of(flags: c_int) -> Option<Self> {
        const VECTOR_AND_KEYWORDS: c_int = METH_FASTCALL | METH_KEYWORDS;
        const VECTOR_WITH_CLASS: c_int = VECTOR_AND_KEYWORDS | METH_METHOD;
        const TUPLE_AND_KEYWORDS: c_int = METH_VARARGS | METH_KEYWORDS;
        match flags {
            METH_NOARGS => Some(Self::None),
            METH_O => Some(Self::One),
            METH_VARARGS => Some(Self::Tuple),
            TUPLE_AND_KEYWORDS => Some(Self::TupleAndKeywords),
            METH_FASTCALL => Some(Self::Vector),
            VECTOR_AND_KEYWORDS => Some(Self::VectorAndKeywords),
            VECTOR_WITH_CLASS => Some(Self::VectorWithClass),
            _ => None,
        }
    }
}

impl Slot {
    pub(crate) const fn new() -> Self {
        Self {
            definition: AtomicPtr::new(ptr::null_mut()),
            original: AtomicPtr::new(ptr::null_mut()),
            flags: AtomicI32::new(0),
            class: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Puts the function for its convention where the entry's own is.
    ///
    /// # Safety
    /// The entry is one of the interpreter's tables, hence writable and there for ever; of the class, if there is one.
    pub(crate) unsafe fn put(
        &self,
        definition: *mut PyMethodDef,
        class: *mut PyTypeObject,
        function: impl Fn(Convention) -> *mut c_void,
    ) -> bool {
        // SAFETY: by the caller's promise. The pointers of a definition are of one size, whatever their signatures.
        unsafe {
            let Some(convention) = Convention::of((*definition).ml_flags) else { return false };
            let place: &AtomicPtr<c_void> = AtomicPtr::from_ptr((&raw mut (*definition).ml_meth).cast());
            let ours = function(convention);
            let was = place.load(Ordering::Acquire);
            if was == ours {
                return true;
            }
            if was.is_null() {
                return false;
            }
            self.original.store(was, Ordering::Release);
            self.flags.store((*definition).ml_flags, Ordering::Release);
            self.class.store(class, Ordering::Release);
            self.definition.store(definition, Ordering::Release);
            MAIN.store(PyInterpreterState_Get(), Ordering::Release);
            place.store(ours, Ordering::Release);
        }
        true
    }

    /// Puts back what was there. What somebody else has put there since stays.
    pub(crate) fn take_out(&self, function: impl Fn(Convention) -> *mut c_void) {
        let Some(place) = self.place() else { return };
        let Some(convention) = self.convention() else { return };
        let original = self.original.load(Ordering::Acquire);
        let ours = function(convention);
        // Where it is not ours any more it stays.
        let _ = place.compare_exchange(ours, original, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether one of these functions is in its place now.
    pub(crate) fn is_in_place(&self, function: impl Fn(Convention) -> *mut c_void) -> bool {
        let ours = self.convention().map(function);
        self.place().is_some_and(|place| Some(place.load(Ordering::Acquire)) == ours)
    }

    pub(crate) fn convention(&self) -> Option<Convention> {
        Convention::of(self.flags.load(Ordering::Acquire))
    }

    /// What was there.
    #[inline]
    pub(crate) fn original(&self) -> *mut c_void {
        self.original.load(Ordering::Acquire)
    }

    /// The type whose method it is, or null.
    pub(crate) fn class(&self) -> *mut PyTypeObject {
        self.class.load(Ordering::Acquire)
    }

    fn place(&self) -> Option<&AtomicPtr<c_void>> {
        let definition = self.definition.load(Ordering::Acquire);
        // SAFETY: what was put here is an entry of the interpreter's, there for ever.
        (!definition.is_null()).then(|| unsafe { AtomicPtr::from_ptr((&raw mut (*definition).ml_meth).cast()) })
    }
}
