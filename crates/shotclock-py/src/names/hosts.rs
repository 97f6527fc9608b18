//! gethostbyname, gethostbyname_ex, gethostbyaddr.

use std::ffi::{CStr, c_char, c_void};
use std::net::IpAddr;
use std::ptr::{self, NonNull};

use shotclock::unstable::{Answer, Failure, HostRecord, Request};
use shotclock::{Address, Family, Phase, SockAddr};

use crate::address;
use crate::ffi::capi::{PyMem_Free, PyObject, PyTuple_GetItem, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::audit::audit;
use crate::wait::lookup_failure;
use crate::wait::timing::Timing;

/// `_socket.gethostbyname(host)`: an IPv4 address.
pub(crate) unsafe extern "C" fn gethostbyname(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let find = || {
        let host = Host::of(arguments, c"et:gethostbyname")?;
        audit(c"socket.gethostbyname", &[host.object])?;
        ip_text(ip_of(&address::resolve(&Timing::of_scope(Phase::Lookup)?, host.name(), Family::INET.0)?)?)
    };
    returned(find())
}

/// `_socket.gethostbyname_ex(host)`: name, other names, IPv4 addresses.
pub(crate) unsafe extern "C" fn gethostbyname_ex(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let find = || {
        let host = Host::of(arguments, c"et:gethostbyname_ex")?;
        audit(c"socket.gethostbyname", &[host.object])?;
        // Converted only for the errors: it accepts other names than the lookup by name does.
        let timing = Timing::of_scope(Phase::Lookup)?;
        address::resolve(&timing, host.name(), Family::INET.0)?;
        entry_of(&timing, &Request::HostByName(host.name().to_owned()))
    };
    returned(find())
}

/// `_socket.gethostbyaddr(host)`: name, other names and addresses of the host that has this address.
pub(crate) unsafe extern "C" fn gethostbyaddr(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let find = || {
        let host = Host::of(arguments, c"et:gethostbyaddr")?;
        audit(c"socket.gethostbyaddr", &[host.object])?;
        let timing = Timing::of_scope(Phase::Lookup)?;
        let address = address::resolve(&timing, host.name(), Family::UNSPEC.0)?;
        entry_of(&timing, &Request::HostByAddress(ip_of(&address)?))
    };
    returned(find())
}

/// The one argument: a host name, and the object that it was given as.
struct Host {
    /// Memory from the interpreter, freed on drop.
    name: NonNull<c_char>,
    object: *mut PyObject,
}

impl Host {
    fn of(arguments: *mut PyObject, format: &'static CStr) -> PyResult<Self> {
        let mut name: *mut c_char = ptr::null_mut();
        // SAFETY: the interpreter is held; `et` takes an encoding and a place for a new C string. With the format
        // fulfilled the tuple has one item, which it keeps alive for the call.
        unsafe {
            if variadic!(PyArg_ParseTuple(arguments, format.as_ptr(), c"idna".as_ptr(), &raw mut name)) == 0 {
                return Err(Raised);
            }
            let name = NonNull::new(name).ok_or(Raised)?;
            Ok(Self { name, object: PyTuple_GetItem(arguments, 0) })
        }
    }

    fn name(&self) -> &CStr {
        // SAFETY: a C string of our own.
        unsafe { CStr::from_ptr(self.name.as_ptr()) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: the interpreter's parser allocated it for us, and the interpreter is held.
        unsafe { PyMem_Free(self.name.as_ptr().cast::<c_void>()) }
    }
}

fn ip_of(address: &SockAddr) -> PyResult<IpAddr> {
    match Address::from_sockaddr(address) {
        Address::V4(address) => Ok((*address.ip()).into()),
        Address::V6(address) => Ok((*address.ip()).into()),
        _ => Err(exception::os_error("unsupported address family")),
    }
}

fn entry_of(timing: &Timing, request: &Request) -> PyResult<Owned> {
    match timing.answer(request)?.map_err(|failure| lookup_failure::raise_lookup(&failure))? {
        Answer::Host(record) => entry(&record),
        _ => Err(lookup_failure::raise_lookup(&Failure::NotFound)),
    }
}

fn entry(HostRecord { name, aliases, addresses }: &HostRecord) -> PyResult<Owned> {
    let name = Owned::utf8_text(name.to_bytes())?;
    let aliases = Owned::list(aliases.iter().map(|alias| Owned::utf8_text(alias.to_bytes())))?;
    let addresses = Owned::list(addresses.iter().copied().map(ip_text))?;
    // SAFETY: the interpreter is held; "N" takes over each object.
    Owned::new(unsafe {
        variadic!(Py_BuildValue(c"NNN".as_ptr(), name.into_ptr(), aliases.into_ptr(), addresses.into_ptr()))
    })
}

fn ip_text(address: IpAddr) -> PyResult<Owned> {
    let text = match address {
        IpAddr::V4(address) => Ok(shotclock::inet_ntoa(address)),
        IpAddr::V6(address) => shotclock::inet_ntop(Family::INET6, &address.octets()),
    };
    Owned::text(&text.unwrap_or_default())
}
