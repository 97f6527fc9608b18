//! The system's own lookups: hosts file, name servers and whatever else nsswitch.conf(5) names. All are reentrant, give
//! owned values out, names in the bytes that the system has, and may take as long as they like: bounding them is the
//! business of `names`.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

#[cfg(target_env = "gnu")]
use libc::protoent;
use libc::{servent, size_t};

pub(crate) use super::address_info::{address_info, name_info};
#[cfg(target_env = "musl")]
pub(crate) use super::hosts_by_address_info::{host_by_address, host_by_name};
#[cfg(target_env = "gnu")]
pub(crate) use super::hosts_reentrant::{host_by_address, host_by_name};
#[cfg(target_env = "musl")]
pub(crate) use super::protocols_in_turn::protocol_by_name;
pub use crate::sys::lookup::{AddressRecord, Failure, Hints, HostRecord};
pub(crate) use crate::sys::lookup::{TRY_AGAIN, host_code_name, shown};
#[cfg(test)]
pub(crate) use libc::EAI_SYSTEM;

pub(crate) use libc::{EAI_AGAIN, EAI_NONAME};

use super::address_info::{pointer, text, until_nul};
use super::growing::growing;
use super::{Errno, last_errno};

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
#[cfg(target_env = "gnu")]
pub(crate) fn protocol_by_name(name: &CStr) -> Result<i32, Failure> {
    netdb(
        |entry: &protoent| entry.p_proto,
        |entry, buffer, found| {
            // SAFETY: as in `service_by_name`.
            unsafe { getprotobyname_r(name.as_ptr(), entry, buffer.as_mut_ptr(), buffer.len(), found) }
        },
    )
}

/// gethostname(2).
///
/// # Errors
/// The system's.
pub fn host_name() -> Result<CString, Errno> {
    // Linux has 64 bytes, POSIX allows 255; the last byte stays 0 whatever the system writes.
    let mut buffer = [0_u8; 257];
    // SAFETY: the buffer is writable for the length given.
    if unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) } != 0 {
        return Err(last_errno());
    }
    Ok(until_nul(&buffer))
}

/// sethostname(2).
///
/// # Errors
/// The system's.
pub fn set_host_name(name: &[u8]) -> Result<(), Errno> {
    // SAFETY: the bytes are readable for the length given; the call needs no NUL.
    if unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) } != 0 {
        return Err(last_errno());
    }
    Ok(())
}

/// The name of an `EAI_` code, for messages.
pub(crate) fn address_info_code_name(code: i32) -> Option<&'static str> {
    Some(match code {
        libc::EAI_AGAIN => "EAI_AGAIN",
        libc::EAI_BADFLAGS => "EAI_BADFLAGS",
        libc::EAI_FAIL => "EAI_FAIL",
        libc::EAI_FAMILY => "EAI_FAMILY",
        libc::EAI_MEMORY => "EAI_MEMORY",
        libc::EAI_NODATA => "EAI_NODATA",
        libc::EAI_NONAME => "EAI_NONAME",
        libc::EAI_OVERFLOW => "EAI_OVERFLOW",
        libc::EAI_SERVICE => "EAI_SERVICE",
        libc::EAI_SOCKTYPE => "EAI_SOCKTYPE",
        libc::EAI_SYSTEM => "EAI_SYSTEM",
        _ => return None,
    })
}

/// gai_strerror(3): the resolver's words for an `EAI_` code.
pub fn address_info_text(code: i32) -> String {
    // SAFETY: gai_strerror returns a C string that lives for ever, for any number.
    shown(&unsafe { text(libc::gai_strerror(code)) }.unwrap_or_default())
}

/// hstrerror(3): the resolver's words for an `h_errno` code.
pub fn host_text(code: i32) -> String {
    // SAFETY: hstrerror returns a C string that lives for ever, for any number.
    shown(&unsafe { text(libc::hstrerror(code)) }.unwrap_or_default())
}

/// Runs a services or protocols call with a buffer that grows until the answer fits, and reads the answer.
fn netdb<E, T>(
    read: impl Fn(&E) -> T,
    mut ask: impl FnMut(*mut E, &mut [c_char], *mut *mut E) -> c_int,
) -> Result<T, Failure> {
    growing(|buffer| {
        let mut entry = MaybeUninit::uninit();
        let mut found: *mut E = ptr::null_mut();
        let errno = ask(entry.as_mut_ptr(), buffer, &mut found);
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

/// The port in network byte order, as servent has it.
fn port(number: c_int) -> u16 {
    // The low 16 bits are the port; the rest is 0.
    u16::from_be((number & 0xffff) as u16)
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
    #[cfg(target_env = "gnu")]
    fn getprotobyname_r(
        name: *const c_char,
        entry: *mut protoent,
        buffer: *mut c_char,
        size: size_t,
        found: *mut *mut protoent,
    ) -> c_int;
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::sys::address::SockAddr;

    #[test]
    fn entries_are_copied_out() {
        let name = CString::new("127.0.0.1").unwrap();
        let record = host_by_name(&name, libc::AF_INET).unwrap();
        assert_eq!(record.addresses, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        assert!(record.aliases.is_empty());
        let hints = Hints { flags: libc::AI_NUMERICHOST, family: 0, kind: libc::SOCK_STREAM, protocol: 0 };
        let records = address_info(Some(&name), None, &hints).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].address.as_bytes()[4..8], [127, 0, 0, 1]);
        let numeric = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
        assert_eq!(name_info(&records[0].address, numeric), Ok((name, c"0".to_owned())));
        assert!(name_info(&SockAddr::new(&[255, 255, 0]).unwrap(), numeric).is_err());
    }

    #[test]
    fn the_resolver_has_words_for_any_code() {
        assert!(!address_info_text(libc::EAI_NONAME).is_empty());
        assert!(!address_info_text(12_345).is_empty());
        assert!(!host_text(1).is_empty());
    }
}
