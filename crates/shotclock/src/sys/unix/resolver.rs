//! The system's own lookups: hosts file, name servers and whatever else nsswitch.conf(5) names. All are reentrant, give
//! owned values out, names in the bytes that the system has, and may take as long as they like: bounding them is the
//! business of `names`.

use std::ffi::CString;

pub(crate) use super::address_info::{address_info, name_info};
#[cfg(any(target_env = "musl", target_os = "macos", shotclock_bsd))]
pub(crate) use super::databases_in_turn::protocol_by_name;
#[cfg(any(target_os = "macos", shotclock_bsd))]
pub(crate) use super::databases_in_turn::{service_by_name, service_by_port};
#[cfg(not(any(target_env = "musl", target_os = "macos", shotclock_bsd)))]
pub(crate) use super::databases_reentrant::protocol_by_name;
#[cfg(not(any(target_os = "macos", shotclock_bsd)))]
pub(crate) use super::databases_reentrant::{service_by_name, service_by_port};
#[cfg(any(target_env = "musl", target_os = "macos", shotclock_bsd))]
pub(crate) use super::hosts_by_address_info::{host_by_address, host_by_name};
#[cfg(not(any(target_env = "musl", target_os = "macos", shotclock_bsd)))]
pub(crate) use super::hosts_reentrant::{host_by_address, host_by_name};
pub use crate::sys::lookup::{AddressRecord, Failure, Hints, HostRecord};
pub(crate) use crate::sys::lookup::{TRY_AGAIN, host_code_name, shown};
#[cfg(test)]
pub(crate) use libc::EAI_SYSTEM;

pub(crate) use libc::{EAI_AGAIN, EAI_NONAME};

use super::address_info::{text, until_nul};
use super::{Errno, last_errno};

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
    if unsafe { libc::sethostname(name.as_ptr().cast(), name.len() as _) } != 0 {
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
        #[cfg(not(target_os = "freebsd"))]
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
