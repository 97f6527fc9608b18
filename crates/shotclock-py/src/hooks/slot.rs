//! One replaced function: what stands in its place in the interpreter's method table, and what was there.
//!
//! The interpreter calls a function in C by one of seven conventions, which the table names beside the pointer. In the
//! place of each function stands one of ours with its convention. Where nothing bounds the caller that jumps to what was
//! there, with the arguments as they are.

use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use crate::ffi::capi::{
    METH_FASTCALL, METH_KEYWORDS, METH_METHOD, METH_NOARGS, METH_O, METH_VARARGS, Py_ssize_t, PyInterpreterState,
    PyInterpreterState_Get, PyMethodDef, PyObject, PyTuple_Size, PyTypeObject,
};
use crate::hooks::called::{Called, Passed};
use crate::wait::bounds::Reach;
use crate::wait::{chain, open};

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

/// What bounds a wait of an ordinary call, and what handles it then.
pub(crate) type Handler = fn(&Called<'_>) -> *mut PyObject;

/// Whose functions these are; another interpreter of the process has the same tables.
static MAIN: AtomicPtr<PyInterpreterState> = AtomicPtr::new(ptr::null_mut());

/// The functions of ours that may stand in one slot.
pub(crate) struct Functions {
    plain: [Plain; 3],
    with_keywords: WithKeywords,
    fast: Fast,
    fast_with_keywords: FastWithKeywords,
    fast_with_class: FastWithClass,
}

/// A slot's number, as a type: the compiler makes the functions of each.
pub(crate) trait Place {
    fn slot() -> &'static Slot;
    const HANDLER: Handler;
}

impl Functions {
    pub(crate) const fn of<P: Place>() -> Self {
        Self {
            plain: [none::<P>, one::<P>, tuple::<P>],
            with_keywords: with_keywords::<P>,
            fast: fast::<P>,
            fast_with_keywords: fast_with_keywords::<P>,
            fast_with_class: fast_with_class::<P>,
        }
    }

    fn for_convention(&self, convention: Convention) -> *mut c_void {
        match convention {
            Convention::None => self.plain[0] as *mut c_void,
            Convention::One => self.plain[1] as *mut c_void,
            Convention::Tuple => self.plain[2] as *mut c_void,
            Convention::TupleAndKeywords => self.with_keywords as *mut c_void,
            Convention::Vector => self.fast as *mut c_void,
            Convention::VectorAndKeywords => self.fast_with_keywords as *mut c_void,
            Convention::VectorWithClass => self.fast_with_class as *mut c_void,
        }
    }
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

    /// Puts one of these functions where the entry's own is.
    ///
    /// # Safety
    /// The entry is one of the interpreter's tables, hence writable and there for ever; of the class, if there is one.
    pub(crate) unsafe fn put(
        &self,
        definition: *mut PyMethodDef,
        class: *mut PyTypeObject,
        functions: &Functions,
    ) -> bool {
        // SAFETY: by the caller's promise. The pointers of a definition are of one size, whatever their signatures.
        unsafe {
            let Some(convention) = Convention::of((*definition).ml_flags) else { return false };
            let place: &AtomicPtr<c_void> = AtomicPtr::from_ptr((&raw mut (*definition).ml_meth).cast());
            let ours = functions.for_convention(convention);
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
    pub(crate) fn take_out(&self, functions: &Functions) {
        let Some(place) = self.place() else { return };
        let Some(convention) = self.convention() else { return };
        let original = self.original.load(Ordering::Acquire);
        let ours = functions.for_convention(convention);
        // Where it is not ours any more it stays.
        let _ = place.compare_exchange(ours, original, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether one of these functions is in its place now.
    pub(crate) fn is_in_place(&self, functions: &Functions) -> bool {
        let ours = self.convention().map(|convention| functions.for_convention(convention));
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

/// Whether nothing bounds the waits of who calls: one look at a number while no scope is open anywhere.
#[inline(always)]
fn is_free() -> bool {
    open::links() == 0 || is_free_here()
}

#[cold]
fn is_free_here() -> bool {
    // SAFETY: the interpreter is held, since it called.
    let is_main = unsafe { PyInterpreterState_Get() } == MAIN.load(Ordering::Acquire);
    !is_main || !chain::is_any_in_force(|link| Reach::Waits.has(link))
}

// In those that stand in the interpreter's tables nothing is to be dropped when the interpreter ends the thread by unwinding
// its stack (up to 3.13): the call of what was there is the last thing they do.

unsafe extern "C-unwind" fn none<P: Place>(me: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
    if is_free() {
        // SAFETY: this stands where a function of this signature was, which gets its arguments as they are. So below.
        return unsafe { transmute::<*mut c_void, Plain>(P::slot().original())(me, argument) };
    }
    P::HANDLER(&Called::new(P::slot(), me, ptr::null_mut(), Passed::Vector(&[], ptr::null_mut())))
}

unsafe extern "C-unwind" fn one<P: Place>(me: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe { transmute::<*mut c_void, Plain>(P::slot().original())(me, argument) };
    }
    P::HANDLER(&Called::new(P::slot(), me, ptr::null_mut(), Passed::Vector(&[argument], ptr::null_mut())))
}

unsafe extern "C-unwind" fn tuple<P: Place>(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe { transmute::<*mut c_void, Plain>(P::slot().original())(me, arguments) };
    }
    P::HANDLER(&Called::new(P::slot(), me, ptr::null_mut(), Passed::Tuple(arguments, ptr::null_mut())))
}

unsafe extern "C-unwind" fn with_keywords<P: Place>(
    me: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe { transmute::<*mut c_void, WithKeywords>(P::slot().original())(me, arguments, keywords) };
    }
    P::HANDLER(&Called::new(P::slot(), me, ptr::null_mut(), Passed::Tuple(arguments, keywords)))
}

unsafe extern "C-unwind" fn fast<P: Place>(
    me: *mut PyObject,
    arguments: *const *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe { transmute::<*mut c_void, Fast>(P::slot().original())(me, arguments, count) };
    }
    // SAFETY: the interpreter passes so many live objects.
    let passed = unsafe { Passed::vector(arguments, count, ptr::null_mut()) };
    P::HANDLER(&Called::new(P::slot(), me, ptr::null_mut(), passed))
}

unsafe extern "C-unwind" fn fast_with_keywords<P: Place>(
    me: *mut PyObject,
    arguments: *const *mut PyObject,
    count: Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe {
            transmute::<*mut c_void, FastWithKeywords>(P::slot().original())(me, arguments, count, names)
        };
    }
    // SAFETY: the interpreter passes so many live objects, and as many more as there are names.
    let passed = unsafe { Passed::vector(arguments, count + count_of(names), names) };
    P::HANDLER(&Called::new(P::slot(), me, ptr::null_mut(), passed))
}

unsafe extern "C-unwind" fn fast_with_class<P: Place>(
    me: *mut PyObject,
    class: *mut PyTypeObject,
    arguments: *const *mut PyObject,
    count: Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe {
            transmute::<*mut c_void, FastWithClass>(P::slot().original())(me, class, arguments, count, names)
        };
    }
    // SAFETY: as in `fast_with_keywords`.
    let passed = unsafe { Passed::vector(arguments, count + count_of(names), names) };
    P::HANDLER(&Called::new(P::slot(), me, class, passed))
}

/// How many names there are.
///
/// # Safety
/// A live tuple, or null.
unsafe fn count_of(names: *mut PyObject) -> Py_ssize_t {
    // SAFETY: by the caller's promise.
    if names.is_null() { 0 } else { unsafe { PyTuple_Size(names) } }
}
