//! AF_ALG: the type and name of an algorithm.

use std::ffi::{CStr, c_char, c_ushort};
use std::ptr;

use shotclock::{Family, SockAddr};

use super::fields::{Fields, build, require_tuple};
use crate::ffi::capi::{PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// Where `struct sockaddr_alg` of linux/if_alg.h has its strings, each ended by a NUL, and how long they are.
const TYPE: usize = 2;
const TYPE_CAPACITY: usize = 14;
const NAME: usize = 24;
const NAME_CAPACITY: usize = 64;

pub(super) fn encode(address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    require_tuple(address, format_args!("{caller}(): AF_ALG"))?;
    let (mut kind, mut name): (*const c_char, *const c_char) = (ptr::null(), ptr::null());
    let (mut feat, mut mask): (c_ushort, c_ushort) = (0, 0);
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order. The strings are C
    // strings of the tuple's items, which are alive.
    let (kind, name) = unsafe {
        let parsed = variadic!(PyArg_ParseTuple(
            address,
            c"ss|HH;AF_ALG address must be a tuple (type, name[, feat[, mask]])".as_ptr(),
            &raw mut kind,
            &raw mut name,
            &raw mut feat,
            &raw mut mask,
        ));
        if parsed == 0 {
            return Err(Raised);
        }
        (CStr::from_ptr(kind).to_bytes(), CStr::from_ptr(name).to_bytes())
    };
    if kind.len() >= TYPE_CAPACITY {
        return Err(exception::value_error("AF_ALG type too long."));
    }
    if name.len() >= NAME_CAPACITY {
        return Err(exception::value_error("AF_ALG name too long."));
    }
    let (feat, mask) = (u32::from(feat).to_ne_bytes(), u32::from(mask).to_ne_bytes());
    build::<88>(Family::ALG, &[(TYPE, kind), (16, &feat), (20, &mask), (NAME, name)])
}

pub(super) fn decode(fields: &Fields) -> PyResult<Owned> {
    let kind = until_nul(&fields.array::<TYPE_CAPACITY>(TYPE))?;
    let name = until_nul(&fields.array::<NAME_CAPACITY>(NAME))?;
    // SAFETY: the interpreter is held; the format's types are those of the arguments, "N" takes the references over.
    Owned::new(unsafe {
        variadic!(Py_BuildValue(c"NNII".as_ptr(), kind.into_ptr(), name.into_ptr(), fields.u32(16), fields.u32(20)))
    })
}

fn until_nul(bytes: &[u8]) -> PyResult<Owned> {
    let text = CStr::from_bytes_until_nul(bytes).map_or(bytes, CStr::to_bytes);
    Owned::utf8_text(text)
}
