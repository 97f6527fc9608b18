//! The type `_socket.socket` of our own, with the C layout of the interpreter's, so that `_ssl` takes it for its own.

use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use shotclock::unstable::{Errno, syscall};
use shotclock::{Family, Kind, Protocol};

use crate::ffi::arguments::{Keywords, descriptor, int};
use crate::ffi::call::released;
use crate::ffi::capi::{
    Py_None, Py_READONLY, Py_T_INT, Py_TPFLAGS_BASETYPE, Py_TPFLAGS_DEFAULT, Py_TPFLAGS_HAVE_GC, Py_TYPE, Py_tp_doc,
    Py_tp_finalize, Py_tp_getset, Py_tp_init, Py_tp_members, Py_tp_methods, Py_tp_new, Py_tp_repr, Py_tp_traverse,
    PyCapsule_New, PyDescr_NewGetSet, PyErr_ExceptionMatches, PyErr_WriteUnraisable, PyExc_OSError, PyExc_TimeoutError,
    PyExc_Warning, PyGetSetDef, PyMemberDef, PyObject, PyTypeObject, variadic, visitproc,
};
use crate::ffi::exception;
use crate::ffi::exception::Kept;
use crate::ffi::own_object::heap_type;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::methods::state;
use crate::mount::table::Definitions;
use crate::socket::audit::audit;
use crate::socket::object::{FAMILY, KIND, PROTOCOL, SocketObject, SocketRef};
use crate::socket::stock::stock;
use crate::socket::{accepted, kinds, sole};
use crate::wait::{low_water, policy};

/// Py_TPFLAGS_IMMUTABLETYPE, which the bindings hide from the stable interface though the interpreter takes it.
const IMMUTABLE: c_ulong = 1 << 8;

/// The capsule `_socket.CAPI`, by which `_ssl` finds the type.
pub(crate) fn capsule() -> PyResult<Owned> {
    /// `PySocketModule_APIObject` of CPython's socketmodule.h.
    #[repr(C)]
    struct Api {
        socket: *mut PyTypeObject,
        error: *mut PyObject,
        timeout_error: *mut PyObject,
    }
    // SAFETY: the exceptions are statics of the interpreter, the name lives for ever, and so does the content: whoever
    // imported the capsule keeps the pointer.
    unsafe {
        let api = Api { socket: kinds::socket_type()?, error: PyExc_OSError, timeout_error: PyExc_TimeoutError };
        let api: *mut Api = Box::leak(Box::new(api));
        Owned::new(PyCapsule_New(api.cast::<c_void>(), c"_socket.CAPI".as_ptr(), None))
    }
}

/// Makes the type.
pub(super) fn make() -> PyResult<Owned> {
    let stock = stock()?;
    let methods = Definitions::of_methods()?;
    let slots = [
        (Py_tp_doc, stock.type_documentation()?.into_raw().cast()),
        (Py_tp_new, kinds::new as *mut c_void),
        (Py_tp_init, init as *mut c_void),
        // No tp_dealloc: the one that a heap type gets calls tp_finalize, frees, and drops the type.
        (Py_tp_finalize, finalize as *mut c_void),
        (Py_tp_traverse, traverse as *mut c_void),
        (Py_tp_repr, repr as *mut c_void),
        (Py_tp_methods, methods.as_mut_ptr().cast()),
        (Py_tp_members, members().as_mut_ptr().cast()),
        (Py_tp_getset, ATTRIBUTES.0.as_ptr().cast_mut().cast()),
    ];
    let flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | IMMUTABLE;
    heap_type::<SocketObject>(c"_socket.socket", flags, &slots)
}

fn members() -> &'static mut [PyMemberDef] {
    let member = |name: &'static CStr, offset: usize, doc: &'static CStr| PyMemberDef {
        name: name.as_ptr(),
        type_code: Py_T_INT,
        offset: offset.cast_signed(),
        flags: Py_READONLY,
        doc: doc.as_ptr(),
    };
    let all = vec![
        member(c"family", FAMILY, c"the socket family"),
        member(c"type", KIND, c"the socket type"),
        member(c"proto", PROTOCOL, c"the socket protocol"),
        PyMemberDef { name: ptr::null(), type_code: 0, offset: 0, flags: 0, doc: ptr::null() },
    ];
    all.leak()
}

/// The computed attributes, and the empty one that ends them. The interpreter only reads them.
struct Attributes([PyGetSetDef; 2]);

// SAFETY: never written; the pointers are to statics.
unsafe impl Sync for Attributes {}

static ATTRIBUTES: Attributes = Attributes([
    PyGetSetDef {
        name: TIMEOUT.as_ptr(),
        get: Some(timeout),
        set: None,
        doc: c"the socket timeout".as_ptr(),
        closure: ptr::null_mut(),
    },
    PyGetSetDef { name: ptr::null(), get: None, set: None, doc: ptr::null(), closure: ptr::null_mut() },
]);

/// The name of the attribute that shows the program's timeout.
pub(crate) const TIMEOUT: &CStr = c"timeout";

/// The attribute [`TIMEOUT`] for a class of the interpreter's own sockets.
///
/// # Safety
/// `class` must be such a class, and alive.
pub(crate) unsafe fn timeout_descriptor(class: *mut PyTypeObject) -> PyResult<Owned> {
    // SAFETY: by the caller's promise; the definition lives for ever.
    Owned::new(unsafe { PyDescr_NewGetSet(class, ATTRIBUTES.0.as_ptr().cast_mut()) })
}

unsafe extern "C" fn init(me: *mut PyObject, arguments: *mut PyObject, keywords: *mut PyObject) -> c_int {
    // SAFETY: the interpreter calls this with a live object of this type.
    let socket = unsafe { SocketRef::new(me) };
    match init_checked(socket, arguments, keywords) {
        Ok(()) => 0,
        Err(Raised) => -1,
    }
}

/// `socket(family=-1, type=-1, proto=-1, fileno=None)`.
fn init_checked(socket: SocketRef, arguments: *mut PyObject, keywords: *mut PyObject) -> PyResult<()> {
    let names = Keywords::<5>::new(&[c"family", c"type", c"proto", c"fileno"]);
    // Taken as objects, since CPython converts them after parsing, with other error messages.
    let mut given: [*mut PyObject; 3] = [ptr::null_mut(); 3];
    let [family, kind, protocol] = &mut given;
    // SAFETY: the format's types are those of the pointers, in order; None lives for ever.
    let fileno = unsafe {
        let mut fileno = Py_None();
        let parsed = variadic!(PyArg_ParseTupleAndKeywords(
            arguments,
            keywords,
            c"|OOOO:socket".as_ptr(),
            names.as_mut_ptr(),
            ptr::from_mut(family),
            ptr::from_mut(kind),
            ptr::from_mut(protocol),
            &raw mut fileno,
        ));
        if parsed == 0 {
            return Err(Raised);
        }
        fileno
    };
    let number = |object: *mut PyObject| if object.is_null() { Ok(-1) } else { int(object) };
    let [family, kind, protocol] = given;
    let (family, kind, protocol) = (number(family)?, number(kind)?, number(protocol)?);
    let numbers = [Owned::int(family)?, Owned::int(kind)?, Owned::int(protocol)?];
    let [a, b, c] = &numbers;
    audit(c"socket.__new__", &[socket.as_object(), a.as_ptr(), b.as_ptr(), c.as_ptr()])?;
    // SAFETY: None lives for ever.
    if fileno == unsafe { Py_None() } {
        create(socket, family, kind, protocol)
    } else {
        adopt(socket, descriptor(fileno)?, family, kind, protocol)
    }
}

fn create(socket: SocketRef, family: c_int, kind: c_int, protocol: c_int) -> PyResult<()> {
    let given = |number: c_int, default: c_int| if number == -1 { default } else { number };
    let family = given(family, Family::INET.0);
    let kind = given(kind, Kind::STREAM.0);
    let protocol = given(protocol, Protocol::DEFAULT.0);
    let fd = released(|| syscall::socket(family, kind, protocol)).map_err(exception::raise_errno)?;
    state::begin(socket, fd, family, kind, protocol)?;
    sole::born(socket.number());
    Ok(())
}

/// Takes over a descriptor; family, type and protocol that are not given are asked of it.
fn adopt(socket: SocketRef, number: c_int, family: c_int, kind: c_int, protocol: c_int) -> PyResult<()> {
    if number < 0 {
        return Err(exception::value_error("negative file descriptor"));
    }
    // SAFETY: not negative; that it is open, and the caller's to give away, is for the caller to know, as in C. It is
    // looked at before it is owned, so that one that is refused stays open.
    let (fd, known) = unsafe { (BorrowedFd::borrow_raw(number), [family, kind, protocol]) };
    let complete = !known.contains(&-1);
    let accepted = accepted::was_just_accepted(number);
    let [family, kind, protocol] =
        if accepted && complete { known } else { state::kinds_of(fd, known).map_err(exception::raise_errno)? };
    sole::end(number);
    // SAFETY: as above; from here on it is the object's.
    state::begin(socket, unsafe { OwnedFd::from_raw_fd(number) }, family, kind, protocol)
}

/// Warns of a socket that nobody closed, and closes it.
unsafe extern "C" fn finalize(me: *mut PyObject) {
    // SAFETY: the interpreter calls this once with a live object of this type, itself held; the exception that may be
    // on its way is kept aside meanwhile.
    unsafe {
        let socket = SocketRef::new(me);
        if socket.number() < 0 {
            return;
        }
        let kept = Kept::take();
        if variadic!(PyErr_ResourceWarning(me, 1, c"unclosed %R".as_ptr(), me)) != 0
            && PyErr_ExceptionMatches(PyExc_Warning) != 0
        {
            // A filter has made the warning an exception, which nobody can catch here.
            PyErr_WriteUnraisable(me);
        }
        // Closed after the warning, which shows the number.
        let number = socket.replace_number(-1);
        accepted::forget(number);
        sole::told(number);
        low_water::forget(socket, number);
        policy::forget(socket, number);
        let _: Result<(), Errno> = released(|| syscall::close(number));
        kept.restore();
    }
}

unsafe extern "C" fn traverse(me: *mut PyObject, visit: visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: a live object, whose type it holds a reference to, as objects of heap types do.
    unsafe { visit(Py_TYPE(me).cast(), argument) }
}

unsafe extern "C" fn repr(me: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object of this type, the interpreter held; the format's types are those of the numbers.
    unsafe {
        let socket = SocketRef::new(me);
        // It tells the number.
        sole::told(socket.number());
        variadic!(PyUnicode_FromFormat(
            c"<socket object, fd=%d, family=%d, type=%d, proto=%d>".as_ptr(),
            socket.number(),
            socket.family(),
            socket.kind(),
            socket.protocol(),
        ))
    }
}

unsafe extern "C" fn timeout(me: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: a live object of this type.
    returned(state::timeout_of(unsafe { SocketRef::new(me) }))
}
