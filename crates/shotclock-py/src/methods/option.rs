//! getsockopt and setsockopt.

use std::ffi::{c_int, c_uint};

use shotclock::Family;
use shotclock::unstable::{numbers, syscall};

use crate::ffi::arguments::Buffer;
use crate::ffi::call::call;
use crate::ffi::capi::{
    Py_None, Py_TYPE, PyErr_Clear, PyErr_ExceptionMatches, PyErr_SetObject, PyExc_OSError, PyFloat_CheckExact,
    PyLong_CheckExact, PyLong_FromUnsignedLongLong, PyObject, PyObject_GetAttrString, PyTuple_GetItem, PyTuple_Size,
    PyUnicode_CheckExact, variadic,
};
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::object::SocketRef;
use crate::socket::stock::stock;
use crate::wait::lent::Descriptor;
use crate::wait::low_water;

/// The most bytes an option may be asked for.
const MOST: usize = 1024;

/// `socket.getsockopt(level, option[, buflen])`.
pub(crate) unsafe extern "C" fn getsockopt(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live socket object.
    returned(get(unsafe { SocketRef::new(me) }, arguments))
}

/// `socket.setsockopt(level, option, value)`, with the forms of the value.
pub(crate) unsafe extern "C" fn setsockopt(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `getsockopt`.
    returned(set(unsafe { SocketRef::new(me) }, arguments).map(|()| Owned::none()))
}

fn get(socket: SocketRef, arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut level, mut name, mut size): (c_int, c_int, c_int) = (0, 0, 0);
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    let parsed = unsafe {
        variadic!(PyArg_ParseTuple(
            arguments,
            c"ii|i:getsockopt".as_ptr(),
            &raw mut level,
            &raw mut name,
            &raw mut size
        ))
    };
    if parsed == 0 {
        return Err(Raised);
    }
    let size = usize::try_from(size).ok().filter(|size| *size <= MOST);
    let Some(size) = size else {
        return Err(exception::os_error("getsockopt buflen out of range"));
    };
    let mut room = [0; MOST];
    let ask = |room: &mut [u8]| {
        let asked = Descriptor::of(socket).held(|fd| syscall::getsockopt(fd, level, name, room));
        asked.map_err(exception::raise_errno)
    };
    if size > 0 {
        let len = ask(&mut room[..size])?;
        return Owned::bytes(&room[..len]);
    }
    if socket.family() == Family::VSOCK.0 {
        // Options of vsock have 64 bits.
        let mut number = [0; 8];
        ask(&mut number)?;
        // SAFETY: the interpreter is held.
        return Owned::new(unsafe { PyLong_FromUnsignedLongLong(u64::from_ne_bytes(number)) });
    }
    let mut number = [0; 4];
    ask(&mut number)?;
    Owned::int(c_int::from_ne_bytes(number))
}

/// What an option is set to.
enum Value {
    Int(c_int),
    /// Of families whose options have 64 bits.
    Long(u64),
    /// None, with a length.
    Nothing(c_uint),
    Bytes(Buffer),
}

fn set(socket: SocketRef, arguments: *mut PyObject) -> PyResult<()> {
    let (level, name, value) = parse(arguments, socket.family() == Family::VSOCK.0)?;
    if (level, name) == (numbers::SOL_SOCKET, numbers::SO_RCVLOWAT) {
        // Before it is set, so that no call goes by the old mark afterwards.
        low_water::changes();
    }
    let descriptor = Descriptor::of(socket);
    let set_to = |bytes: &[u8]| descriptor.held(|fd| syscall::setsockopt(fd, level, name, bytes));
    let set = match value {
        Value::Int(number) => set_to(&number.to_ne_bytes()),
        Value::Long(number) => set_to(&number.to_ne_bytes()),
        Value::Nothing(len) => descriptor.held(|fd| syscall::setsockopt_without_value(fd, level, name, len)),
        Value::Bytes(value) => set_to(value.bytes()),
    };
    set.map_err(exception::raise_errno)
}

/// The forms are tried one after the other; the last one's complaint is what the caller reads.
fn parse(arguments: *mut PyObject, has_long_values: bool) -> PyResult<(c_int, c_int, Value)> {
    let (mut level, mut name): (c_int, c_int) = (0, 0);
    // SAFETY: the interpreter is held; each format's types are those of its pointers, in order.
    unsafe {
        if has_long_values {
            let mut number: u64 = 0;
            let format = c"iiK:setsockopt".as_ptr();
            if variadic!(PyArg_ParseTuple(arguments, format, &raw mut level, &raw mut name, &raw mut number)) == 0 {
                return Err(Raised);
            }
            return Ok((level, name, Value::Long(number)));
        }
        let mut number: c_int = 0;
        let format = c"iii:setsockopt".as_ptr();
        if variadic!(PyArg_ParseTuple(arguments, format, &raw mut level, &raw mut name, &raw mut number)) != 0 {
            return Ok((level, name, Value::Int(number)));
        }
        PyErr_Clear();
        let (mut nothing, mut len): (*mut PyObject, c_uint) = (Py_None(), 0);
        let format = c"iiO!I:setsockopt".as_ptr();
        let of = Py_TYPE(Py_None());
        if variadic!(PyArg_ParseTuple(
            arguments,
            format,
            &raw mut level,
            &raw mut name,
            of,
            &raw mut nothing,
            &raw mut len
        )) != 0
        {
            return Ok((level, name, Value::Nothing(len)));
        }
        PyErr_Clear();
        let mut value = Buffer::empty();
        let format = c"iiy*:setsockopt".as_ptr();
        if variadic!(PyArg_ParseTuple(arguments, format, &raw mut level, &raw mut name, value.as_mut_ptr())) == 0 {
            return Err(if are_plain(arguments) { complain_as_stock(arguments) } else { Raised });
        }
        Ok((level, name, Value::Bytes(value)))
    }
}

/// Whether the arguments can be parsed once more without running the program's code, which would notice that it is
/// called twice.
fn are_plain(arguments: *mut PyObject) -> bool {
    // SAFETY: the interpreter is held; a tuple, which keeps its items alive.
    unsafe {
        (0..PyTuple_Size(arguments)).map(|index| PyTuple_GetItem(arguments, index)).all(|item| {
            item == Py_None()
                || PyLong_CheckExact(item) != 0
                || PyFloat_CheckExact(item) != 0
                || PyUnicode_CheckExact(item) != 0
        })
    }
}

/// Replaces the exception that is set by the interpreter's own for these arguments, whose words differ between
/// versions. It comes from an object without a descriptor, which looks at its arguments first.
fn complain_as_stock(arguments: *mut PyObject) -> Raised {
    let ours = exception::take(Raised);
    // Made once: the object has no descriptor, and no state that a call changes.
    static COMPLAINS: Once<PyObject> = Once::new();
    let ask = || {
        let method = COMPLAINS.get_or_make(|| {
            let probe = stock()?.new_socket()?;
            // SAFETY: the interpreter is held and the object alive; the name ends with a NUL.
            Owned::new(unsafe { PyObject_GetAttrString(probe.as_ptr(), c"setsockopt".as_ptr()) }).map(Owned::into_ptr)
        })?;
        // SAFETY: the interpreter is held and the objects are alive: a method, and a tuple.
        unsafe { call(method, arguments, std::ptr::null_mut()) }
    };
    // SAFETY: the interpreter is held; a static of it, and an exception with its type.
    unsafe {
        if ask().is_ok() || PyErr_ExceptionMatches(PyExc_OSError) != 0 {
            PyErr_SetObject(Py_TYPE(ours.as_ptr()).cast(), ours.as_ptr());
        }
    }
    Raised
}
