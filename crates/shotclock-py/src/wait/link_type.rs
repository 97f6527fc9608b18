//! The type of the chain's links. Entering and leaving one is a single step in which no Python code runs, so that no
//! signal's handler can come between what is entered and what is left.

use std::cell::RefCell;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};

use crate::ffi::call::{call, call_method_with, check_signals};
use crate::ffi::capi::{
    METH_NOARGS, METH_O, Py_DecRef, Py_False, Py_INCREF, Py_None, Py_T_BOOL, Py_T_INT, Py_T_LONGLONG, Py_T_OBJECT_EX,
    Py_TPFLAGS_BASETYPE, Py_TPFLAGS_DEFAULT, Py_TPFLAGS_HAVE_GC, Py_TYPE, Py_ssize_t, Py_tp_clear, Py_tp_dealloc,
    Py_tp_doc, Py_tp_getset, Py_tp_members, Py_tp_methods, Py_tp_new, Py_tp_traverse, PyBool_FromLong, PyGetSetDef,
    PyMemberDef, PyMethodDef, PyObject, PyObject_GC_UnTrack, PyObject_GetAttrString, PyTypeObject, allocate, free,
    visitproc,
};
use crate::ffi::own_object::{fast, heap_type, method};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::wait::chain;
use crate::wait::link::{ALL_WAITS, LinkObject, LinkRef, NEVER, NO_DURATION, TYPE};

/// The type `_native.Link`, made at the first call.
pub(crate) fn link_type() -> PyResult<*mut PyTypeObject> {
    TYPE.get_or_make(|| make().map(|made| made.into_ptr().cast()))
}

/// A new link that puts a block under a canceller.
pub(crate) fn under(canceller: Owned) -> PyResult<Owned> {
    // SAFETY: the interpreter is held; the type is the one that `new` is for, and the object is nobody else's yet.
    unsafe {
        let link = Owned::new(new(link_type()?, ptr::null_mut(), ptr::null_mut()))?;
        (*link.as_ptr().cast::<LinkObject>()).canceller = canceller.into_ptr();
        Ok(link)
    }
}

fn make() -> PyResult<Owned> {
    let slots = [
        (Py_tp_doc, c"A link of the chain of what is in force around a call.".as_ptr().cast_mut().cast()),
        (Py_tp_new, new as *mut c_void),
        (Py_tp_dealloc, dealloc as *mut c_void),
        (Py_tp_traverse, traverse as *mut c_void),
        (Py_tp_clear, clear as *mut c_void),
        (Py_tp_methods, methods().leak().as_mut_ptr().cast()),
        (Py_tp_members, members().leak().as_mut_ptr().cast()),
        (Py_tp_getset, attributes().leak().as_mut_ptr().cast()),
    ];
    heap_type::<LinkObject>(
        c"shotclock._native.Link",
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
        &slots,
    )
}

fn members() -> Vec<PyMemberDef> {
    let member = |name: &'static CStr, type_code: c_int, offset: usize, doc: &'static CStr| PyMemberDef {
        name: name.as_ptr(),
        type_code,
        offset: offset.cast_signed(),
        flags: 0,
        doc: doc.as_ptr(),
    };
    macro_rules! offset {
        ($field:ident) => {
            std::mem::offset_of!(LinkObject, $field)
        };
    }
    vec![
        member(c"deadline_ns", Py_T_LONGLONG, offset!(deadline), c"its end, in nanoseconds of the monotonic clock"),
        member(c"_duration_ns", Py_T_LONGLONG, offset!(duration), c"how long after entering that is; -1: not so"),
        member(c"expired", Py_T_BOOL, offset!(expired), c"whether it has ended a call"),
        member(
            c"_ended_connection",
            Py_T_BOOL,
            offset!(ended_connection),
            c"whether a connection was ended that a library in C waited for",
        ),
        member(
            c"_first_raised_ns",
            Py_T_LONGLONG,
            offset!(first_raised),
            c"when its end was first raised; 0: it was not",
        ),
        member(c"_entered_ns", Py_T_LONGLONG, offset!(entered), c"when it was entered"),
        member(
            c"_grace_until_ns",
            Py_T_LONGLONG,
            offset!(grace_until),
            c"until when what cleans up may wait; 0: no longer",
        ),
        member(c"_runs", Py_T_OBJECT_EX, offset!(runs), c"what knows of the runs of event loops that were ended"),
        member(c"_reaches", Py_T_BOOL, offset!(reaches), c"whether entering it looks that sockets are reached"),
        member(
            c"_waits",
            Py_T_INT,
            offset!(waits),
            c"what it bounds beside sockets: 0 nothing, 1 Python's waits, 2 C's too",
        ),
        PyMemberDef { name: ptr::null(), type_code: 0, offset: 0, flags: 0, doc: ptr::null() },
    ]
}

fn attributes() -> Vec<PyGetSetDef> {
    let get = |name: &'static CStr, get, doc: &'static CStr| PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set: None,
        doc: doc.as_ptr(),
        closure: ptr::null_mut(),
    };
    vec![
        get(c"_open", is_open, c"whether it was entered and not left"),
        get(c"_canceller", canceller, c"the canceller that it puts a block under, or None"),
        PyGetSetDef { name: ptr::null(), get: None, set: None, doc: ptr::null(), closure: ptr::null_mut() },
    ]
}

fn methods() -> Vec<PyMethodDef> {
    vec![
        method(c"__enter__", enter, METH_NOARGS, c"__enter__($self, /)\n--\n\nBegin."),
        fast(c"__exit__", exit, c"__exit__($self, kind, error, traceback, /)\n--\n\nEnd, whatever the exception."),
        method(c"_judge", judge, METH_O, c"_judge($self, error, /)\n--\n\nWhether to swallow what the block raised."),
        PyMethodDef::zeroed(),
    ]
}

/// The exception of `__exit__`'s arguments, if there is one.
///
/// # Safety
/// `arguments` must be so many live objects.
pub(crate) unsafe fn error_of(arguments: *mut *mut PyObject, count: Py_ssize_t) -> Option<NonNull<PyObject>> {
    if count < 2 {
        return None;
    }
    // SAFETY: by the caller's promise; None lives for ever.
    unsafe {
        let error = *arguments.add(1);
        NonNull::new(error).filter(|_| error != Py_None())
    }
}

unsafe extern "C" fn new(of: *mut PyTypeObject, _: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the type is alive; an object of it has our layout, zeroed.
    unsafe {
        let object = allocate(of);
        if let Some(link) = object.cast::<LinkObject>().as_mut() {
            (link.deadline, link.duration, link.waits) = (NEVER, NO_DURATION, ALL_WAITS);
        }
        object
    }
}

/// Whatever must run Python code is done first; from `chain::enter` on none runs.
unsafe extern "C" fn enter(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live link.
    let link = unsafe { LinkRef::new(me) };
    let begin = || {
        if link.get().reaches != 0 {
            chain::reach_every_socket()?;
        }
        // Signals that are pending by now are handled before entering; 3.14 looks again when this returns.
        check_signals()?;
        chain::enter(link)
    };
    returned(begin().map(|()| link.owned()))
}

/// Whatever must run Python code is done last.
unsafe extern "C" fn exit(me: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live link and so many live arguments.
    let (link, error) = unsafe { (LinkRef::new(me), error_of(arguments, count)) };
    let end = || {
        chain::leave(link)?;
        // The frame kept for telling whether its end was swallowed may keep much else alive.
        drop(link.take_frame());
        match (link.take_runs(), error) {
            (Some(runs), _) => leave_runs(&runs, link, error),
            (None, None) => Ok(Owned::none()),
            // SAFETY: alive, as an argument.
            (None, Some(error)) => unsafe { call_method_with(&link.owned(), c"_judge", error.as_ptr()) },
        }
    };
    returned(end())
}

/// Has what knows of ended runs of event loops judge what the block raised, if it did: `runs.leave(link, error)`.
pub(crate) fn leave_runs(runs: &Owned, link: LinkRef, error: Option<NonNull<PyObject>>) -> PyResult<Owned> {
    let none = Owned::none();
    let error = error.map_or(none.as_ptr(), NonNull::as_ptr);
    // SAFETY: the interpreter is held, all are alive, the name ends with a NUL.
    unsafe {
        let leave = Owned::new(PyObject_GetAttrString(runs.as_ptr(), c"leave".as_ptr()))?;
        let arguments = Owned::tuple([link.as_object(), error].into_iter())?;
        call(leave.as_ptr(), arguments.as_ptr(), ptr::null_mut())
    }
}

/// A scope lets every exception pass; subclasses in Python may decide otherwise.
unsafe extern "C" fn judge(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: False lives for ever.
    unsafe {
        Py_INCREF(Py_False());
        Py_False()
    }
}

unsafe extern "C" fn is_open(me: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: a live link; the interpreter is held.
    unsafe { PyBool_FromLong(LinkRef::new(me).is_open().into()) }
}

unsafe extern "C" fn canceller(me: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: a live link; the interpreter is held.
    let known = unsafe { LinkRef::new(me) }.canceller();
    // SAFETY: alive as its link is.
    returned(Ok(known.map_or_else(Owned::none, |canceller| unsafe { Owned::borrowed(canceller.as_ptr()) })))
}

unsafe extern "C" fn traverse(me: *mut PyObject, visit: visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: a live link, which holds a reference to its type, as objects of heap types do; null is not visited.
    unsafe {
        let link = &*me.cast::<LinkObject>();
        for referred in [Py_TYPE(me).cast(), link.outer, link.canceller, link.frame, link.runs] {
            let outcome = if referred.is_null() { 0 } else { visit(referred, argument) };
            if outcome != 0 {
                return outcome;
            }
        }
        0
    }
}

/// For the garbage collector: nobody can reach the link any more, so it bounds nothing from now on.
unsafe extern "C" fn clear(me: *mut PyObject) -> c_int {
    // SAFETY: a live link; its references are taken out before they are given back, since that may run Python code.
    unsafe {
        LinkRef::new(me).close();
        let link = me.cast::<LinkObject>();
        let fields =
            [&raw mut (*link).outer, &raw mut (*link).canceller, &raw mut (*link).frame, &raw mut (*link).runs];
        let references = fields.map(|field| field.replace(ptr::null_mut()));
        references.into_iter().filter(|one| !one.is_null()).for_each(|one| give_back_flat(one));
    }
    0
}

unsafe extern "C" fn dealloc(me: *mut PyObject) {
    // SAFETY: the interpreter calls this once with a dead link, and every type has tp_free, a function of this signature.
    // The object of a heap type holds a reference to it.
    unsafe {
        PyObject_GC_UnTrack(me.cast());
        clear(me);
        let class = Py_TYPE(me);
        free(class, me);
        Py_DecRef(class.cast());
    }
}

/// Drops a reference. If a link is freed by that, the references it holds are dropped after this has returned, and not
/// inside of it: a long chain would else need a deep stack.
unsafe fn give_back_flat(object: *mut PyObject) {
    thread_local! {
        /// The references still to be dropped, while a caller further out drops them.
        static LATER: RefCell<Option<Vec<*mut PyObject>>> = const { RefCell::new(None) };
    }
    let is_later = LATER.try_with(|later| match &mut *later.borrow_mut() {
        Some(later) => {
            later.push(object);
            true
        }
        none => {
            *none = Some(Vec::new());
            false
        }
    });
    if is_later == Ok(true) {
        return;
    }
    let mut next = Some(object);
    while let Some(object) = next {
        // SAFETY: by the caller's promise, now or when it was put there.
        unsafe { Py_DecRef(object) };
        next = LATER.try_with(|later| later.borrow_mut().as_mut().and_then(Vec::pop)).ok().flatten();
    }
    let _ = LATER.try_with(|later| later.take());
}
