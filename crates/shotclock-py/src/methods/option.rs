//! getsockopt and setsockopt.

use std::ffi::{c_int, c_uint};

use shotclock::Family;
use shotclock::unstable::{numbers, syscall};

use crate::ffi::arguments::Buffer;
use crate::ffi::capi::{
    Py_None, Py_TYPE, PyErr_Clear, PyIndex_Check, PyLong_FromUnsignedLongLong, PyObject, PyTuple_GetItem, PyTuple_Size,
    variadic,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::complaint::{Asked, setsockopt_looks_first};
use crate::socket::object::SocketRef;
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

/// `(level, option, value)`, in the way of the interpreter's version.
fn parse(arguments: *mut PyObject, has_long_values: bool) -> PyResult<(c_int, c_int, Value)> {
    let (mut level, mut name, mut number): (c_int, c_int, c_int) = (0, 0, 0);
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
        let format = c"iii:setsockopt".as_ptr();
        if variadic!(PyArg_ParseTuple(arguments, format, &raw mut level, &raw mut name, &raw mut number)) != 0 {
            return Ok((level, name, Value::Int(number)));
        }
        let is_int = PyTuple_Size(arguments) == 3 && PyIndex_Check(PyTuple_GetItem(arguments, 2)) != 0;
        if is_int && setsockopt_looks_first()? {
            return Err(Asked::Setsockopt.complaint_if_plain(arguments));
        }
    }
    parse_other(arguments)
}

/// The forms with other values than an int: in older versions tried one after the other, so that the complaint is the last
/// one's.
fn parse_other(arguments: *mut PyObject) -> PyResult<(c_int, c_int, Value)> {
    let (mut level, mut name): (c_int, c_int) = (0, 0);
    let (to_level, to_name) = (&raw mut level, &raw mut name);
    // SAFETY: as in `parse`.
    unsafe {
        PyErr_Clear();
        let count = PyTuple_Size(arguments);
        if count == 4 && setsockopt_looks_first()? {
            return parse_with_length(arguments);
        }
        let (mut nothing, mut len): (*mut PyObject, c_uint) = (Py_None(), 0);
        let format = c"iiO!I:setsockopt".as_ptr();
        let of = Py_TYPE(Py_None());
        if variadic!(PyArg_ParseTuple(arguments, format, to_level, to_name, of, &raw mut nothing, &raw mut len)) != 0 {
            return Ok((level, name, Value::Nothing(len)));
        }
        PyErr_Clear();
        let mut value = Buffer::empty();
        let format = c"iiy*:setsockopt".as_ptr();
        if variadic!(PyArg_ParseTuple(arguments, format, to_level, to_name, value.as_mut_ptr())) == 0 {
            // With another number of them none was looked at.
            let asked = Asked::Setsockopt;
            return Err(if count == 3 { asked.complaint_if_plain(arguments) } else { asked.complaint(arguments) });
        }
        Ok((level, name, Value::Bytes(value)))
    }
}

/// `(level, option, None, length)`, for versions that look at the value first.
fn parse_with_length(arguments: *mut PyObject) -> PyResult<(c_int, c_int, Value)> {
    let (mut level, mut name, mut len): (c_int, c_int, c_uint) = (0, 0, 0);
    let (mut value, mut given) = (std::ptr::null_mut::<PyObject>(), std::ptr::null_mut::<PyObject>());
    let format = c"iiOO:setsockopt".as_ptr();
    // SAFETY: as in `parse`; the tuple keeps what it lends.
    unsafe {
        let (level, name) = (&raw mut level, &raw mut name);
        if variadic!(PyArg_ParseTuple(arguments, format, level, name, &raw mut value, &raw mut given)) == 0 {
            return Err(Raised);
        }
        if value != Py_None() {
            let zero = Owned::int(0)?;
            let refused = Owned::tuple([zero.as_ptr(), zero.as_ptr(), value, given].into_iter())?;
            return Err(Asked::Setsockopt.complaint(refused.as_ptr()));
        }
        if variadic!(PyArg_Parse(given, c"I".as_ptr(), &raw mut len)) == 0 {
            return Err(Raised);
        }
    }
    Ok((level, name, Value::Nothing(len)))
}
