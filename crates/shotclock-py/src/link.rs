//! The type of the chain's links: a scope's end, a canceller's `with`, or a shield. Entering and leaving one is a single
//! step in which no Python code runs, so that no signal's handler can come between what is entered and what is left.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use shotclock::Deadline;
use shotclock::raw::deadline_nanos;

use crate::call::{call_method_with, check_signals};
use crate::capi::{
    METH_FASTCALL, METH_NOARGS, METH_O, Py_DecRef, Py_False, Py_INCREF, Py_None, Py_T_BOOL, Py_T_LONGLONG,
    Py_TPFLAGS_BASETYPE, Py_TPFLAGS_DEFAULT, Py_TPFLAGS_HAVE_GC, Py_TYPE, Py_ssize_t, Py_tp_clear, Py_tp_dealloc,
    Py_tp_doc, Py_tp_getset, Py_tp_members, Py_tp_methods, Py_tp_new, Py_tp_traverse, PyBool_FromLong, PyCFunction,
    PyGetSetDef, PyMemberDef, PyMethodDef, PyMethodDefPointer, PyObject, PyObject_GC_UnTrack, PyType_IsSubtype,
    PyTypeObject, allocate, free, visitproc,
};
use crate::chain;
use crate::interpreter::PyResult;
use crate::object::{Owned, returned};
use crate::once::Once;
use crate::own_object::heap_type;

/// The end of what has none.
const NEVER: i64 = i64::MAX;

/// Of a link whose time does not count from entering it.
const NO_DURATION: i64 = -1;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    New,
    Open,
    Left,
}

/// A link. All of it is used with the interpreter held.
#[repr(C)]
struct LinkObject {
    head: PyObject,
    /// Its end, in nanoseconds of the system's monotonic clock; [`NEVER`] for cancellers and shields.
    deadline: i64,
    /// How long after entering that is, or [`NO_DURATION`].
    duration: i64,
    /// The canceller that it puts a block under, or null; a reference.
    canceller: *mut PyObject,
    /// The next link outside of it, or null; a reference.
    outer: *mut PyObject,
    /// When it was entered, as `chain::generation` counts.
    generation: u32,
    state: State,
    /// Whether it has ended a call.
    expired: c_char,
    /// Whether it is there to bound sockets, so that entering it looks whether it reaches them.
    reaches: c_char,
}

/// A link that somebody else keeps alive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkRef(NonNull<LinkObject>);

impl LinkRef {
    /// The object as a link; `None` if it is something else.
    ///
    /// # Safety
    /// `object` must be alive, and stay so for as long as this is used.
    pub(crate) unsafe fn of(object: *mut PyObject) -> PyResult<Option<Self>> {
        let link_type = link_type()?;
        // SAFETY: alive, hence its type.
        let is_link = unsafe { PyType_IsSubtype(Py_TYPE(object), link_type) } != 0;
        // SAFETY: just looked at.
        Ok(if is_link { Some(unsafe { Self::new(object) }) } else { None })
    }

    /// # Safety
    /// `object` must be a live link, and stay so for as long as this is used.
    unsafe fn new(object: *mut PyObject) -> Self {
        // SAFETY: alive, hence not null.
        Self(unsafe { NonNull::new_unchecked(object.cast()) })
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

    pub(crate) fn as_object(self) -> *mut PyObject {
        self.0.as_ptr().cast()
    }

    /// One more reference to it.
    pub(crate) fn owned(self) -> Owned {
        // SAFETY: alive.
        unsafe { Owned::borrowed(self.as_object()) }
    }

    /// Its end, if it is a scope, in nanoseconds.
    pub(crate) fn deadline(self) -> Option<u64> {
        let deadline = self.get().deadline;
        (deadline != NEVER).then(|| u64::try_from(deadline).unwrap_or(0))
    }

    /// The canceller's object, if it is a canceller's link.
    pub(crate) fn canceller(self) -> Option<NonNull<PyObject>> {
        NonNull::new(self.get().canceller)
    }

    /// Whether it hides what is outside of it.
    pub(crate) fn is_shield(self) -> bool {
        let link = self.get();
        link.deadline == NEVER && link.canceller.is_null()
    }

    /// Whether it was entered and not left. What was entered before the process left all (`chain::leave_all`) was left.
    pub(crate) fn is_open(self) -> bool {
        let link = self.get();
        link.state == State::Open && link.generation == chain::generation()
    }

    /// Whether it was never entered.
    pub(crate) fn is_new(self) -> bool {
        self.get().state == State::New
    }

    /// The next link outside of it.
    pub(crate) fn outer(self) -> Option<Self> {
        NonNull::new(self.get().outer.cast()).map(Self)
    }

    /// Says that it has ended a call.
    pub(crate) fn expire(self) {
        // SAFETY: alive, the interpreter is held, and no reference into it lives on.
        unsafe { (*self.0.as_ptr()).expired = 1 };
    }

    /// Begins: its time runs, and `outer` is what is around it.
    pub(crate) fn open(self, outer: Option<Owned>) {
        // SAFETY: as in `expire`.
        let link = unsafe { &mut *self.0.as_ptr() };
        if link.duration >= 0 {
            let now = i64::try_from(deadline_nanos(Deadline::now())).unwrap_or(NEVER);
            link.deadline = now.saturating_add(link.duration).min(NEVER - 1);
        }
        link.outer = outer.map_or(ptr::null_mut(), Owned::into_ptr);
        link.generation = chain::generation();
        link.state = State::Open;
        chain::count_opened();
    }

    /// Ends; false if it had not begun, or had ended.
    pub(crate) fn close(self) -> bool {
        let was_open = self.is_open();
        if was_open {
            chain::count_closed();
        }
        // SAFETY: as in `expire`.
        let link = unsafe { &mut *self.0.as_ptr() };
        if link.state == State::Open {
            link.state = State::Left;
        }
        was_open
    }

    fn get(&self) -> &LinkObject {
        // SAFETY: alive, and the interpreter is held; who changes it keeps no reference.
        unsafe { self.0.as_ref() }
    }
}

/// The type `_native.Link`, made at the first call.
pub(crate) fn link_type() -> PyResult<*mut PyTypeObject> {
    static MADE: Once<PyTypeObject> = Once::new();
    MADE.get_or_make(|| make().map(|made| made.into_ptr().cast()))
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
        member(c"_reaches", Py_T_BOOL, offset!(reaches), c"whether entering it looks that sockets are reached"),
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
        PyGetSetDef { name: ptr::null(), get: None, set: None, doc: ptr::null(), closure: ptr::null_mut() },
    ]
}

fn methods() -> Vec<PyMethodDef> {
    vec![
        method(c"__enter__", enter, c"__enter__($self, /)\n--\n\nBegin."),
        PyMethodDef {
            ml_name: c"__exit__".as_ptr(),
            ml_meth: PyMethodDefPointer { PyCFunctionFast: exit },
            ml_flags: METH_FASTCALL,
            ml_doc: c"__exit__($self, kind, error, traceback, /)\n--\n\nEnd, whatever the exception.".as_ptr(),
        },
        PyMethodDef {
            ml_name: c"_judge".as_ptr(),
            ml_meth: PyMethodDefPointer { PyCFunction: judge },
            ml_flags: METH_O,
            ml_doc: c"_judge($self, error, /)\n--\n\nWhether to swallow what the block raised.".as_ptr(),
        },
        PyMethodDef::zeroed(),
    ]
}

/// A method without arguments.
pub(crate) const fn method(name: &'static CStr, call: PyCFunction, doc: &'static CStr) -> PyMethodDef {
    let ml_meth = PyMethodDefPointer { PyCFunction: call };
    PyMethodDef { ml_name: name.as_ptr(), ml_meth, ml_flags: METH_NOARGS, ml_doc: doc.as_ptr() }
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
            (link.deadline, link.duration) = (NEVER, NO_DURATION);
        }
        object
    }
}

/// What must run Python code comes before; from `chain::enter` on none does.
unsafe extern "C" fn enter(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live link.
    let link = unsafe { LinkRef::new(me) };
    let begin = || {
        if link.get().reaches != 0 {
            chain::reach_every_socket()?;
        }
        // What is pending by now is before; 3.14 looks again when this returns.
        check_signals()?;
        chain::enter(link)
    };
    returned(begin().map(|()| link.owned()))
}

/// What must run Python code comes after.
unsafe extern "C" fn exit(me: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live link and so many live arguments.
    let (link, error) = unsafe { (LinkRef::new(me), error_of(arguments, count)) };
    let end = || {
        chain::leave(link)?;
        match error {
            None => Ok(Owned::none()),
            // SAFETY: alive, as an argument.
            Some(error) => unsafe { call_method_with(&link.owned(), c"_judge", error.as_ptr()) },
        }
    };
    returned(end())
}

/// What is made in Python may see it otherwise.
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

unsafe extern "C" fn traverse(me: *mut PyObject, visit: visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: a live link, which holds a reference to its type, as objects of heap types do; null is not visited.
    unsafe {
        let link = &*me.cast::<LinkObject>();
        for held in [Py_TYPE(me).cast(), link.outer, link.canceller] {
            let outcome = if held.is_null() { 0 } else { visit(held, argument) };
            if outcome != 0 {
                return outcome;
            }
        }
        0
    }
}

/// Nobody reaches it any more, so that it limits nothing.
unsafe extern "C" fn clear(me: *mut PyObject) -> c_int {
    // SAFETY: a live link; its references are taken out before they are given back, since that may run Python code.
    unsafe {
        LinkRef::new(me).close();
        let link = me.cast::<LinkObject>();
        let held =
            [(&raw mut (*link).outer).replace(ptr::null_mut()), (&raw mut (*link).canceller).replace(ptr::null_mut())];
        held.into_iter().filter(|held| !held.is_null()).for_each(|held| give_back_flat(held));
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

/// Gives a reference back. A link that ends with it gives back its own only when this has returned: a long chain would
/// need as deep a stack.
unsafe fn give_back_flat(object: *mut PyObject) {
    thread_local! {
        /// What is to be given back, while somebody is at it.
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
