//! Socket objects of the interpreter's own type for what was just accepted, made without its `__init__`, which asks the system
//! about the descriptor.
//!
//! Its `__new__` leaves an object as it is without a descriptor; then the fields that `__init__` writes are written here, at the
//! offsets that were proved. That nothing is missing is proved once, on an object that `__init__` has made.

use std::ffi::c_int;
use std::os::fd::RawFd;

use shotclock::unstable::{Errno, syscall};

use crate::ffi::arguments::Arguments;
use crate::ffi::call::released;
use crate::ffi::capi::{
    Py_TYPE, Py_ssize_t, PyLong_AsLongAndOverflow, PyLong_Check, PyModule_GetState, PyObject, PyType_Check,
    PyType_IsSubtype, PyTypeObject,
};
use crate::ffi::exception;
use crate::ffi::exception::Kept;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::socket::audit::audit;
use crate::socket::object::{NO_TIMEOUT, SocketRef, WITH_STATE};
use crate::socket::stock::{Stock, StockMethod, stock};
use crate::socket::{accepted, sole};
use crate::wait::policy;

/// `_native.adopt(class, listener, number)`: an object of a class of the interpreter's own sockets for the descriptor that this
/// thread has just accepted from the listener, as `__init__` makes it. None for any other, and where a default timeout is set.
pub(crate) unsafe extern "C" fn adopt(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: as the interpreter passes them.
    let arguments = unsafe { Arguments::new(arguments, count) };
    let adopt = || {
        let [class, listener, number] = arguments.exactly()?;
        let stock = stock()?;
        // SAFETY: the object is alive, hence its type.
        let is_listener = class_of(stock, unsafe { Py_TYPE(listener) }.cast()).is_some();
        let (Some(class), Some(number)) = (class_of(stock, class), plain_number(number)) else {
            return Ok(Owned::none());
        };
        if !is_listener || !stock.default_timeout()?.is_none() {
            return Ok(Owned::none());
        }
        // SAFETY: the class is alive.
        let object = unsafe { stock.new_of(class) }?;
        if !accepted::was_just_accepted(number) {
            return Ok(Owned::none());
        }
        // SAFETY: a live object with the layout that was proved.
        let socket = unsafe { SocketRef::new(object.as_ptr()) };
        // SAFETY: a live socket object.
        let kinds = kinds_of(unsafe { SocketRef::new(listener) });
        announce(socket, kinds).inspect_err(|_| close(socket, number))?;
        fill(stock, socket, kinds);
        sole::end(number);
        socket.replace_number(number);
        // Who was told of it may have set one.
        let default = stock.default_timeout()?;
        if !default.is_none() {
            stock.call_method(StockMethod::Settimeout, &object, default.as_ptr())?;
        }
        Ok(object)
    };
    returned(adopt())
}

/// Tells who listens to audit events, and may refuse it.
fn announce(socket: SocketRef, kinds: [c_int; 3]) -> PyResult<()> {
    let [family, kind, protocol] = kinds.map(Owned::int);
    let (family, kind, protocol) = (family?, kind?, protocol?);
    audit(c"socket.__new__", &[socket.as_object(), family.as_ptr(), kind.as_ptr(), protocol.as_ptr()])
}

/// Closes what was accepted for an object that cannot be: nobody else has the number. What was raised stays so.
fn close(socket: SocketRef, number: RawFd) {
    let kept = Kept::take();
    accepted::forget(number);
    policy::forget(socket, number);
    let _: Result<(), Errno> = released(|| syscall::close(number));
    kept.restore();
}

/// What `__init__` writes into an object, but for the number.
fn fill(stock: &Stock, socket: SocketRef, [family, kind, protocol]: [c_int; 3]) {
    socket.set_kinds(family, kind, protocol);
    socket.set_timeout_field(NO_TIMEOUT);
    if stock.size >= WITH_STATE {
        // SAFETY: the module is alive; the object is so large, and new.
        unsafe { socket.set_state(PyModule_GetState(stock.module)) };
    }
}

/// `_native.made_alike(sock)`: another object of the class, made as `adopt` does, without a descriptor. None if it is not the
/// same, in any of what the interpreter's own type keeps in its objects, as this one, which `__init__` has made.
pub(crate) unsafe extern "C" fn made_alike(_: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    let make = || {
        let stock = stock()?;
        // SAFETY: the object is alive, hence its type.
        let Some(class) = class_of(stock, unsafe { Py_TYPE(object) }.cast()) else {
            return Err(exception::type_error("made_alike() takes a socket"));
        };
        // SAFETY: live objects of that class, which have the layout that was proved, and are as large as its base says.
        unsafe {
            let made = stock.new_of(class)?;
            let (socket, other) = (SocketRef::new(object), SocketRef::new(made.as_ptr()));
            fill(stock, other, kinds_of(socket));
            Ok(if socket.is_alike(other, stock.size) { made } else { Owned::none() })
        }
    };
    returned(make())
}

fn kinds_of(socket: SocketRef) -> [c_int; 3] {
    [socket.family(), socket.kind(), socket.protocol()]
}

/// The object, if it is a class of the interpreter's own sockets.
fn class_of(stock: &Stock, class: *mut PyObject) -> Option<*mut PyTypeObject> {
    // SAFETY: alive; what is not a type is not read as one.
    unsafe {
        let is_class = PyType_Check(class) != 0 && PyType_IsSubtype(class.cast(), stock.socket) != 0;
        is_class.then(|| class.cast())
    }
}

/// An int that is not negative, and fits. Read without any code of Python's.
fn plain_number(object: *mut PyObject) -> Option<c_int> {
    let mut overflow = 0;
    // SAFETY: the interpreter is held and the object alive; of an int it only reads the value.
    let number = unsafe { (PyLong_Check(object) != 0).then(|| PyLong_AsLongAndOverflow(object, &raw mut overflow)) };
    c_int::try_from(number?).ok().filter(|&number| overflow == 0 && number >= 0)
}
