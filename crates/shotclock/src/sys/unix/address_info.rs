//! getaddrinfo(3) and getnameinfo(3), and C strings as they give them.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::{ptr, slice};

use libc::{addrinfo, socklen_t};

use super::last_errno;
use crate::sys::address::SockAddr;
use crate::sys::lookup::{AddressRecord, Failure, Hints};

/// getaddrinfo(3).
pub(crate) fn address_info(
    host: Option<&CStr>,
    service: Option<&CStr>,
    wanted: &Hints,
) -> Result<Vec<AddressRecord>, Failure> {
    // SAFETY: addrinfo is numbers and pointers; all zero is "nothing asked for", as getaddrinfo(3) defines.
    let mut hints: addrinfo = unsafe { MaybeUninit::zeroed().assume_init() };
    hints.ai_flags = wanted.flags;
    hints.ai_family = wanted.family;
    hints.ai_socktype = wanted.kind;
    hints.ai_protocol = wanted.protocol;
    let mut first: *mut addrinfo = ptr::null_mut();
    // SAFETY: the strings are C strings or null, borrowed until the call returns; `hints` and `first` are ours.
    #[allow(clippy::disallowed_methods, reason = "the one home of the system's lookups")]
    let code = unsafe { libc::getaddrinfo(pointer(host), pointer(service), &hints, &mut first) };
    if code != 0 {
        return Err(Failure::AddressInfo(code, (code == libc::EAI_SYSTEM).then(last_errno)));
    }
    let list = AddressList(first);
    let mut records = Vec::new();
    let mut next = list.0;
    // SAFETY: `next` is null or an entry of the list, which getaddrinfo filled and `list` frees only after this loop.
    while let Some(entry) = unsafe { next.as_ref() } {
        records.extend(record(entry));
        next = entry.ai_next;
    }
    // glibc says it of the first, where it is asked for; musl of all, whether it is or not.
    let asked = usize::from(wanted.flags & libc::AI_CANONNAME != 0);
    records.iter_mut().skip(asked).for_each(|record| record.canonical_name = None);
    Ok(records)
}

/// A list of getaddrinfo's, given back at the end.
struct AddressList(*mut addrinfo);

impl Drop for AddressList {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: getaddrinfo made the list, nobody else frees it, and only copies of its content are left.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

fn record(entry: &addrinfo) -> Option<AddressRecord> {
    let len = usize::try_from(entry.ai_addrlen).ok()?;
    if entry.ai_addr.is_null() || len > SockAddr::CAPACITY {
        return None;
    }
    // SAFETY: getaddrinfo states that ai_addr points to ai_addrlen bytes; they live as long as the list.
    let bytes = unsafe { slice::from_raw_parts(entry.ai_addr.cast::<u8>(), len) };
    Some(AddressRecord {
        family: entry.ai_family,
        kind: entry.ai_socktype,
        protocol: entry.ai_protocol,
        // SAFETY: ai_canonname is null or a C string of the list, which the caller keeps.
        canonical_name: unsafe { text(entry.ai_canonname) },
        address: SockAddr::new(bytes)?,
    })
}

/// getnameinfo(3): host and service.
#[allow(clippy::disallowed_methods, reason = "the one home of the system's lookups")]
pub(crate) fn name_info(address: &SockAddr, flags: i32) -> Result<(CString, CString), Failure> {
    let bytes = address.as_bytes();
    let mut failure = Failure::AddressInfo(libc::EAI_OVERFLOW, None);
    for size in [1025, 1 << 14] {
        let (mut host, mut service) = (vec![0_u8; size], vec![0_u8; size]);
        // SAFETY: SockAddr is 8-aligned and its bytes are readable for the length given; the buffers are writable for
        // theirs, which fit in 32 bits.
        let code = unsafe {
            libc::getnameinfo(
                bytes.as_ptr().cast(),
                bytes.len() as socklen_t,
                host.as_mut_ptr().cast(),
                size as _,
                service.as_mut_ptr().cast(),
                size as _,
                flags,
            )
        };
        match code {
            0 => return Ok((until_nul(&host), until_nul(&service))),
            libc::EAI_OVERFLOW => {}
            code => {
                failure = Failure::AddressInfo(code, (code == libc::EAI_SYSTEM).then(last_errno));
                break;
            }
        }
    }
    Err(failure)
}

/// A copy of a C string. `None` for null.
///
/// # Safety
/// `string` must be null or a C string that lives during the call.
pub(crate) unsafe fn text(string: *const c_char) -> Option<CString> {
    // SAFETY: the caller vouches for it.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_owned())
}

pub(crate) fn until_nul(buffer: &[u8]) -> CString {
    CStr::from_bytes_until_nul(buffer).map(CStr::to_owned).unwrap_or_default()
}

/// The port in network byte order, as servent has it.
pub(crate) fn port(number: c_int) -> u16 {
    // The low 16 bits are the port; the rest is 0.
    u16::from_be((number & 0xffff) as u16)
}

pub(crate) fn pointer(string: Option<&CStr>) -> *const c_char {
    string.map_or(ptr::null(), CStr::as_ptr)
}
