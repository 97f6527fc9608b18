//! What stands in the interpreter's tables: for each function seven of ours, of which the one with its convention is put
//! there. Where nothing bounds the caller it jumps to what was there, with the arguments as they are.

use std::ffi::c_void;
use std::mem::transmute;
use std::ptr;

use crate::ffi::capi::{Py_ssize_t, PyObject, PyTuple_Size, PyTypeObject};
use crate::hooks::called::{Called, Passed};
use crate::hooks::places::Place;
use crate::hooks::slot::{Convention, Fast, FastWithClass, FastWithKeywords, Plain, WithKeywords, is_main_interpreter};
use crate::hooks::watched;
use crate::socket::open;
use crate::wait::bounds::Reach;
use crate::wait::chain;
use crate::wait::open_scopes::Inside;

/// What bounds a wait of an ordinary call, and what handles it then.
pub(crate) type Handler = fn(&Called<'_>) -> *mut PyObject;

/// The functions of ours that may stand in one slot.
pub(crate) struct Functions {
    plain: [Plain; 3],
    with_keywords: WithKeywords,
    fast: Fast,
    fast_with_keywords: FastWithKeywords,
    fast_with_class: FastWithClass,
}

/// A place with what waits in it.
pub(super) trait Handled: Place {
    /// What a call is at that waits; nothing for a function that does not.
    const WHAT: &'static str;
    const HANDLER: Handler;
}

impl Functions {
    pub(super) const fn of<P: Handled>() -> Self {
        Self {
            plain: [none::<P>, one::<P>, tuple::<P>],
            with_keywords: with_keywords::<P>,
            fast: fast::<P>,
            fast_with_keywords: fast_with_keywords::<P>,
            fast_with_class: fast_with_class::<P>,
        }
    }

    pub(super) fn for_convention(&self, convention: Convention) -> *mut c_void {
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

/// Whether nothing bounds the waits of who calls, and nobody watches: one look at a number while no scope is open anywhere.
#[inline(always)]
fn is_free() -> bool {
    !open::is_any_open() || is_free_here()
}

#[cold]
fn is_free_here() -> bool {
    !is_main_interpreter() || !(open::is_watched() || is_bounded_here())
}

fn is_bounded_here() -> bool {
    open::links() != 0 && chain::is_any_in_force(|link| Reach::Waits.has(link))
}

/// Makes a call that is not free.
#[cold]
fn make<P: Handled>(called: &Called<'_>) -> *mut PyObject {
    // While nobody watches it is not free for that alone.
    if open::is_watched() && !is_bounded_here() {
        return if P::WHAT.is_empty() { called.as_called() } else { watched::call(called, P::WHAT) };
    }
    // What the thread waits for meanwhile is no library's own.
    let _inside = Inside::enter();
    P::HANDLER(called)
}

// In those that stand in the interpreter's tables nothing is to be dropped when the interpreter ends the thread by unwinding
// its stack (up to 3.13): the call of what was there is the last thing they do.

unsafe extern "C-unwind" fn none<P: Handled>(me: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
    if is_free() {
        // SAFETY: this stands where a function of this signature was, which gets its arguments as they are. So below.
        return unsafe { transmute::<*mut c_void, Plain>(P::slot().original())(me, argument) };
    }
    make::<P>(&Called::new(P::slot(), me, ptr::null_mut(), Passed::Vector(&[], ptr::null_mut())))
}

unsafe extern "C-unwind" fn one<P: Handled>(me: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe { transmute::<*mut c_void, Plain>(P::slot().original())(me, argument) };
    }
    make::<P>(&Called::new(P::slot(), me, ptr::null_mut(), Passed::Vector(&[argument], ptr::null_mut())))
}

unsafe extern "C-unwind" fn tuple<P: Handled>(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe { transmute::<*mut c_void, Plain>(P::slot().original())(me, arguments) };
    }
    make::<P>(&Called::new(P::slot(), me, ptr::null_mut(), Passed::Tuple(arguments, ptr::null_mut())))
}

unsafe extern "C-unwind" fn with_keywords<P: Handled>(
    me: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    if is_free() {
        // SAFETY: as above.
        return unsafe { transmute::<*mut c_void, WithKeywords>(P::slot().original())(me, arguments, keywords) };
    }
    make::<P>(&Called::new(P::slot(), me, ptr::null_mut(), Passed::Tuple(arguments, keywords)))
}

unsafe extern "C-unwind" fn fast<P: Handled>(
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
    make::<P>(&Called::new(P::slot(), me, ptr::null_mut(), passed))
}

unsafe extern "C-unwind" fn fast_with_keywords<P: Handled>(
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
    make::<P>(&Called::new(P::slot(), me, ptr::null_mut(), passed))
}

unsafe extern "C-unwind" fn fast_with_class<P: Handled>(
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
    make::<P>(&Called::new(P::slot(), me, class, passed))
}

/// How many names there are.
///
/// # Safety
/// A live tuple, or null.
unsafe fn count_of(names: *mut PyObject) -> Py_ssize_t {
    // SAFETY: by the caller's promise.
    if names.is_null() { 0 } else { unsafe { PyTuple_Size(names) } }
}
