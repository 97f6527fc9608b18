//! Calls of Python's objects, the handlers of signals, and code that runs without the interpreter.

use std::ffi::CStr;
use std::ptr;

use crate::ffi::arguments::Arguments;
use crate::ffi::capi::{
    PyErr_CheckSignals, PyEval_RestoreThread, PyEval_SaveThread, PyObject, PyObject_Call, PyObject_GetAttrString,
    PyObject_Vectorcall,
};
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// `callable(*arguments, **keywords)`.
///
/// # Safety
/// All must be alive: a callable, a tuple, and a dict or null.
pub(crate) unsafe fn call(
    callable: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> PyResult<Owned> {
    // SAFETY: by the caller's promise; the interpreter is held.
    Owned::new(unsafe { PyObject_Call(callable, arguments, keywords) })
}

/// `callable()`.
///
/// # Safety
/// It must be alive.
pub(crate) unsafe fn call_plainly(callable: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: the interpreter is held; the rest by the caller's promise.
    unsafe { call(callable, Owned::tuple(std::iter::empty())?.as_ptr(), ptr::null_mut()) }
}

/// `method(me, *arguments)`, for a method of a class: without a tuple where the arguments are few.
///
/// # Safety
/// All must be alive.
#[inline]
pub(crate) unsafe fn call_vector(
    method: *mut PyObject,
    me: *mut PyObject,
    arguments: &Arguments<'_>,
) -> PyResult<Owned> {
    const MOST: usize = 4;
    let mut all = [ptr::null_mut(); MOST];
    let count = 1 + arguments.len();
    if count > MOST {
        let all = std::iter::once(me).chain(arguments.iter()).collect::<Vec<_>>();
        // SAFETY: by the caller's promise.
        return unsafe { call(method, Owned::tuple(all.into_iter())?.as_ptr(), ptr::null_mut()) };
    }
    all.iter_mut().zip(std::iter::once(me).chain(arguments.iter())).for_each(|(place, object)| *place = object);
    // SAFETY: by the caller's promise; the interpreter is held.
    Owned::new(unsafe { PyObject_Vectorcall(method, all.as_ptr(), count, ptr::null_mut()) })
}

/// `object.name()`.
pub(crate) fn call_method(object: &Owned, name: &CStr) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, the objects are alive.
    unsafe {
        let method = Owned::new(PyObject_GetAttrString(object.as_ptr(), name.as_ptr()))?;
        call_plainly(method.as_ptr())
    }
}

/// `object.name(argument)`.
///
/// # Safety
/// The argument must be alive.
pub(crate) unsafe fn call_method_with(object: &Owned, name: &CStr, argument: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, the objects are alive, the argument by the caller's promise.
    unsafe {
        let method = Owned::new(PyObject_GetAttrString(object.as_ptr(), name.as_ptr()))?;
        call(method.as_ptr(), Owned::tuple(std::iter::once(argument))?.as_ptr(), ptr::null_mut())
    }
}

/// `callable(*arguments)`, of a few.
///
/// # Safety
/// All must be alive.
pub(crate) unsafe fn call_with<const N: usize>(
    callable: *mut PyObject,
    arguments: [*mut PyObject; N],
) -> PyResult<Owned> {
    // SAFETY: by the caller's promise; the interpreter is held.
    Owned::new(unsafe { PyObject_Vectorcall(callable, arguments.as_ptr(), N, ptr::null_mut()) })
}

/// Lets pending signal handlers run, in the main thread (PEP 475).
pub(crate) fn check_signals() -> PyResult<()> {
    // SAFETY: the interpreter is held.
    if unsafe { PyErr_CheckSignals() } == 0 { Ok(()) } else { Err(Raised) }
}

/// Runs `call` with the interpreter released. It must not touch any Python object.
pub(crate) fn released<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: methods run with the interpreter held, and give it up only here; it is taken again before returning.
    let state = unsafe { PyEval_SaveThread() };
    let result = call();
    // SAFETY: the state is the one this thread gave up above.
    unsafe { PyEval_RestoreThread(state) };
    result
}
