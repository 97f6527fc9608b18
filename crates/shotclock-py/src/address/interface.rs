//! Families whose addresses name a network interface: AF_PACKET and AF_CAN.

use std::ffi::{CStr, OsString, c_char, c_int, c_uint, c_ulong, c_ulonglong, c_void};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr;

use shotclock::unstable::{numbers, syscall};
use shotclock::{Family, SockAddr};

use super::fields::{Fields, build, out_of_range, overflow_error, require_tuple};
use crate::ffi::arguments::Buffer;
use crate::ffi::capi::{PyBytes_AsString, PyBytes_Size, PyObject, PyUnicode_FSConverter, variadic};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::object::SocketRef;
use crate::wait::lent::Descriptor;

/// The most bytes of a hardware address in `struct sockaddr_ll`, and where they begin.
const HARDWARE_CAPACITY: usize = 8;
const HARDWARE: usize = 12;
/// The bytes of an interface's name, its NUL included: netdevice(7).
const NAME_CAPACITY: usize = 16;

pub(super) fn encode_packet(socket: SocketRef, address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    require_tuple(address, format_args!("{caller}(): AF_PACKET"))?;
    let mut name: *const c_char = ptr::null();
    let (mut protocol, mut packet, mut link): (c_int, c_int, c_int) = (0, 0, 0);
    let mut hardware = Buffer::empty();
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order. The name is a C string
    // of the tuple's item, which is alive.
    let name = unsafe {
        let parsed = variadic!(PyArg_ParseTuple(
            address,
            c"si|iiy*;AF_PACKET address must be a tuple of two to five elements".as_ptr(),
            &raw mut name,
            &raw mut protocol,
            &raw mut packet,
            &raw mut link,
            hardware.as_mut_ptr(),
        ));
        if parsed == 0 {
            return Err(out_of_range(format_args!("{caller}(): address argument out of range")));
        }
        CStr::from_ptr(name).to_bytes()
    };
    let index = interface_index(socket, name)?;
    let hardware = hardware.bytes();
    if hardware.len() > HARDWARE_CAPACITY {
        return Err(exception::value_error("Hardware address must be 8 bytes or less"));
    }
    let Ok(protocol) = u16::try_from(protocol) else {
        return Err(overflow_error(format_args!("{caller}(): proto must be 0-65535.")));
    };
    // The system's fields for these have two bytes, one, and one.
    let (link, kinds) = ((link as u16).to_ne_bytes(), [packet as u8, hardware.len() as u8]);
    let (protocol, index) = (protocol.to_be_bytes(), index.to_ne_bytes());
    build::<20>(Family::PACKET, &[(2, &protocol), (4, &index), (8, &link), (10, &kinds), (HARDWARE, hardware)])
}

pub(super) fn decode_packet(fields: &Fields, on: Option<Descriptor>) -> PyResult<Owned> {
    let name = Owned::utf8_text(name_of(fields, on).as_bytes())?;
    let len = usize::from(fields.u8(11)).min(SockAddr::CAPACITY - HARDWARE);
    let hardware = Owned::bytes(&fields.0[HARDWARE..HARDWARE + len])?;
    // SAFETY: the interpreter is held; the format's types are those of the arguments, "N" takes the references over.
    Owned::new(unsafe {
        variadic!(Py_BuildValue(
            c"NiiiN".as_ptr(),
            name.into_ptr(),
            c_int::from(fields.port(2)),
            c_int::from(fields.u8(10)),
            c_int::from(fields.u16(8)),
            hardware.into_ptr(),
        ))
    })
}

/// What a CAN address holds beside the interface depends on the socket's protocol: linux/can.h.
pub(super) fn encode_can(socket: SocketRef, address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    match socket.protocol() {
        numbers::CAN_RAW | numbers::CAN_BCM => encode_can_plain(socket, address, caller),
        numbers::CAN_ISOTP => encode_can_isotp(socket, address),
        numbers::CAN_J1939 => encode_can_j1939(socket, address),
        _ => Err(exception::os_error(&format!("{caller}(): unsupported CAN protocol"))),
    }
}

fn encode_can_plain(socket: SocketRef, address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    require_tuple(address, format_args!("{caller}(): AF_CAN"))?;
    let format = c"O&;AF_CAN address must be a tuple (interface, )".as_ptr();
    let mut name = ptr::null_mut();
    // SAFETY: the interpreter is held; the format's types are those of the arguments.
    let parsed =
        unsafe { variadic!(PyArg_ParseTuple(address, format, PyUnicode_FSConverter as Converter, &raw mut name)) };
    let index = can_index(socket, parsed, name)?;
    build::<24>(Family::CAN, &[(4, &index)])
}

fn encode_can_isotp(socket: SocketRef, address: *mut PyObject) -> PyResult<SockAddr> {
    let mut name = ptr::null_mut();
    let (mut receive, mut transmit): (c_ulong, c_ulong) = (0, 0);
    // SAFETY: as in `encode_can_plain`.
    let parsed = unsafe {
        variadic!(PyArg_ParseTuple(
            address,
            c"O&kk".as_ptr(),
            PyUnicode_FSConverter as Converter,
            &raw mut name,
            &raw mut receive,
            &raw mut transmit,
        ))
    };
    let index = can_index(socket, parsed, name)?;
    // The system's identifiers have 32 bits.
    let (receive, transmit) = ((receive as u32).to_ne_bytes(), (transmit as u32).to_ne_bytes());
    build::<24>(Family::CAN, &[(4, &index), (8, &receive), (12, &transmit)])
}

fn encode_can_j1939(socket: SocketRef, address: *mut PyObject) -> PyResult<SockAddr> {
    let mut interface = ptr::null_mut();
    let (mut name, mut group, mut node): (c_ulonglong, c_uint, u8) = (0, 0, 0);
    // SAFETY: as in `encode_can_plain`.
    let parsed = unsafe {
        variadic!(PyArg_ParseTuple(
            address,
            c"O&KIB".as_ptr(),
            PyUnicode_FSConverter as Converter,
            &raw mut interface,
            &raw mut name,
            &raw mut group,
            &raw mut node,
        ))
    };
    let index = can_index(socket, parsed, interface)?;
    build::<24>(Family::CAN, &[(4, &index), (8, &name.to_ne_bytes()), (16, &group.to_ne_bytes()), (20, &[node])])
}

pub(super) fn decode_can(fields: &Fields, protocol: i32, on: Option<Descriptor>) -> PyResult<Owned> {
    let name = Owned::system_text(name_of(fields, on).as_bytes())?.into_ptr();
    // SAFETY: the interpreter is held; the formats' types are those of the arguments, "N" takes the reference over.
    unsafe {
        Owned::new(match protocol {
            numbers::CAN_ISOTP => variadic!(Py_BuildValue(c"NII".as_ptr(), name, fields.u32(8), fields.u32(12))),
            numbers::CAN_J1939 => {
                let (own, node) = (c_ulonglong::from_ne_bytes(fields.array(8)), c_int::from(fields.u8(20)));
                variadic!(Py_BuildValue(c"NKIi".as_ptr(), name, own, fields.u32(16), node))
            }
            _ => variadic!(Py_BuildValue(c"(N)".as_ptr(), name)),
        })
    }
}

type Converter = unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int;

/// The index of the interface whose name the parser has made bytes of, as the system stores it: 0, any interface, for
/// an empty name.
fn can_index(socket: SocketRef, parsed: c_int, name: *mut PyObject) -> PyResult<[u8; 4]> {
    if parsed == 0 {
        return Err(Raised);
    }
    let name = Owned::new(name)?;
    // SAFETY: the converter gives a bytes object, which is alive for as long as its bytes are looked at.
    let name = unsafe {
        let len = usize::try_from(PyBytes_Size(name.as_ptr())).unwrap_or(0);
        std::slice::from_raw_parts(PyBytes_AsString(name.as_ptr()).cast::<u8>(), len)
    };
    if name.is_empty() {
        return Ok([0; 4]);
    }
    if name.len() >= NAME_CAPACITY {
        return Err(exception::os_error("AF_CAN interface name too long"));
    }
    let index = interface_index(socket, name)?;
    Ok(index.to_ne_bytes())
}

/// The index of the interface of this name, in the network that the socket belongs to.
fn interface_index(socket: SocketRef, name: &[u8]) -> PyResult<c_int> {
    Descriptor::of(socket).held(|fd| syscall::interface_index(fd, name)).map_err(exception::raise_errno)
}

/// The name of the interface, which both families have by its index at the same place; empty if there is none.
fn name_of(fields: &Fields, on: Option<Descriptor>) -> OsString {
    let index = fields.u32(4).cast_signed();
    let name = on.filter(|_| index != 0).and_then(|on| on.held(|fd| syscall::interface_name(fd, index)).ok());
    name.unwrap_or_else(|| OsString::from_vec(Vec::new()))
}
