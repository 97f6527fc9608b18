//! AF_BLUETOOTH, for interpreters that were built with it.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_ushort};
use std::ptr;

use shotclock::{Family, SockAddr};

use super::fields::{Fields, build};
use crate::ffi::capi::{PyBytes_AsString, PyBytes_Check, PyIndex_Check, PyObject, PyUnicode_Check, variadic};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::stock::stock;

/// Protocols: bluetooth/bluetooth.h.
const L2CAP: i32 = 0;
const HCI: i32 = 1;
const SCO: i32 = 2;
const RFCOMM: i32 = 3;

/// Whether the interpreter knows the family at all; to others its addresses are bytes.
pub(super) fn is_known() -> PyResult<bool> {
    stock().map(|stock| stock.has_bluetooth)
}

pub(super) fn check_protocol(protocol: i32) -> PyResult<()> {
    match protocol {
        L2CAP | HCI | SCO | RFCOMM => Ok(()),
        _ => Err(exception::os_error("getsockaddrlen: unknown BT protocol")),
    }
}

pub(super) fn encode(address: *mut PyObject, protocol: i32, caller: &str) -> PyResult<SockAddr> {
    let has_channels = stock()?.has_bluetooth_channels;
    match protocol {
        L2CAP if has_channels => connection_with_channel(address, caller),
        L2CAP => {
            let (device, port) = device_and_number(address, caller)?;
            // The system's field has two bytes.
            build::<14>(Family::BLUETOOTH, &[(2, &(port as u16).to_ne_bytes()), (4, &device)])
        }
        RFCOMM => {
            let (device, channel) = if has_channels {
                let (mut device, mut channel): (*const c_char, c_uchar) = (ptr::null(), 0);
                // SAFETY: as in `device_and_number`.
                let parsed =
                    unsafe { variadic!(PyArg_ParseTuple(address, c"sB".as_ptr(), &raw mut device, &raw mut channel)) };
                (parsed_device(parsed, device, caller)?, channel)
            } else {
                let (device, channel) = device_and_number(address, caller)?;
                (device, channel as u8)
            };
            build::<10>(Family::BLUETOOTH, &[(2, &device), (8, &[channel])])
        }
        HCI if has_channels => adapter_and_channel(address, caller),
        HCI => {
            let mut adapter: c_int = 0;
            // SAFETY: the interpreter is held; the format's type is that of the pointer.
            if unsafe { variadic!(PyArg_ParseTuple(address, c"i".as_ptr(), &raw mut adapter)) } == 0 {
                return Err(wrong_format(caller));
            }
            // The number's upper half is written into the channel's field, as CPython does.
            build::<6>(Family::BLUETOOTH, &[(2, &adapter.to_ne_bytes())])
        }
        SCO => build::<8>(Family::BLUETOOTH, &[(2, &voice_device(address, has_channels, caller)?)]),
        _ => Err(exception::os_error(&format!("{caller}(): unknown Bluetooth protocol"))),
    }
}

pub(super) fn decode(fields: &Fields, protocol: i32) -> PyResult<Owned> {
    let with_number = |device: usize, number: c_int| {
        let device = text_of(fields.array(device))?;
        // SAFETY: the interpreter is held; the format's types are those of the arguments, "N" takes the reference over.
        Owned::new(unsafe { variadic!(Py_BuildValue(c"Ni".as_ptr(), device.into_ptr(), number)) })
    };
    let has_channels = stock()?.has_bluetooth_channels;
    let port = c_int::from(fields.u16(2));
    match protocol {
        L2CAP => {
            let (channel, kind) = (c_int::from(fields.u16(10)), c_int::from(fields.u8(12)));
            if !has_channels || (channel, kind) == (0, 0) {
                return with_number(4, port);
            }
            let device = text_of(fields.array(4))?.into_ptr();
            // SAFETY: as above.
            Owned::new(unsafe {
                match kind {
                    0 => variadic!(Py_BuildValue(c"Nii".as_ptr(), device, port, channel)),
                    _ => variadic!(Py_BuildValue(c"Niii".as_ptr(), device, port, channel, kind)),
                }
            })
        }
        RFCOMM => with_number(2, c_int::from(fields.u8(8))),
        HCI if has_channels && fields.u16(4) != 0 => {
            let channel = c_int::from(fields.u16(4));
            // SAFETY: as above.
            Owned::new(unsafe { variadic!(Py_BuildValue(c"ii".as_ptr(), port, channel)) })
        }
        HCI => Owned::int(port),
        SCO => text_of(fields.array(2)),
        _ => Err(exception::value_error("Unknown Bluetooth protocol")),
    }
}

/// `(device, port[, channel[, kind of address]])`.
fn connection_with_channel(address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    let (mut device, mut port, mut channel, mut kind): (*const c_char, c_ushort, c_ushort, c_uchar) =
        (ptr::null(), 0, 0, 0);
    let format = c"sH|HB".as_ptr();
    let (to_device, to_port, to_channel, to_kind) = (&raw mut device, &raw mut port, &raw mut channel, &raw mut kind);
    // SAFETY: as in `device_and_number`.
    let parsed = unsafe { variadic!(PyArg_ParseTuple(address, format, to_device, to_port, to_channel, to_kind)) };
    let device = parsed_device(parsed, device, caller)?;
    let (port, channel) = (port.to_ne_bytes(), channel.to_ne_bytes());
    build::<14>(Family::BLUETOOTH, &[(2, &port), (4, &device), (10, &channel), (12, &[kind])])
}

/// `adapter`, or `(adapter[, channel])`.
fn adapter_and_channel(address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    let (mut adapter, mut channel): (c_ushort, c_ushort) = (0, 0);
    // SAFETY: the interpreter is held; the formats' types are those of the pointers.
    unsafe {
        if PyIndex_Check(address) != 0 {
            if variadic!(PyArg_Parse(address, c"H".as_ptr(), &raw mut adapter)) == 0 {
                return Err(Raised);
            }
        } else if variadic!(PyArg_ParseTuple(address, c"H|H".as_ptr(), &raw mut adapter, &raw mut channel)) == 0 {
            return Err(wrong_format(caller));
        }
    }
    build::<6>(Family::BLUETOOTH, &[(2, &adapter.to_ne_bytes()), (4, &channel.to_ne_bytes())])
}

/// The device of a connection for voice: bytes, for newer interpreters a str too, which then refuse a NUL in either.
fn voice_device(address: *mut PyObject, is_parsed: bool, caller: &str) -> PyResult<[u8; 6]> {
    let mut device: *const c_char = ptr::null();
    // SAFETY: the interpreter is held and the object alive; a NUL ends the bytes of a bytes object.
    unsafe {
        if PyBytes_Check(address) != 0 && !is_parsed {
            return device_of(CStr::from_ptr(PyBytes_AsString(address)));
        }
        let format = match (PyBytes_Check(address) != 0, is_parsed && PyUnicode_Check(address) != 0) {
            (true, _) => c"y",
            (_, true) => c"s",
            _ => return Err(wrong_format(caller)),
        };
        if variadic!(PyArg_Parse(address, format.as_ptr(), &raw mut device)) == 0 {
            return Err(Raised);
        }
        device_of(CStr::from_ptr(device))
    }
}

fn device_and_number(address: *mut PyObject, caller: &str) -> PyResult<([u8; 6], c_int)> {
    let (mut device, mut number): (*const c_char, c_int) = (ptr::null(), 0);
    // SAFETY: the interpreter is held; the format's types are those of the pointers.
    let parsed = unsafe { variadic!(PyArg_ParseTuple(address, c"si".as_ptr(), &raw mut device, &raw mut number)) };
    Ok((parsed_device(parsed, device, caller)?, number))
}

/// The device that a parser has found: a C string of an item of the address, which is alive.
fn parsed_device(parsed: c_int, device: *const c_char, caller: &str) -> PyResult<[u8; 6]> {
    if parsed == 0 {
        return Err(wrong_format(caller));
    }
    // SAFETY: the parser has put it there.
    device_of(unsafe { CStr::from_ptr(device) })
}

/// Six bytes out of `XX:XX:XX:XX:XX:XX`, in the system's order: the last one first. Numbers are read as scanf's %X
/// reads them, with blanks and `0x` before them.
fn device_of(text: &CStr) -> PyResult<[u8; 6]> {
    let bad = || exception::os_error("bad bluetooth address");
    let text = text.to_str().map_err(|_| bad())?;
    let mut device = [0; 6];
    let mut parts = text.split(':');
    for byte in device.iter_mut().rev() {
        let part = parts.next().ok_or_else(bad)?.trim_ascii_start();
        let digits = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")).unwrap_or(part);
        *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
    }
    if parts.next().is_some() { Err(bad()) } else { Ok(device) }
}

fn text_of(device: [u8; 6]) -> PyResult<Owned> {
    let [a, b, c, d, e, f] = device;
    Owned::text(&format!("{f:02X}:{e:02X}:{d:02X}:{c:02X}:{b:02X}:{a:02X}"))
}

fn wrong_format(caller: &str) -> Raised {
    exception::os_error(&format!("{caller}(): wrong format"))
}
