//! AF_UNIX: a path as str or bytes, or a name that begins with NUL as bytes.

use std::ffi::CStr;

use shotclock::{Family, SockAddr};

use super::fields::of_bytes;
use crate::ffi::arguments::Buffer;
use crate::ffi::capi::{PyObject, PyUnicode_Check, PyUnicode_EncodeFSDefault, variadic};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// Where the path begins, and how long it may be: `struct sockaddr_un`.
const PATH: usize = 2;
const CAPACITY: usize = 108;

pub(super) fn encode(address: *mut PyObject) -> PyResult<SockAddr> {
    // Not the interpreter's own converter for paths: names may have NULs in them.
    // SAFETY: the interpreter is held and the object alive.
    let encoded = unsafe {
        if PyUnicode_Check(address) == 0 {
            Owned::borrowed(address)
        } else {
            Owned::new(PyUnicode_EncodeFSDefault(address))?
        }
    };
    let mut buffer = Buffer::empty();
    // SAFETY: as above; the format's type is that of the pointer.
    if unsafe { variadic!(PyArg_Parse(encoded.as_ptr(), c"y*".as_ptr(), buffer.as_mut_ptr())) } == 0 {
        return Err(Raised);
    }
    let path = buffer.bytes();
    // A path ends with a NUL. A name that begins with one has no end but its length, and an empty one asks the system
    // for any.
    let end = usize::from(path.first().is_some_and(|first| *first != 0));
    if path.len() + end > CAPACITY {
        return Err(exception::os_error("AF_UNIX path too long"));
    }
    let mut bytes = [0; PATH + CAPACITY];
    bytes[..PATH].copy_from_slice(&(Family::UNIX.0 as u16).to_ne_bytes());
    bytes[PATH..PATH + path.len()].copy_from_slice(path);
    of_bytes(&bytes[..PATH + path.len() + end])
}

pub(super) fn decode(address: &SockAddr) -> PyResult<Owned> {
    let name = &address.as_bytes()[PATH..];
    if name.first() == Some(&0) {
        return Owned::bytes(name);
    }
    let path = CStr::from_bytes_until_nul(name).map_or(name, CStr::to_bytes);
    Owned::system_text(path)
}
