//! The system's own lookups: hosts file, name servers and whatever else nsswitch.conf(5) names. All are reentrant, give
//! owned values out, names in the bytes that the system has, and may take as long as they like: bounding them is the
//! business of `names`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;
use std::slice;

use libc::{addrinfo, hostent, protoent, servent, size_t, socklen_t};

pub use crate::sys::lookup::{AddressRecord, Failure, Hints, HostRecord};
pub(crate) use crate::sys::lookup::{TRY_AGAIN, host_code_name, shown};
#[cfg(test)]
pub(crate) use libc::EAI_SYSTEM;

pub(crate) use libc::{EAI_AGAIN, EAI_NONAME};

use super::{Errno, last_errno};
use crate::sys::address::SockAddr;

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
                size as socklen_t,
                service.as_mut_ptr().cast(),
                size as socklen_t,
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

/// The longest answer that is read, in bytes: a hundred times what a name server can send.
const LARGEST_BUFFER: usize = 8 << 20;

/// Runs a `gethostby` call with a buffer that grows until the answer fits.
fn host(
    mut ask: impl FnMut(*mut hostent, &mut [c_char], *mut *mut hostent, *mut c_int) -> c_int,
) -> Result<HostRecord, Failure> {
    growing(|buffer| {
        let mut entry = MaybeUninit::uninit();
        let (mut found, mut code) = (ptr::null_mut(), 0);
        let errno = ask(entry.as_mut_ptr(), buffer, &mut found, &mut code);
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
            (None, errno) => Some(Err(Failure::System(Errno::from_raw_os_error(errno)))),
        }
    })
}

fn growing<T>(mut ask: impl FnMut(&mut [c_char]) -> Option<Result<T, Failure>>) -> Result<T, Failure> {
    let mut size = 1 << 11;
    while size <= LARGEST_BUFFER {
        if let Some(result) = ask(&mut vec![0; size]) {
            return result;
        }
        size *= 4;
    }
    Err(Failure::System(Errno::RANGE))
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

/// A copy of a C string. `None` for null.
///
/// # Safety
/// `string` must be null or a C string that lives during the call.
unsafe fn text(string: *const c_char) -> Option<CString> {
    // SAFETY: the caller vouches for it.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_owned())
}

fn until_nul(buffer: &[u8]) -> CString {
    CStr::from_bytes_until_nul(buffer).map(CStr::to_owned).unwrap_or_default()
}

fn pointer(string: Option<&CStr>) -> *const c_char {
    string.map_or(ptr::null(), CStr::as_ptr)
}

/// The port in network byte order, as servent has it.
fn port(number: c_int) -> u16 {
    // The low 16 bits are the port; the rest is 0.
    u16::from_be((number & 0xffff) as u16)
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
    use std::ffi::CString;

    use super::*;

    #[test]
    fn a_buffer_grows_until_the_answer_fits_but_not_for_ever() {
        let mut sizes = Vec::new();
        let fits = growing(|buffer| {
            sizes.push(buffer.len());
            (buffer.len() > 10_000).then_some(Ok(7))
        });
        assert_eq!(fits, Ok(7));
        assert_eq!(sizes, [2048, 8192, 32768]);
        assert_eq!(growing::<()>(|_| None), Err(Failure::System(Errno::RANGE)));
    }

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
