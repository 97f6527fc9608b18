//! AF_INET and AF_INET6: a host, by number or by name, and a port.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::net::{IpAddr, Ipv4Addr};
use std::ptr;

use shotclock::unstable::{AddressRecord, Answer, Hints, Request};
use shotclock::{Address, AddressInfoFlags, Family, Kind, SockAddr, inet_ntop};

use super::fields::{Fields, build, out_of_range, overflow_error, require_tuple};
use crate::ffi::capi::{
    Py_CLEANUP_SUPPORTED, Py_ssize_t, PyByteArray_Check, PyBytes_AsString, PyBytes_Check, PyBytes_FromObject,
    PyBytes_Size, PyErr_Clear, PyExc_TypeError, PyObject, PyUnicode_AsEncodedString, PyUnicode_AsUTF8AndSize,
    PyUnicode_Check, PyUnicode_CheckExact, variadic,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, type_name};
use crate::ffi::raised::{PyResult, Raised};
use crate::wait::lookup_failure;
use crate::wait::timing::Timing;

/// The largest flow label and traffic class together.
const FLOWINFO_MOST: c_uint = 0xf_ffff;

pub(super) fn encode_v4(timing: &Timing, address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    require_tuple(address, format_args!("{caller}(): AF_INET"))?;
    let (mut host, mut port) = (Host::default(), 0);
    // SAFETY: the interpreter is held; the format's types are those of the pointers, and `convert_host` takes a Host.
    let parsed = unsafe {
        variadic!(PyArg_ParseTuple(
            address,
            c"O&i;AF_INET address must be a pair (host, port)".as_ptr(),
            convert_host as Converter,
            &raw mut host,
            &raw mut port,
        ))
    };
    if parsed == 0 {
        return Err(out_of_range(port_range(caller)));
    }
    let found = host.resolve(timing, Family::INET)?;
    let port = checked_port(port, caller)?;
    build::<16>(Family::INET, &[(2, &port.to_be_bytes()), (4, &found.array::<4>(4))])
}

pub(super) fn encode_v6(timing: &Timing, address: *mut PyObject, caller: &str) -> PyResult<SockAddr> {
    require_tuple(address, format_args!("{caller}(): AF_INET6"))?;
    let (mut host, mut port, mut flowinfo, mut scope): (_, _, c_uint, c_uint) = (Host::default(), 0, 0, 0);
    // SAFETY: as in `encode_v4`.
    let parsed = unsafe {
        variadic!(PyArg_ParseTuple(
            address,
            c"O&i|II;AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])".as_ptr(),
            convert_host as Converter,
            &raw mut host,
            &raw mut port,
            &raw mut flowinfo,
            &raw mut scope,
        ))
    };
    if parsed == 0 {
        return Err(out_of_range(port_range(caller)));
    }
    let found = host.resolve(timing, Family::INET6)?;
    let port = checked_port(port, caller)?;
    if flowinfo > FLOWINFO_MOST {
        return Err(overflow_error(format_args!("{caller}(): flowinfo must be 0-{FLOWINFO_MOST}.")));
    }
    // The scope is the tuple's own, even where the host has one (`%eth0`).
    let (port, flowinfo, scope) = (port.to_be_bytes(), flowinfo.to_be_bytes(), scope.to_ne_bytes());
    build::<28>(Family::INET6, &[(2, &port), (4, &flowinfo), (8, &found.array::<16>(8)), (24, &scope)])
}

pub(super) fn decode_v4(fields: &Fields) -> PyResult<Owned> {
    let host = text_of(Family::INET, &fields.array::<4>(4))?;
    // SAFETY: the interpreter is held; the format's types are those of the arguments, and "N" takes the reference over.
    Owned::new(unsafe { variadic!(Py_BuildValue(c"Ni".as_ptr(), host.into_ptr(), c_int::from(fields.port(2)))) })
}

pub(super) fn decode_v6(fields: &Fields) -> PyResult<Owned> {
    let host = text_of(Family::INET6, &fields.array::<16>(8))?;
    let flowinfo = u32::from_be_bytes(fields.array(4));
    // SAFETY: as in `decode_v4`.
    Owned::new(unsafe {
        let port = c_int::from(fields.port(2));
        variadic!(Py_BuildValue(c"NiII".as_ptr(), host.into_ptr(), port, flowinfo, fields.u32(24)))
    })
}

/// The address of a host, without a port: any for ""; else by its number; else by the system's lookup, with the
/// interpreter released and under the limit of the call that needs it.
pub(crate) fn resolve(timing: &Timing, host: &CStr, family: i32) -> PyResult<SockAddr> {
    let family = Family(family);
    match host.to_bytes() {
        b"" => any(timing, family),
        b"<broadcast>" | b"255.255.255.255" => match family {
            Family::INET | Family::UNSPEC => Ok(Address::from((Ipv4Addr::BROADCAST, 0)).to_sockaddr()),
            _ => Err(exception::os_error("address family mismatched")),
        },
        _ => match number(host, family) {
            Some(ip) => Ok(Address::from((ip, 0)).to_sockaddr()),
            None => by_name(timing, host, family),
        },
    }
}

fn number(host: &CStr, family: Family) -> Option<IpAddr> {
    let ip: IpAddr = host.to_str().ok()?.parse().ok()?;
    let is_wanted = match family {
        Family::UNSPEC => true,
        Family::INET => ip.is_ipv4(),
        Family::INET6 => ip.is_ipv6(),
        _ => false,
    };
    is_wanted.then_some(ip)
}

fn any(timing: &Timing, family: Family) -> PyResult<SockAddr> {
    let flags = AddressInfoFlags::PASSIVE.0;
    let hints = Hints { flags, family: family.0, kind: Kind::DGRAM.0, protocol: 0 };
    let records = look_up(timing, &Request::AddressInfo { host: None, service: Some(c"0".to_owned()), hints })?;
    match records.as_slice() {
        [only] if is_ip(only) => Ok(only.address),
        [first, ..] if is_ip(first) => Err(exception::os_error("wildcard resolved to multiple address")),
        _ => Err(exception::os_error("unsupported address family")),
    }
}

fn by_name(timing: &Timing, host: &CStr, family: Family) -> PyResult<SockAddr> {
    let hints = Hints { flags: 0, family: family.0, kind: 0, protocol: 0 };
    let records = look_up(timing, &Request::AddressInfo { host: Some(CString::from(host)), service: None, hints })?;
    let first = records.first().filter(|first| is_ip(first));
    first.map(|first| first.address).ok_or_else(|| exception::os_error("unknown address family"))
}

fn look_up(timing: &Timing, request: &Request) -> PyResult<Vec<AddressRecord>> {
    match timing.answer(request)? {
        Ok(Answer::Addresses(records)) => Ok(records),
        Ok(_) => Ok(Vec::new()),
        Err(failure) => Err(lookup_failure::raise_lookup(&failure)),
    }
}

fn is_ip(record: &AddressRecord) -> bool {
    matches!(Family(record.address.family()), Family::INET | Family::INET6)
}

fn text_of(family: Family, ip: &[u8]) -> PyResult<Owned> {
    let text = inet_ntop(family, ip).map_err(|error| exception::os_error(&error.to_string()))?;
    Owned::text(&text)
}

fn checked_port(port: c_int, caller: &str) -> PyResult<u16> {
    u16::try_from(port).map_err(|_| overflow_error(port_range(caller)))
}

fn port_range(caller: &str) -> String {
    format!("{caller}(): port must be 0-65535.")
}

type Converter = unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int;

/// A host as the parser gives it: a C string, in the argument itself if that cannot change, else in bytes made of it.
struct Host {
    text: *const c_char,
    _bytes: Option<Owned>,
}

impl Default for Host {
    fn default() -> Self {
        Self { text: ptr::null(), _bytes: None }
    }
}

impl Host {
    /// The host in a bytes object, and its length.
    fn in_bytes(bytes: Owned) -> (Self, Py_ssize_t) {
        // SAFETY: the interpreter is held; the text lives as long as the object, which is kept beside it.
        let (text, len) = unsafe { (PyBytes_AsString(bytes.as_ptr()), PyBytes_Size(bytes.as_ptr())) };
        (Self { text, _bytes: Some(bytes) }, len)
    }

    fn resolve(&self, timing: &Timing, family: Family) -> PyResult<Fields> {
        // SAFETY: set by `convert_host`, which the parser has called successfully; the argument is alive, and what it
        // was made of it is kept here.
        let host = unsafe { CStr::from_ptr(self.text) };
        resolve(timing, host, family.0).map(|found| Fields::of(&found))
    }
}

/// The parser's converter for a [`Host`]: ASCII as it is, other text by IDNA, bytes as they are. Called without an
/// object it undoes what it did: a later argument was refused.
unsafe extern "C" fn convert_host(object: *mut PyObject, host: *mut c_void) -> c_int {
    // SAFETY: `encode_v4` and `encode_v6` pass a Host.
    let host = unsafe { &mut *host.cast::<Host>() };
    if object.is_null() {
        *host = Host::default();
        return 1;
    }
    match host_of(object) {
        Ok(converted) => {
            *host = converted;
            Py_CLEANUP_SUPPORTED
        }
        Err(Raised) => 0,
    }
}

fn host_of(object: *mut PyObject) -> PyResult<Host> {
    // SAFETY: the interpreter is held and the object alive; each function fits the type that was checked, and gives
    // bytes that a NUL ends and that live as long as the object.
    unsafe {
        let (host, len) = if PyBytes_Check(object) != 0 {
            (Host { text: PyBytes_AsString(object), _bytes: None }, PyBytes_Size(object))
        } else if PyByteArray_Check(object) != 0 {
            // A copy, since converting the port may run code that changes or frees the bytes.
            Host::in_bytes(Owned::new(PyBytes_FromObject(object))?)
        } else if PyUnicode_Check(object) != 0 {
            if let Some(ascii) = ascii_of(object) {
                (Host { text: ascii.as_ptr().cast(), _bytes: None }, ascii.len().cast_signed())
            } else {
                let encoded = Owned::new(PyUnicode_AsEncodedString(object, c"idna".as_ptr(), ptr::null()))
                    .map_err(|Raised| exception::type_error("encoding of hostname failed"))?;
                Host::in_bytes(encoded)
            }
        } else {
            let text = format!("str, bytes or bytearray expected, not {}", type_name(object));
            return Err(exception::raise_text(PyExc_TypeError, &text));
        };
        if CStr::from_ptr(host.text).count_bytes().cast_signed() != len {
            return Err(exception::type_error("host name must not contain null character"));
        }
        Ok(host)
    }
}

/// The text of a str, which a NUL ends, if it is ASCII. Objects of a subclass are encoded, as CPython does.
///
/// # Safety
/// `text` must be a live str, and outlive the result.
unsafe fn ascii_of<'a>(text: *mut PyObject) -> Option<&'a [u8]> {
    let mut len = 0;
    // SAFETY: by the caller's promise; the bytes are the object's own.
    unsafe {
        if PyUnicode_CheckExact(text) == 0 {
            return None;
        }
        let start = PyUnicode_AsUTF8AndSize(text, &raw mut len);
        if start.is_null() {
            // Lone surrogates: IDNA says what is wrong with them.
            PyErr_Clear();
            return None;
        }
        let bytes = std::slice::from_raw_parts(start.cast::<u8>(), usize::try_from(len).unwrap_or(0));
        bytes.is_ascii().then_some(bytes)
    }
}
