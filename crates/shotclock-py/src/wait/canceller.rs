//! The type of Python's cancellers, over the core's. As with scopes, entering and leaving is one step each.

use std::ffi::{CStr, c_void};
use std::ptr;

use shotclock::Canceller;

use crate::ffi::call::{call_method_with, call_with, check_signals};
use crate::ffi::capi::{
    METH_NOARGS, Py_DecRef, Py_TPFLAGS_BASETYPE, Py_TPFLAGS_DEFAULT, Py_TYPE, Py_ssize_t, Py_tp_dealloc, Py_tp_doc,
    Py_tp_getset, Py_tp_methods, Py_tp_new, PyBool_FromLong, PyErr_GivenExceptionMatches, PyExc_Exception, PyGetSetDef,
    PyMethodDef, PyObject, PyObject_GetAttrString, PyTypeObject, allocate, free,
};
use crate::ffi::once::Once;
use crate::ffi::own_object::{fast, heap_type, method};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::wait::link::LinkRef;
use crate::wait::link_type::{error_of, leave_runs};
use crate::wait::{chain, link_type, open_scopes};

#[repr(C)]
struct CancellerObject {
    head: PyObject,
    core: Canceller,
}

/// The core's canceller of a Python object of the type below.
pub(crate) fn core_of(object: &Owned) -> &Canceller {
    // SAFETY: the objects in links are of that type, and alive as long as the reference.
    unsafe { core(object.as_ptr()) }
}

/// As [`core_of`].
///
/// # Safety
/// `object` must be a live object of that type, for as long as what this gives.
pub(crate) unsafe fn core<'a>(object: *mut PyObject) -> &'a Canceller {
    // SAFETY: by the caller's promise; `new` has put it there, and it stays to the object's end.
    unsafe { &(*object.cast::<CancellerObject>()).core }
}

/// The type `_native.Canceller`, made at the first call.
pub(crate) fn canceller_type() -> PyResult<*mut PyTypeObject> {
    static MADE: Once<PyTypeObject> = Once::new();
    MADE.get_or_make(|| make().map(|made| made.into_ptr().cast()))
}

fn make() -> PyResult<Owned> {
    let slots = [
        (Py_tp_doc, c"A canceller of the core.".as_ptr().cast_mut().cast()),
        (Py_tp_new, new as *mut c_void),
        (Py_tp_dealloc, dealloc as *mut c_void),
        (Py_tp_methods, methods().leak().as_mut_ptr().cast()),
        (Py_tp_getset, attributes().leak().as_mut_ptr().cast()),
    ];
    heap_type::<CancellerObject>(c"shotclock._native.Canceller", Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, &slots)
}

fn methods() -> Vec<PyMethodDef> {
    vec![
        method(c"cancel", cancel, METH_NOARGS, c"cancel($self, /)\n--\n\nWake all that wait under it."),
        method(c"__enter__", enter, METH_NOARGS, c"__enter__($self, /)\n--\n\nBegin."),
        fast(c"__exit__", exit, c"__exit__($self, kind, error, traceback, /)\n--\n\nEnd, whatever the exception."),
        PyMethodDef::zeroed(),
    ]
}

fn attributes() -> Vec<PyGetSetDef> {
    const CANCELLED: &CStr = c"cancelled";
    vec![
        PyGetSetDef {
            name: CANCELLED.as_ptr(),
            get: Some(is_cancelled),
            set: None,
            doc: c"Whether ``cancel()`` was called.".as_ptr(),
            closure: ptr::null_mut(),
        },
        PyGetSetDef { name: ptr::null(), get: None, set: None, doc: ptr::null(), closure: ptr::null_mut() },
    ]
}

unsafe extern "C" fn new(of: *mut PyTypeObject, _: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the type is alive; an object of it has our layout, zeroed, and
    // nobody else has it yet.
    unsafe {
        let object = allocate(of);
        if !object.is_null() {
            (&raw mut (*object.cast::<CancellerObject>()).core).write(Canceller::new());
        }
        object
    }
}

unsafe extern "C" fn dealloc(me: *mut PyObject) {
    // SAFETY: the interpreter calls this once with a dead object that `new` has made; every type has tp_free, a function
    // of this signature. The object of a heap type holds a reference to it.
    unsafe {
        (&raw mut (*me.cast::<CancellerObject>()).core).drop_in_place();
        let class = Py_TYPE(me);
        free(class, me);
        Py_DecRef(class.cast());
    }
}

unsafe extern "C" fn cancel(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live object of this type.
    unsafe { core(me) }.cancel();
    open_scopes::cancelled(me);
    returned(Ok(Owned::none()))
}

unsafe extern "C" fn is_cancelled(me: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: as in `cancel`; the interpreter is held.
    unsafe { PyBool_FromLong(core(me).is_cancelled().into()) }
}

/// A canceller may be entered often and by many at once, so each `with` of it is a link of its own.
unsafe extern "C" fn enter(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `cancel`.
    let me = unsafe { Owned::borrowed(me) };
    let begin = || {
        chain::reach_every_socket()?;
        // SAFETY: alive.
        let link = link_type::under(unsafe { Owned::borrowed(me.as_ptr()) })?;
        // Signals that are pending by now are handled before entering; 3.14 looks again when this returns.
        check_signals()?;
        // SAFETY: alive, and of just this type.
        unsafe { LinkRef::of(link.as_ptr())? }.map_or(Ok(()), chain::enter)?;
        if core_of(&me).is_cancelled() {
            open_scopes::cancelled(me.as_ptr());
        }
        Ok(())
    };
    returned(begin().map(|()| me))
}

unsafe extern "C" fn exit(me: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: the interpreter calls this with so many live arguments.
    let error = unsafe { error_of(arguments, count) };
    let end = || {
        if let Some(entered) = chain::entered_for(me)?
            // SAFETY: alive, and of just this type.
            && let Some(link) = unsafe { LinkRef::of(entered.as_ptr())? }
        {
            chain::leave(link)?;
            if let Some(runs) = link.take_runs() {
                return leave_runs(&runs, link, error);
            }
            if link.has_ended_connection()
                && let Some(error) = error
            {
                return judge_ended(me, &entered, error.as_ptr());
            }
        }
        // Of what is no Exception its own end may have become one.
        // SAFETY: alive, as an argument and the object called; a static of the interpreter.
        unsafe {
            match error.filter(|error| PyErr_GivenExceptionMatches(error.as_ptr(), PyExc_Exception) == 0) {
                Some(error) => call_method_with(&Owned::borrowed(me), c"_judge", error.as_ptr()),
                None => Ok(Owned::none()),
            }
        }
    };
    returned(end())
}

/// Has Python judge what has come of a connection that was ended in the block: `canceller._judge(error, link)`.
fn judge_ended(me: *mut PyObject, link: &Owned, error: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, all are alive, the name ends with a NUL.
    unsafe {
        let judge = Owned::new(PyObject_GetAttrString(me, c"_judge".as_ptr()))?;
        call_with(judge.as_ptr(), [error, link.as_ptr()])
    }
}
