//! Hosts by gethostbyname2_r(3) and gethostbyaddr_r(3), as glibc has them.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{ptr, slice};

use libc::{hostent, size_t, socklen_t};

use super::Errno;
use super::address_info::text;
use super::growing::{errno_of, growing};
use crate::sys::lookup::{Failure, HostRecord};

/// gethostbyname2_r(3), for addresses of one family.
pub(crate) fn host_by_name(name: &CStr, family: i32) -> Result<HostRecord, Failure> {
    host(|entry, buffer, found, code| {
        // SAFETY: the name is a C string; `host` hands in a buffer of the length given and places for the results.
        unsafe { gethostbyname2_r(name.as_ptr(), family, entry, buffer.as_mut_ptr(), buffer.len(), found, code) }
    })
}

/// gethostbyaddr_r(3).
pub(crate) fn host_by_address(address: IpAddr) -> Result<HostRecord, Failure> {
    let (v4, v6);
    let (bytes, family): (&[u8], c_int) = match address {
        IpAddr::V4(address) => {
            v4 = address.octets();
            (&v4, libc::AF_INET)
        }
        IpAddr::V6(address) => {
            v6 = address.octets();
            (&v6, libc::AF_INET6)
        }
    };
    host(|entry, buffer, found, code| {
        // SAFETY: the address has the 4 or 16 bytes of its family; the rest as in `host_by_name`.
        unsafe {
            gethostbyaddr_r(
                bytes.as_ptr().cast(),
                bytes.len() as socklen_t,
                family,
                entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                found,
                code,
            )
        }
    })
}

/// Runs a `gethostby` call with a buffer that grows until the answer fits.
fn host(
    mut ask: impl FnMut(*mut hostent, &mut [c_char], *mut *mut hostent, *mut c_int) -> c_int,
) -> Result<HostRecord, Failure> {
    growing(|buffer| {
        let mut entry = MaybeUninit::uninit();
        let (mut found, mut code) = (ptr::null_mut(), 0);
        let errno = errno_of(ask(entry.as_mut_ptr(), buffer, &mut found, &mut code));
        if errno == libc::ERANGE && code == NETDB_INTERNAL {
            return None;
        }
        // SAFETY: `found` is null or points to `entry`, filled by a call that succeeded; `buffer` holds what it names.
        let record = unsafe { found.as_ref().map(|entry| host_record(entry)) };
        Some(record.ok_or_else(|| {
            let errno = (code == NETDB_INTERNAL).then(|| Errno::from_raw_os_error(errno));
            Failure::Host(code, errno)
        }))
    })
}

/// # Safety
/// The entry must be one that a `gethostby` call filled, and the buffer of that call must still live.
unsafe fn host_record(entry: &hostent) -> HostRecord {
    let len = usize::try_from(entry.h_length).unwrap_or(0);
    // SAFETY: the caller vouches for the entry: a C string, a null-ended list of C strings, and one of addresses with
    // h_length bytes each.
    unsafe {
        HostRecord {
            name: text(entry.h_name).unwrap_or_default(),
            aliases: list(entry.h_aliases).filter_map(|alias| text(alias)).collect(),
            addresses: list(entry.h_addr_list)
                .filter_map(|address| ip_address(slice::from_raw_parts(address.cast::<u8>(), len)))
                .collect(),
        }
    }
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    v4().or_else(|_| v6()).ok()
}

/// The entries of a null-ended list of pointers.
///
/// # Safety
/// `list` must be null or such a list, and outlive the iterator.
unsafe fn list(mut list: *mut *mut c_char) -> impl Iterator<Item = *mut c_char> {
    std::iter::from_fn(move || {
        // SAFETY: the caller vouches for the list; the null that ends it is not passed.
        unsafe {
            let entry = *list.as_ref()?;
            if entry.is_null() {
                return None;
            }
            list = list.add(1);
            Some(entry)
        }
    })
}

/// See errno, not h_errno: netdb.h.
const NETDB_INTERNAL: c_int = -1;

// The reentrant forms that the libc crate does not declare; glibc's netdb.h.
unsafe extern "C" {
    fn gethostbyname2_r(
        name: *const c_char,
        family: c_int,
        entry: *mut hostent,
        buffer: *mut c_char,
        size: size_t,
        found: *mut *mut hostent,
        code: *mut c_int,
    ) -> c_int;
    fn gethostbyaddr_r(
        address: *const c_void,
        len: socklen_t,
        family: c_int,
        entry: *mut hostent,
        buffer: *mut c_char,
        size: size_t,
        found: *mut *mut hostent,
        code: *mut c_int,
    ) -> c_int;
}
