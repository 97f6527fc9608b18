//! AF_BLUETOOTH, for interpreters that were built with it.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use shotclock::{Family, SockAddr};

use super::fields::{Fields, build};
use crate::ffi::capi::{PyBytes_AsString, PyBytes_Check, PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;
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
    match protocol {
        L2CAP => {
            let (device, port) = device_and_number(address, caller)?;
            // The system's field has two bytes.
            build::<14>(Family::BLUETOOTH, &[(2, &(port as u16).to_ne_bytes()), (4, &device)])
        }
        RFCOMM => {
            let (device, channel) = device_and_number(address, caller)?;
            build::<10>(Family::BLUETOOTH, &[(2, &device), (8, &[channel as u8])])
        }
        HCI => {
            let mut adapter: c_int = 0;
            // SAFETY: the interpreter is held; the format's type is that of the pointer.
            if unsafe { variadic!(PyArg_ParseTuple(address, c"i".as_ptr(), &raw mut adapter)) } == 0 {
                return Err(wrong_format(caller));
            }
            // The number's upper half is written into the channel's field, as CPython does.
            build::<6>(Family::BLUETOOTH, &[(2, &adapter.to_ne_bytes())])
        }
        SCO => {
            // SAFETY: the interpreter is held and the object alive; a NUL ends the bytes of a bytes object.
            let device = unsafe {
                if PyBytes_Check(address) == 0 {
                    return Err(wrong_format(caller));
                }
                CStr::from_ptr(PyBytes_AsString(address))
            };
            build::<8>(Family::BLUETOOTH, &[(2, &device_of(device)?)])
        }
        _ => Err(exception::os_error(&format!("{caller}(): unknown Bluetooth protocol"))),
    }
}

pub(super) fn decode(fields: &Fields, protocol: i32) -> PyResult<Owned> {
    let with_number = |device: usize, number: c_int| {
        let device = text_of(fields.array(device))?;
        // SAFETY: the interpreter is held; the format's types are those of the arguments, "N" takes the reference over.
        Owned::new(unsafe { variadic!(Py_BuildValue(c"Ni".as_ptr(), device.into_ptr(), number)) })
    };
    match protocol {
        L2CAP => with_number(4, c_int::from(fields.u16(2))),
        RFCOMM => with_number(2, c_int::from(fields.u8(8))),
        HCI => Owned::int(fields.u16(2)),
        SCO => text_of(fields.array(2)),
        _ => Err(exception::value_error("Unknown Bluetooth protocol")),
    }
}

fn device_and_number(address: *mut PyObject, caller: &str) -> PyResult<([u8; 6], c_int)> {
    let (mut device, mut number): (*const c_char, c_int) = (ptr::null(), 0);
    // SAFETY: the interpreter is held; the format's types are those of the pointers. The device is a C string of the
    // tuple's item, which is alive.
    let device = unsafe {
        if variadic!(PyArg_ParseTuple(address, c"si".as_ptr(), &raw mut device, &raw mut number)) == 0 {
            return Err(wrong_format(caller));
        }
        CStr::from_ptr(device)
    };
    Ok((device_of(device)?, number))
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

fn wrong_format(caller: &str) -> crate::ffi::raised::Raised {
    exception::os_error(&format!("{caller}(): wrong format"))
}
