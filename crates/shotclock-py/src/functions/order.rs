//! Byte order, addresses as text, and the sizes of control messages. Arguments that are refused go to the interpreter's
//! own function, which refuses them in the words of its version.

use std::ffi::{CStr, c_char, c_int};
use std::net::{IpAddr, Ipv4Addr};
use std::ptr;

use shotclock::Family;

use crate::ffi::arguments::Buffer;
use crate::ffi::capi::{
    Py_ssize_t, PyErr_Clear, PyErr_Occurred, PyExc_OverflowError, PyLong_AsUnsignedLong, PyLong_Check, PyObject,
    variadic,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::stock::stock;

/// `_socket.htons(x)`.
pub(crate) unsafe extern "C" fn htons(
    _: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    or_stock(c"htons", arguments, keywords, || short(arguments, c"i:htons").map(shotclock::htons).map(Owned::int))
}

/// `_socket.ntohs(x)`.
pub(crate) unsafe extern "C" fn ntohs(
    _: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    or_stock(c"ntohs", arguments, keywords, || short(arguments, c"i:ntohs").map(shotclock::ntohs).map(Owned::int))
}

/// `_socket.htonl(x)`.
pub(crate) unsafe extern "C" fn htonl(_: *mut PyObject, number: *mut PyObject) -> *mut PyObject {
    returned(long(c"htonl", number, shotclock::htonl))
}

/// `_socket.ntohl(x)`.
pub(crate) unsafe extern "C" fn ntohl(_: *mut PyObject, number: *mut PyObject) -> *mut PyObject {
    returned(long(c"ntohl", number, shotclock::ntohl))
}

/// `_socket.inet_aton(text)`: four bytes.
pub(crate) unsafe extern "C" fn inet_aton(
    _: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    or_stock(c"inet_aton", arguments, keywords, || {
        let mut text: *const c_char = ptr::null();
        // SAFETY: the interpreter is held; the parser lends a C string of the argument's.
        let text = unsafe {
            if variadic!(PyArg_ParseTuple(arguments, c"s:inet_aton".as_ptr(), &raw mut text)) == 0 {
                return None;
            }
            CStr::from_ptr(text)
        };
        let address = shotclock::inet_aton(up_to_space(text.to_str().ok()?)).ok()?;
        Some(Owned::bytes(&address.octets()))
    })
}

/// `_socket.inet_ntoa(packed)`.
pub(crate) unsafe extern "C" fn inet_ntoa(
    _: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    or_stock(c"inet_ntoa", arguments, keywords, || {
        let mut packed = Buffer::empty();
        // SAFETY: the interpreter is held; the view is ours to fill.
        if unsafe { variadic!(PyArg_ParseTuple(arguments, c"y*:inet_ntoa".as_ptr(), packed.as_mut_ptr())) } == 0 {
            return None;
        }
        let octets = <[u8; 4]>::try_from(packed.bytes()).ok()?;
        Some(Owned::text(&shotclock::inet_ntoa(Ipv4Addr::from(octets))))
    })
}

/// `_socket.inet_pton(family, text)`: 4 or 16 bytes.
pub(crate) unsafe extern "C" fn inet_pton(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    or_stock(c"inet_pton", arguments, ptr::null_mut(), || {
        let (mut family, mut text): (c_int, *const c_char) = (0, ptr::null());
        // SAFETY: as in `inet_aton`.
        let text = unsafe {
            if variadic!(PyArg_ParseTuple(arguments, c"is:inet_pton".as_ptr(), &raw mut family, &raw mut text)) == 0 {
                return None;
            }
            CStr::from_ptr(text)
        };
        let address = shotclock::inet_pton(Family(family), text.to_str().ok()?).ok()?;
        Some(match address {
            IpAddr::V4(address) => Owned::bytes(&address.octets()),
            IpAddr::V6(address) => Owned::bytes(&address.octets()),
        })
    })
}

/// `_socket.inet_ntop(family, packed)`.
pub(crate) unsafe extern "C" fn inet_ntop(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    or_stock(c"inet_ntop", arguments, ptr::null_mut(), || {
        let (mut family, mut packed): (c_int, Buffer) = (0, Buffer::empty());
        // SAFETY: as in `inet_ntoa`.
        let parsed = unsafe {
            variadic!(PyArg_ParseTuple(arguments, c"iy*:inet_ntop".as_ptr(), &raw mut family, packed.as_mut_ptr()))
        };
        if parsed == 0 {
            return None;
        }
        let text = shotclock::inet_ntop(Family(family), packed.bytes()).ok()?;
        Some(Owned::text(&text))
    })
}

/// `_socket.CMSG_LEN(length)`.
pub(crate) unsafe extern "C" fn cmsg_len(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let (format, refused) = (c"n:CMSG_LEN", c"CMSG_LEN() argument out of range");
    returned(control_size(arguments, format, shotclock::cmsg_len, refused))
}

/// `_socket.CMSG_SPACE(length)`.
pub(crate) unsafe extern "C" fn cmsg_space(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let (format, refused) = (c"n:CMSG_SPACE", c"CMSG_SPACE() argument out of range");
    returned(control_size(arguments, format, shotclock::cmsg_space, refused))
}

/// What `own` makes of the arguments. For what it refuses it gives `None`, with or without an exception; then, and
/// where there are keywords, the interpreter's own function is asked.
fn or_stock(
    name: &CStr,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
    own: impl FnOnce() -> Option<PyResult<Owned>>,
) -> *mut PyObject {
    if keywords.is_null()
        && let Some(result) = own()
    {
        return returned(result);
    }
    // SAFETY: the interpreter is held.
    unsafe { PyErr_Clear() };
    returned(stock().and_then(|stock| stock.call(name, arguments, keywords)))
}

fn short(arguments: *mut PyObject, format: &CStr) -> Option<u16> {
    let mut number: c_int = 0;
    // SAFETY: the interpreter is held; the format's type is that of the pointer.
    let parsed = unsafe { variadic!(PyArg_ParseTuple(arguments, format.as_ptr(), &raw mut number)) };
    if parsed == 0 { None } else { u16::try_from(number).ok() }
}

fn long(name: &CStr, number: *mut PyObject, swap: impl Fn(u32) -> u32) -> PyResult<Owned> {
    // SAFETY: the interpreter is held and the object alive.
    unsafe {
        if PyLong_Check(number) != 0 {
            let value = PyLong_AsUnsignedLong(number);
            if PyErr_Occurred().is_null()
                && let Ok(value) = u32::try_from(value)
            {
                return Owned::int(swap(value));
            }
            PyErr_Clear();
        }
    }
    stock()?.call_with(name, number)
}

/// The C library's `inet_aton` reads up to white space, and does not look at what follows.
fn up_to_space(text: &str) -> &str {
    let is_space = |letter: char| letter == '\x0b' || letter.is_ascii_whitespace();
    text.split_once(is_space).map_or(text, |(address, _)| address)
}

fn control_size(
    arguments: *mut PyObject,
    format: &CStr,
    size: impl FnOnce(usize) -> shotclock::Result<usize>,
    refused: &CStr,
) -> PyResult<Owned> {
    let mut length: Py_ssize_t = 0;
    // SAFETY: as in `short`.
    if unsafe { variadic!(PyArg_ParseTuple(arguments, format.as_ptr(), &raw mut length)) } == 0 {
        return Err(Raised);
    }
    let size = usize::try_from(length).ok().and_then(|length| size(length).ok());
    match size {
        Some(size) => Owned::size(size),
        // SAFETY: a static of the interpreter.
        None => Err(exception::raise(unsafe { PyExc_OverflowError }, refused)),
    }
}
