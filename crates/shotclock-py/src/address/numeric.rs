//! Families whose addresses are numbers alone: AF_NETLINK, AF_QIPCRTR, AF_VSOCK, AF_TIPC.

use std::ffi::c_uint;

use shotclock::{Family, SockAddr};

use super::fields::{Fields, QIPCRTR, build, require_tuple};
use crate::ffi::capi::{PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// How a TIPC address names a socket, and how far by default: linux/tipc.h.
const TIPC_ADDR_NAMESEQ: c_uint = 1;
const TIPC_ADDR_NAME: c_uint = 2;
const TIPC_ADDR_ID: c_uint = 3;
const TIPC_CLUSTER_SCOPE: c_uint = 2;

pub(super) fn encode_netlink(address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    require_tuple(address, format_args!("{caller}(): AF_NETLINK"))?;
    let (pid, groups) = pair_of(address, c"II;AF_NETLINK address must be a pair (pid, groups)")?;
    build::<12>(Family::NETLINK, &[(4, &pid.to_ne_bytes()), (8, &groups.to_ne_bytes())])
}

pub(super) fn decode_netlink(fields: &Fields) -> PyResult<Owned> {
    pair(fields.u32(4), fields.u32(8))
}

pub(super) fn encode_qipcrtr(address: *mut PyObject) -> PyResult<SockAddr> {
    require_tuple(address, "getsockaddrarg: AF_QIPCRTR")?;
    let (node, port) = pair_of(address, c"II:getsockaddrarg")?;
    build::<12>(QIPCRTR, &[(4, &node.to_ne_bytes()), (8, &port.to_ne_bytes())])
}

pub(super) fn decode_qipcrtr(fields: &Fields) -> PyResult<Owned> {
    pair(fields.u32(4), fields.u32(8))
}

pub(super) fn encode_vsock(address: *mut PyObject) -> PyResult<SockAddr> {
    require_tuple(address, "getsockaddrarg: AF_VSOCK")?;
    let (cid, port) = pair_of(address, c"II:getsockaddrarg")?;
    build::<16>(Family::VSOCK, &[(4, &port.to_ne_bytes()), (8, &cid.to_ne_bytes())])
}

pub(super) fn decode_vsock(fields: &Fields) -> PyResult<Owned> {
    pair(fields.u32(8), fields.u32(4))
}

pub(super) fn encode_tipc(address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    require_tuple(address, format_args!("{caller}(): AF_TIPC"))?;
    let (mut kind, mut first, mut second, mut third, mut scope): (c_uint, c_uint, c_uint, c_uint, c_uint) =
        (0, 0, 0, 0, TIPC_CLUSTER_SCOPE);
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    let parsed = unsafe {
        variadic!(PyArg_ParseTuple(
            address,
            c"IIII|I;AF_TIPC address must be a tuple (addr_type, v1, v2, v3[, scope])".as_ptr(),
            &raw mut kind,
            &raw mut first,
            &raw mut second,
            &raw mut third,
            &raw mut scope,
        ))
    };
    if parsed == 0 {
        return Err(Raised);
    }
    let values = match kind {
        TIPC_ADDR_NAMESEQ => [first, second, third],
        TIPC_ADDR_NAME => [first, second, 0],
        // The system has the node after the reference.
        TIPC_ADDR_ID => [second, first, 0],
        _ => return Err(exception::type_error("Invalid address type")),
    };
    let [first, second, third] = values.map(c_uint::to_ne_bytes);
    // Of both numbers the system has a byte.
    let head = [kind as u8, scope as u8];
    build::<16>(Family::TIPC, &[(2, &head), (4, &first), (8, &second), (12, &third)])
}

pub(super) fn decode_tipc(fields: &Fields) -> PyResult<Owned> {
    let kind = c_uint::from(fields.u8(2));
    let scope = i32::from(fields.u8(3).cast_signed()).cast_unsigned();
    let (first, second, third) = (fields.u32(4), fields.u32(8), fields.u32(12));
    let [first, second, third] = match kind {
        TIPC_ADDR_NAMESEQ => [first, second, third],
        TIPC_ADDR_NAME => [first, second, second],
        TIPC_ADDR_ID => [second, first, 0],
        _ => return Err(exception::value_error("Invalid address type")),
    };
    // SAFETY: the interpreter is held; the format's types are those of the arguments.
    Owned::new(unsafe { variadic!(Py_BuildValue(c"IIIII".as_ptr(), kind, first, second, third, scope)) })
}

fn pair_of(address: *mut PyObject, format: &std::ffi::CStr) -> PyResult<(c_uint, c_uint)> {
    let (mut one, mut other): (c_uint, c_uint) = (0, 0);
    // SAFETY: the interpreter is held; every caller's format is of two unsigned ints.
    if unsafe { variadic!(PyArg_ParseTuple(address, format.as_ptr(), &raw mut one, &raw mut other)) } == 0 {
        return Err(Raised);
    }
    Ok((one, other))
}

fn pair(one: u32, other: u32) -> PyResult<Owned> {
    // SAFETY: the interpreter is held; the format's types are those of the arguments.
    Owned::new(unsafe { variadic!(Py_BuildValue(c"II".as_ptr(), one, other)) })
}
