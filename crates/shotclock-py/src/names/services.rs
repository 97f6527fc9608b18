//! getservbyname, getservbyport, getprotobyname.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use shotclock::Phase;
use shotclock::unstable::{Answer, Request};

use crate::ffi::capi::{PyExc_OSError, PyExc_OverflowError, PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::audit::audit;
use crate::wait::timing::Timing;

/// `_socket.getservbyname(name[, protocol])`: the port.
pub(crate) unsafe extern "C" fn getservbyname(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let find = || {
        let (mut name, mut protocol): (*const c_char, *const c_char) = (ptr::null(), ptr::null());
        // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
        let parsed = unsafe {
            variadic!(PyArg_ParseTuple(arguments, c"s|s:getservbyname".as_ptr(), &raw mut name, &raw mut protocol))
        };
        if parsed == 0 {
            return Err(Raised);
        }
        // SAFETY: C strings of the arguments, or null for the one that may be missing.
        let (name, protocol) = unsafe { (text(name).unwrap_or_default(), text(protocol)) };
        let shown = [Owned::utf8_text(name.to_bytes())?, shown(protocol.as_deref())?];
        audit(c"socket.getservbyname", &shown.each_ref().map(Owned::as_ptr))?;
        answer_to(&Request::Service { name, protocol }, c"service/proto not found")
    };
    returned(find())
}

/// `_socket.getservbyport(port[, protocol])`: the service's name.
pub(crate) unsafe extern "C" fn getservbyport(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let find = || {
        let (mut port, mut protocol): (c_int, *const c_char) = (0, ptr::null());
        // SAFETY: as in `getservbyname`.
        let parsed = unsafe {
            variadic!(PyArg_ParseTuple(arguments, c"i|s:getservbyport".as_ptr(), &raw mut port, &raw mut protocol))
        };
        if parsed == 0 {
            return Err(Raised);
        }
        let Ok(number) = u16::try_from(port) else {
            // SAFETY: a static of the interpreter.
            return Err(exception::raise(unsafe { PyExc_OverflowError }, c"getservbyport: port must be 0-65535."));
        };
        // SAFETY: as in `getservbyname`.
        let protocol = unsafe { text(protocol) };
        let shown = [Owned::int(number)?, shown(protocol.as_deref())?];
        audit(c"socket.getservbyport", &shown.each_ref().map(Owned::as_ptr))?;
        answer_to(&Request::Port { number, protocol }, c"port/proto not found")
    };
    returned(find())
}

/// `_socket.getprotobyname(name)`: the protocol's number.
pub(crate) unsafe extern "C" fn getprotobyname(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let mut name: *const c_char = ptr::null();
    // SAFETY: as in `getservbyname`.
    let name = unsafe {
        if variadic!(PyArg_ParseTuple(arguments, c"s:getprotobyname".as_ptr(), &raw mut name)) == 0 {
            return ptr::null_mut();
        }
        text(name).unwrap_or_default()
    };
    returned(answer_to(&Request::Protocol(name), c"protocol not found"))
}

/// There is one text for no answer, whatever the reason.
fn answer_to(request: &Request, not_found: &CStr) -> PyResult<Owned> {
    match Timing::of_scope(Phase::Lookup)?.answer(request)? {
        Ok(Answer::Number(number)) => Owned::int(number),
        Ok(Answer::Name(name)) => Owned::utf8_text(name.to_bytes()),
        // SAFETY: a static of the interpreter.
        _ => Err(exception::raise(unsafe { PyExc_OSError }, not_found)),
    }
}

/// The protocol as audit hooks see it.
fn shown(protocol: Option<&CStr>) -> PyResult<Owned> {
    protocol.map_or_else(|| Ok(Owned::none()), |protocol| Owned::utf8_text(protocol.to_bytes()))
}

/// # Safety
/// `string` must be null or a C string that lives during the call.
unsafe fn text(string: *const c_char) -> Option<CString> {
    // SAFETY: by the caller's promise.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_owned())
}
