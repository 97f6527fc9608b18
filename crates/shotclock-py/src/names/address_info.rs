//! getaddrinfo, getnameinfo.

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::net::SocketAddrV6;
use std::ptr;
use std::sync::OnceLock;

use shotclock::unstable::{AddressRecord, Answer, Failure, Hints, Request};
use shotclock::{Address, AddressInfoFlags, Family, Kind, NameInfoFlags, Phase, SockAddr};

use crate::address;
use crate::ffi::arguments::Keywords;
use crate::ffi::capi::{
    Py_None, Py_True, PyBytes_AsString, PyBytes_Check, PyErr_Clear, PyErr_ExceptionMatches, PyErr_Occurred,
    PyExc_IndexError, PyExc_OverflowError, PyIndex_Check, PyLong_AsLong, PyLong_Check, PyLong_CheckExact,
    PyNumber_Index, PyObject, PyTuple_Check, PyTuple_Size, PyUnicode_AsEncodedString, PyUnicode_AsUTF8AndSize,
    PyUnicode_Check, variadic,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::audit::audit;
use crate::socket::complaint::unwilling;
use crate::socket::stock::stock;
use crate::wait::lookup_failure;
use crate::wait::timing::Timing;

/// `_socket.getaddrinfo(host, port, family=0, type=0, proto=0, flags=0)`.
pub(crate) unsafe extern "C" fn getaddrinfo(
    _: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    returned(find_addresses(arguments, keywords))
}

/// `_socket.getnameinfo(sockaddr, flags)`: host and service.
pub(crate) unsafe extern "C" fn getnameinfo(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(find_name(arguments))
}

fn find_addresses(arguments: *mut PyObject, keywords: *mut PyObject) -> PyResult<Owned> {
    let Asked { host, port, hints } = Asked::of(arguments, keywords)?;
    let host_name = host_name(host)?;
    let service = match service(port)? {
        Port::None => None,
        Port::Text(service) => Some(service),
        // Some versions refuse it themselves; others leave that to the system, which looks at the port first.
        Port::TooLarge => return stock()?.call(c"getaddrinfo", arguments, keywords),
    };
    let numbers = [Owned::int(hints.family)?, Owned::int(hints.kind)?, Owned::int(hints.protocol)?];
    let [family, kind, protocol] = numbers.each_ref().map(Owned::as_ptr);
    audit(c"socket.getaddrinfo", &[host, port, family, kind, protocol])?;
    let records = addresses(&Request::AddressInfo { host: host_name, service, hints })?;
    Owned::list(records.iter().map(|record| entry(record, hints.protocol)))
}

/// getaddrinfo's arguments, borrowed.
struct Asked {
    host: *mut PyObject,
    port: *mut PyObject,
    hints: Hints,
}

impl Asked {
    fn of(arguments: *mut PyObject, keywords: *mut PyObject) -> PyResult<Self> {
        let names = Keywords::<7>::new(&[c"host", c"port", c"family", c"type", c"proto", c"flags"]);
        let (mut host, mut port): (*mut PyObject, *mut PyObject) = (ptr::null_mut(), ptr::null_mut());
        let mut hints = Hints { flags: 0, family: Family::UNSPEC.0, kind: 0, protocol: 0 };
        // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
        let parsed = unsafe {
            variadic!(PyArg_ParseTupleAndKeywords(
                arguments,
                keywords,
                c"OO|iiii:getaddrinfo".as_ptr(),
                names.as_mut_ptr(),
                &raw mut host,
                &raw mut port,
                &raw mut hints.family,
                &raw mut hints.kind,
                &raw mut hints.protocol,
                &raw mut hints.flags,
            ))
        };
        if parsed == 0 { Err(Raised) } else { Ok(Self { host, port, hints }) }
    }
}

/// The host for the system; `None` for None.
fn host_name(host: *mut PyObject) -> PyResult<Option<CString>> {
    // SAFETY: the interpreter is held and the object alive; so are the bytes until they are copied.
    unsafe {
        if host == Py_None() {
            return Ok(None);
        }
        if PyUnicode_Check(host) != 0 {
            let encoded = Owned::new(PyUnicode_AsEncodedString(host, c"idna".as_ptr(), ptr::null()))?;
            return copied(PyBytes_AsString(encoded.as_ptr())).map(Some);
        }
        if PyBytes_Check(host) != 0 {
            return copied(PyBytes_AsString(host)).map(Some);
        }
        Err(exception::type_error("getaddrinfo() argument 1 must be string or None"))
    }
}

/// The port or service for the system.
enum Port {
    None,
    Text(CString),
    /// The port is an int beyond a C long.
    TooLarge,
}

fn service(port: *mut PyObject) -> PyResult<Port> {
    // SAFETY: as in `host_name`.
    unsafe {
        if PyLong_CheckExact(port) != 0 || PyIndex_Check(port) != 0 && takes(port)? {
            let number = Owned::new(PyNumber_Index(port))?;
            let number = PyLong_AsLong(number.as_ptr());
            if number == -1 && !PyErr_Occurred().is_null() {
                if PyErr_ExceptionMatches(PyExc_OverflowError) == 0 {
                    return Err(Raised);
                }
                PyErr_Clear();
                return Ok(Port::TooLarge);
            }
            return Ok(Port::Text(decimal(&number)));
        }
        if PyUnicode_Check(port) != 0 {
            return copied(PyUnicode_AsUTF8AndSize(port, ptr::null_mut())).map(Port::Text);
        }
        if PyBytes_Check(port) != 0 {
            return copied(PyBytes_AsString(port)).map(Port::Text);
        }
        if port == Py_None() {
            return Ok(Port::None);
        }
        Err(exception::os_error("Int or String expected"))
    }
}

/// Whether the interpreter's own takes a port of this kind, which is no plain int: newer ones take all that can be an index,
/// and some before them members of an IntEnum.
fn takes(port: *mut PyObject) -> PyResult<bool> {
    static TAKES: [OnceLock<bool>; 2] = [const { OnceLock::new() }; 2];
    let ask = |kept: &OnceLock<bool>, sample: *mut PyObject, is_taken: fn(PyResult<Owned>) -> bool| {
        if let Some(takes) = kept.get() {
            return Ok(*takes);
        }
        // SAFETY: the interpreter is held and the sample alive.
        unsafe {
            let arguments = Owned::new(variadic!(Py_BuildValue(c"sO".as_ptr(), c"127.0.0.1".as_ptr(), sample)))?;
            let takes = is_taken(stock()?.call(c"getaddrinfo", arguments.as_ptr(), ptr::null_mut()));
            PyErr_Clear();
            Ok(*kept.get_or_init(|| takes))
        }
    };
    // It was taken if it could raise. That is before the audit event, which a program's hook would see.
    // SAFETY: the interpreter is held, and where it failed an exception is set; a static of the interpreter.
    let could_raise =
        |asked: PyResult<Owned>| asked.is_err() && unsafe { PyErr_ExceptionMatches(PyExc_IndexError) } != 0;
    if ask(&TAKES[0], unwilling()?, could_raise)? {
        return Ok(true);
    }
    // SAFETY: as above; True lives for ever, and is no error to convert.
    unsafe { Ok(PyLong_Check(port) != 0 && ask(&TAKES[1], Py_True(), |asked| asked.is_ok())?) }
}

/// A C string's copy, which ends at the first NUL; null means that making it raised.
///
/// # Safety
/// `string` must be null or a C string that lives during the call.
unsafe fn copied(string: *const c_char) -> PyResult<CString> {
    // SAFETY: by the caller's promise.
    if string.is_null() { Err(Raised) } else { Ok(unsafe { CStr::from_ptr(string) }.to_owned()) }
}

fn decimal(number: &impl ToString) -> CString {
    // Digits and a sign: never a NUL.
    CString::new(number.to_string()).unwrap_or_default()
}

fn addresses(request: &Request) -> PyResult<Vec<AddressRecord>> {
    match Timing::of_scope(Phase::Lookup)?.answer(request)?.map_err(|failure| lookup_failure::raise_lookup(&failure))? {
        Answer::Addresses(records) => Ok(records),
        _ => Err(lookup_failure::raise_lookup(&Failure::NotFound)),
    }
}

/// `(family, type, proto, canonname, sockaddr)`.
fn entry(record: &AddressRecord, protocol: c_int) -> PyResult<Owned> {
    let canonical_name = record.canonical_name.as_deref().unwrap_or_default();
    let sockaddr = address::to_python(Some(&record.address), protocol)?;
    // SAFETY: the interpreter is held; the format's types are those of the arguments, "N" takes over the object.
    Owned::new(unsafe {
        variadic!(Py_BuildValue(
            c"iiisN".as_ptr(),
            record.family,
            record.kind,
            record.protocol,
            canonical_name.as_ptr(),
            sockaddr.into_ptr(),
        ))
    })
}

fn find_name(arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut sockaddr, mut flags): (*mut PyObject, c_int) = (ptr::null_mut(), 0);
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    let len = unsafe {
        if variadic!(PyArg_ParseTuple(arguments, c"Oi:getnameinfo".as_ptr(), &raw mut sockaddr, &raw mut flags)) == 0 {
            return Err(Raised);
        }
        if PyTuple_Check(sockaddr) == 0 {
            return Err(exception::type_error("getnameinfo() argument 1 must be a tuple"));
        }
        PyTuple_Size(sockaddr)
    };
    let parts = SockaddrParts::of(sockaddr)?;
    audit(c"socket.getnameinfo", &[sockaddr])?;
    let request = Request::NameInfo { address: parts.address(len)?, flags: NameInfoFlags(flags) };
    match Timing::of_scope(Phase::Lookup)?
        .answer(&request)?
        .map_err(|failure| lookup_failure::raise_lookup(&failure))?
    {
        Answer::HostAndService(host, service) => {
            // SAFETY: the interpreter is held; "s" copies a C string.
            Owned::new(unsafe { variadic!(Py_BuildValue(c"ss".as_ptr(), host.as_ptr(), service.as_ptr())) })
        }
        _ => Err(lookup_failure::raise_lookup(&Failure::NotFound)),
    }
}

/// getnameinfo's first argument: a numeric host, which tells whether it is IPv4 or IPv6, and the rest.
struct SockaddrParts {
    host: CString,
    port: c_int,
    flow: c_uint,
    scope: c_uint,
}

impl SockaddrParts {
    fn of(sockaddr: *mut PyObject) -> PyResult<Self> {
        let (mut host, mut port): (*const c_char, c_int) = (ptr::null(), 0);
        let (mut flow, mut scope): (c_uint, c_uint) = (0, 0);
        let format = c"si|II;getnameinfo(): illegal sockaddr argument".as_ptr();
        // SAFETY: as in `find_name`; the string is the argument's own, and copied at once.
        unsafe {
            if variadic!(PyArg_ParseTuple(
                sockaddr,
                format,
                &raw mut host,
                &raw mut port,
                &raw mut flow,
                &raw mut scope
            )) == 0
            {
                return Err(Raised);
            }
            if flow > 0xfffff {
                return Err(exception::raise(PyExc_OverflowError, c"getnameinfo(): flowinfo must be 0-1048575."));
            }
            Ok(Self { host: copied(host)?, port, flow, scope })
        }
    }

    /// The address, as the system reads host and port; `len` is how many parts were given.
    fn address(&self, len: isize) -> PyResult<SockAddr> {
        let flags = AddressInfoFlags::NUMERICHOST.0;
        let hints = Hints { flags, family: Family::UNSPEC.0, kind: Kind::DGRAM.0, protocol: 0 };
        let (host, service) = (Some(self.host.clone()), Some(decimal(&self.port)));
        let records = addresses(&Request::AddressInfo { host, service, hints })?;
        let [record] = records.as_slice() else {
            return Err(exception::os_error("sockaddr resolved to multiple addresses"));
        };
        match Address::from_sockaddr(&record.address) {
            Address::V4(_) if len != 2 => Err(exception::os_error("IPv4 sockaddr must be 2 tuple")),
            Address::V6(address) => {
                let (ip, port) = (*address.ip(), address.port());
                Ok(Address::V6(SocketAddrV6::new(ip, port, self.flow.to_be(), self.scope)).to_sockaddr())
            }
            _ => Ok(record.address),
        }
    }
}
