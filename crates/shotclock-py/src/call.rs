//! Calls that run Python code.
//!
//! Up to 3.13 the interpreter ends a thread that comes back to it while it shuts down, by pthread_exit(3), which unwinds
//! the stack: the frames of Rust would make an abort of that. Such a thread sleeps for ever instead, as in 3.14.

use std::ffi::{CStr, c_char, c_int};
use std::{mem, ptr, thread};

use pyo3_ffi::{PyObject, PyThreadState};

use crate::arguments::Arguments;
use crate::interpreter::{PyResult, Raised};
use crate::object::Owned;

/// The interpreter's functions, which the bindings declare as ones that never unwind.
pub(crate) mod unwinding {
    use super::{PyObject, PyThreadState, c_char, c_int};

    unsafe extern "C-unwind" {
        pub(super) fn PyObject_Call(
            callable: *mut PyObject,
            arguments: *mut PyObject,
            keywords: *mut PyObject,
        ) -> *mut PyObject;
        /// In the stable interface since 3.12, and exported under this name since 3.9.
        pub(super) fn PyObject_Vectorcall(
            callable: *mut PyObject,
            arguments: *const *mut PyObject,
            count: usize,
            names: *mut PyObject,
        ) -> *mut PyObject;
        pub(super) fn PyObject_GetAttrString(object: *mut PyObject, name: *const c_char) -> *mut PyObject;
        pub(super) fn PyObject_SetAttrString(object: *mut PyObject, name: *const c_char, value: *mut PyObject)
        -> c_int;
        pub(super) fn PyImport_ImportModule(name: *const c_char) -> *mut PyObject;
        pub(crate) fn PyArg_ParseTuple(arguments: *mut PyObject, format: *const c_char, ...) -> c_int;
        pub(crate) fn PyArg_ParseTupleAndKeywords(
            arguments: *mut PyObject,
            keywords: *mut PyObject,
            format: *const c_char,
            names: *const *const c_char,
            ...
        ) -> c_int;
        pub(crate) fn PyArg_Parse(argument: *mut PyObject, format: *const c_char, ...) -> c_int;
        pub(crate) fn PyUnicode_AsEncodedString(
            text: *mut PyObject,
            encoding: *const c_char,
            errors: *const c_char,
        ) -> *mut PyObject;
        pub(super) fn PyObject_IsTrue(object: *mut PyObject) -> c_int;
        pub(super) fn PyErr_CheckSignals() -> c_int;
        pub(super) fn PyEval_SaveThread() -> *mut PyThreadState;
        pub(super) fn PyEval_RestoreThread(state: *mut PyThreadState);
        pub(super) fn Py_DecRef(object: *mut PyObject);
    }
}

/// `PyArg_ParseTuple`, which is unsafe as the interpreter's own; converters run Python code: codecs, `__index__`, buffers.
macro_rules! parse_tuple {
    ($($argument:expr),* $(,)?) => {
        $crate::call::or_sleep(|| $crate::call::unwinding::PyArg_ParseTuple($($argument),*))
    };
}
pub(crate) use parse_tuple;

/// `PyArg_ParseTupleAndKeywords`, which is unsafe as the interpreter's own; as [`parse_tuple`].
macro_rules! parse_keywords {
    ($($argument:expr),* $(,)?) => {
        $crate::call::or_sleep(|| $crate::call::unwinding::PyArg_ParseTupleAndKeywords($($argument),*))
    };
}
pub(crate) use parse_keywords;

/// `PyArg_Parse`, which is unsafe as the interpreter's own; as [`parse_tuple`].
macro_rules! parse_one {
    ($($argument:expr),* $(,)?) => {
        $crate::call::or_sleep(|| $crate::call::unwinding::PyArg_Parse($($argument),*))
    };
}
pub(crate) use parse_one;

/// `PyUnicode_AsEncodedString`, which is unsafe as the interpreter's own; most codecs are Python code.
macro_rules! encoded {
    ($($argument:expr),* $(,)?) => {
        $crate::call::or_sleep(|| $crate::call::unwinding::PyUnicode_AsEncodedString($($argument),*))
    };
}
pub(crate) use encoded;

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
    Owned::new(or_sleep(|| unsafe { unwinding::PyObject_Call(callable, arguments, keywords) }))
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
    Owned::new(or_sleep(|| unsafe { unwinding::PyObject_Vectorcall(method, all.as_ptr(), count, ptr::null_mut()) }))
}

/// `PyObject_GetAttrString`.
///
/// # Safety
/// As the interpreter's own: all must be alive.
pub(crate) unsafe fn attr_string(object: *mut PyObject, name: *const c_char) -> *mut PyObject {
    // SAFETY: by the caller's promise; the interpreter is held.
    or_sleep(|| unsafe { unwinding::PyObject_GetAttrString(object, name) })
}

/// `PyObject_SetAttrString`.
///
/// # Safety
/// As the interpreter's own: all must be alive.
pub(crate) unsafe fn set_attr_string(object: *mut PyObject, name: *const c_char, value: *mut PyObject) -> c_int {
    // SAFETY: by the caller's promise; the interpreter is held.
    or_sleep(|| unsafe { unwinding::PyObject_SetAttrString(object, name, value) })
}

/// `PyImport_ImportModule`.
///
/// # Safety
/// As the interpreter's own: all must be alive.
pub(crate) unsafe fn import_module(name: *const c_char) -> *mut PyObject {
    // SAFETY: by the caller's promise; the interpreter is held.
    or_sleep(|| unsafe { unwinding::PyImport_ImportModule(name) })
}

/// `PyObject_IsTrue`.
///
/// # Safety
/// As the interpreter's own: all must be alive.
pub(crate) unsafe fn is_true(object: *mut PyObject) -> c_int {
    // SAFETY: by the caller's promise; the interpreter is held.
    or_sleep(|| unsafe { unwinding::PyObject_IsTrue(object) })
}

/// `object.name()`.
pub(crate) fn call_method(object: &Owned, name: &CStr) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, the objects are alive.
    unsafe {
        let method = Owned::new(attr_string(object.as_ptr(), name.as_ptr()))?;
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
        let method = Owned::new(attr_string(object.as_ptr(), name.as_ptr()))?;
        call(method.as_ptr(), Owned::tuple(std::iter::once(argument))?.as_ptr(), ptr::null_mut())
    }
}

/// Lets pending signal handlers run, in the main thread (PEP 475).
pub(crate) fn check_signals() -> PyResult<()> {
    // SAFETY: the interpreter is held.
    if or_sleep(|| unsafe { unwinding::PyErr_CheckSignals() }) == 0 { Ok(()) } else { Err(Raised) }
}

/// Gives a reference back, with which the object may end.
///
/// # Safety
/// The reference must be the caller's.
pub(crate) unsafe fn give_back(object: *mut PyObject) {
    // SAFETY: by the caller's promise; the interpreter is held.
    or_sleep(|| unsafe { unwinding::Py_DecRef(object) });
}

/// Runs `call` with the interpreter released. It must not touch any Python object.
pub(crate) fn released<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: methods run with the interpreter held, and give it up only here; it is taken again before returning.
    let state = unsafe { unwinding::PyEval_SaveThread() };
    let result = call();
    // SAFETY: the state is the one this thread gave up above.
    or_sleep(|| unsafe { unwinding::PyEval_RestoreThread(state) });
    result
}

pub(crate) fn or_sleep<T>(call: impl FnOnce() -> T) -> T {
    struct Sleep;
    impl Drop for Sleep {
        fn drop(&mut self) {
            loop {
                thread::park();
            }
        }
    }
    let unwound = Sleep;
    let result = call();
    mem::forget(unwound);
    result
}
