//! Services and protocols by calls that are reentrant.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

#[cfg(not(target_env = "musl"))]
use libc::protoent;
use libc::{servent, size_t};

use super::Errno;
use super::address_info::{pointer, port, text};
use super::growing::{errno_of, growing};
use crate::sys::lookup::Failure;

/// getservbyname_r(3): the port, 0 to 65535.
pub(crate) fn service_by_name(name: &CStr, protocol: Option<&CStr>) -> Result<u16, Failure> {
    let read = |entry: &servent| port(entry.s_port);
    netdb(read, |entry, buffer, found| {
        // SAFETY: C strings or null; `netdb` hands in a buffer of the length given and places for the results.
        unsafe { getservbyname_r(name.as_ptr(), pointer(protocol), entry, buffer.as_mut_ptr(), buffer.len(), found) }
    })
}

/// getservbyport_r(3): the service's name.
pub(crate) fn service_by_port(number: u16, protocol: Option<&CStr>) -> Result<CString, Failure> {
    let read = |entry: &servent| {
        // SAFETY: s_name is null or a C string in the buffer that `netdb` keeps until this returns.
        unsafe { text(entry.s_name) }.unwrap_or_default()
    };
    netdb(read, |entry, buffer, found| {
        // SAFETY: as in `service_by_name`.
        unsafe {
            let number = c_int::from(number.to_be());
            getservbyport_r(number, pointer(protocol), entry, buffer.as_mut_ptr(), buffer.len(), found)
        }
    })
}

/// getprotobyname_r(3): the protocol's number.
#[cfg(not(target_env = "musl"))]
pub(crate) fn protocol_by_name(name: &CStr) -> Result<i32, Failure> {
    netdb(
        |entry: &protoent| entry.p_proto,
        |entry, buffer, found| {
            // SAFETY: as in `service_by_name`.
            unsafe { getprotobyname_r(name.as_ptr(), entry, buffer.as_mut_ptr(), buffer.len(), found) }
        },
    )
}

/// Runs a services or protocols call with a buffer that grows until the answer fits, and reads the answer.
fn netdb<E, T>(
    read: impl Fn(&E) -> T,
    mut ask: impl FnMut(*mut E, &mut [c_char], *mut *mut E) -> c_int,
) -> Result<T, Failure> {
    growing(|buffer| {
        let mut entry = MaybeUninit::uninit();
        let mut found: *mut E = ptr::null_mut();
        let errno = errno_of(ask(entry.as_mut_ptr(), buffer, &mut found));
        // SAFETY: `found` is null or points to `entry`, filled by a call that succeeded; `buffer` holds what it names.
        match (unsafe { found.as_ref() }, errno) {
            (Some(entry), _) => Some(Ok(read(entry))),
            (None, libc::ERANGE) => None,
            (None, 0 | libc::ENOENT) => Some(Err(Failure::NotFound)),
            // What musl says of a protocol that is neither TCP nor UDP, of whose services it knows none.
            (None, libc::EINVAL) if cfg!(target_env = "musl") => Some(Err(Failure::NotFound)),
            (None, errno) => Some(Err(Failure::System(Errno::from_raw_os_error(errno)))),
        }
    })
}

// The reentrant forms that the libc crate does not declare; netdb.h.
unsafe extern "C" {
    fn getservbyname_r(
        name: *const c_char,
        protocol: *const c_char,
        entry: *mut servent,
        buffer: *mut c_char,
        size: size_t,
        found: *mut *mut servent,
    ) -> c_int;
    fn getservbyport_r(
        port: c_int,
        protocol: *const c_char,
        entry: *mut servent,
        buffer: *mut c_char,
        size: size_t,
        found: *mut *mut servent,
    ) -> c_int;
    #[cfg(not(target_env = "musl"))]
    fn getprotobyname_r(
        name: *const c_char,
        entry: *mut protoent,
        buffer: *mut c_char,
        size: size_t,
        found: *mut *mut protoent,
    ) -> c_int;
}
