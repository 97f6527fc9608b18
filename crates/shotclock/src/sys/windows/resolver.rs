//! The system's own lookups: hosts file, name servers and whatever else it asks. All give owned values out, and may take as
//! long as they like: bounding them is the business of `names`. Names are UTF-8 here, and UTF-16 there; the older functions
//! have their answer in the thread's own room, and take what bytes they are given.

use std::ffi::{CStr, CString, c_char};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;
use std::slice;

use windows_sys::Win32::Networking::WinSock as w;

pub use crate::sys::lookup::{AddressRecord, Failure, Hints, HostRecord};
pub(crate) use crate::sys::lookup::{TRY_AGAIN, host_code_name, shown};

use super::birth::begin;
use super::calls::parts;
use super::{Errno, describe};
use crate::sys::address::SockAddr;

pub(crate) const EAI_NONAME: i32 = w::WSAHOST_NOT_FOUND;
pub(crate) const EAI_AGAIN: i32 = w::WSATRY_AGAIN;

/// GetAddrInfoW.
pub(crate) fn address_info(
    host: Option<&CStr>,
    service: Option<&CStr>,
    wanted: &Hints,
) -> Result<Vec<AddressRecord>, Failure> {
    begin().map_err(Failure::System)?;
    let (host, service) = (host.map(wide).transpose()?, service.map(wide).transpose()?);
    let hints = w::ADDRINFOW {
        ai_flags: wanted.flags,
        ai_family: wanted.family,
        ai_socktype: wanted.kind,
        ai_protocol: wanted.protocol,
        ..w::ADDRINFOW::default()
    };
    let mut first = ptr::null_mut();
    // SAFETY: the strings end with 0 or are null, and live until the call returns; `hints` and `first` are ours.
    #[allow(clippy::disallowed_methods, reason = "the one home of the system's lookups")]
    let code = unsafe { w::GetAddrInfoW(pointer(host.as_ref()), pointer(service.as_ref()), &hints, &mut first) };
    if code != 0 {
        return Err(Failure::AddressInfo(code, None));
    }
    let list = AddressList(first);
    let mut records = Vec::new();
    let mut next = list.0;
    while !next.is_null() {
        // SAFETY: an entry of the list, which `list` frees only after this loop. It is copied, since under Wine not each of
        // them is aligned.
        let entry = unsafe { next.read_unaligned() };
        records.extend(record(&entry));
        next = entry.ai_next;
    }
    Ok(records)
}

/// A list of GetAddrInfoW's, given back at the end.
struct AddressList(*mut w::ADDRINFOW);

impl Drop for AddressList {
    fn drop(&mut self) {
        // SAFETY: GetAddrInfoW made the list, nobody else frees it, and only copies of its content are left.
        unsafe { w::FreeAddrInfoW(self.0) };
    }
}

fn record(entry: &w::ADDRINFOW) -> Option<AddressRecord> {
    if entry.ai_addr.is_null() || entry.ai_addrlen > SockAddr::CAPACITY {
        return None;
    }
    // SAFETY: ai_addr points to ai_addrlen bytes, which live as long as the list.
    let bytes = unsafe { slice::from_raw_parts(entry.ai_addr.cast::<u8>(), entry.ai_addrlen) };
    Some(AddressRecord {
        family: entry.ai_family,
        kind: entry.ai_socktype,
        protocol: protocol_of(entry),
        // SAFETY: ai_canonname is null or a string of the list, which the caller keeps.
        canonical_name: unsafe { text_of_wide(entry.ai_canonname) },
        address: SockAddr::new(bytes)?,
    })
}

/// The protocol that a socket of this kind has, where Windows leaves it open.
fn protocol_of(entry: &w::ADDRINFOW) -> i32 {
    match (entry.ai_protocol, entry.ai_socktype) {
        (0, w::SOCK_STREAM) => w::IPPROTO_TCP,
        (0, w::SOCK_DGRAM) => w::IPPROTO_UDP,
        (protocol, _) => protocol,
    }
}

/// GetNameInfoW: host and service.
pub(crate) fn name_info(address: &SockAddr, flags: i32) -> Result<(CString, CString), Failure> {
    begin().map_err(Failure::System)?;
    let (mut host, mut service) = ([0_u16; 1025], [0_u16; 1025]);
    let (bytes, len) = parts(address);
    // SAFETY: the address is readable for its length and 8-aligned; the buffers are writable for theirs.
    #[allow(clippy::disallowed_methods, reason = "the one home of the system's lookups")]
    let code = unsafe {
        let (names, services) = (host.as_mut_ptr(), service.as_mut_ptr());
        w::GetNameInfoW(bytes, len, names, host.len() as u32, services, service.len() as u32, flags)
    };
    if code != 0 {
        return Err(Failure::AddressInfo(code, None));
    }
    // SAFETY: both hold a string that ends with 0: a longer one would have been an error.
    let (host, service) = unsafe { (text_of_wide(host.as_ptr()), text_of_wide(service.as_ptr())) };
    Ok((host.unwrap_or_default(), service.unwrap_or_default()))
}

/// gethostbyname, for IPv4, which is all that it knows.
pub(crate) fn host_by_name(name: &CStr, family: i32) -> Result<HostRecord, Failure> {
    begin().map_err(Failure::System)?;
    if family != i32::from(w::AF_INET) {
        return Err(Failure::Host(NO_DATA, None));
    }
    // SAFETY: the name is a C string; the entry is in the thread's own room until its next such call.
    unsafe { host_record(w::gethostbyname(name.as_ptr().cast())) }
}

/// gethostbyaddr.
pub(crate) fn host_by_address(address: IpAddr) -> Result<HostRecord, Failure> {
    begin().map_err(Failure::System)?;
    let (v4, v6);
    let (bytes, family): (&[u8], u16) = match address {
        IpAddr::V4(address) => {
            v4 = address.octets();
            (&v4, w::AF_INET)
        }
        IpAddr::V6(address) => {
            v6 = address.octets();
            (&v6, w::AF_INET6)
        }
    };
    // SAFETY: the address has the 4 or 16 bytes of its family; the entry as in `host_by_name`.
    unsafe { host_record(w::gethostbyaddr(bytes.as_ptr(), bytes.len() as i32, i32::from(family))) }
}

/// getservbyname: the port, 0 to 65535.
pub(crate) fn service_by_name(name: &CStr, protocol: Option<&CStr>) -> Result<u16, Failure> {
    begin().map_err(Failure::System)?;
    let protocol = protocol.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: C strings or null; the entry is in the thread's own room until its next such call.
    let entry = unsafe { w::getservbyname(name.as_ptr().cast(), protocol.cast()).as_ref() };
    entry.map(|entry| u16::from_be(entry.s_port.cast_unsigned())).ok_or_else(no_entry)
}

/// getservbyport: the service's name.
pub(crate) fn service_by_port(number: u16, protocol: Option<&CStr>) -> Result<CString, Failure> {
    begin().map_err(Failure::System)?;
    let protocol = protocol.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: as in `service_by_name`.
    unsafe {
        let entry = w::getservbyport(i32::from(number.to_be()), protocol.cast()).as_ref().ok_or_else(no_entry)?;
        Ok(text(entry.s_name.cast()).unwrap_or_default())
    }
}

/// getprotobyname: the protocol's number.
pub(crate) fn protocol_by_name(name: &CStr) -> Result<i32, Failure> {
    begin().map_err(Failure::System)?;
    // SAFETY: as in `service_by_name`.
    let entry = unsafe { w::getprotobyname(name.as_ptr().cast()).as_ref() };
    entry.map(|entry| i32::from(entry.p_proto)).ok_or_else(no_entry)
}

/// GetHostNameW.
///
/// # Errors
/// The system's.
pub fn host_name() -> Result<CString, Errno> {
    begin()?;
    let mut buffer = [0_u16; 257];
    // SAFETY: the buffer is writable for the length given, and its last unit stays 0.
    if unsafe { w::GetHostNameW(buffer.as_mut_ptr(), 256) } != 0 {
        return Err(Errno::last());
    }
    // SAFETY: it ends with 0.
    Ok(unsafe { text_of_wide(buffer.as_ptr()) }.unwrap_or_default())
}

/// A machine gets another name by its settings, when it starts anew.
///
/// # Errors
/// That Windows has no such call.
pub fn set_host_name(_name: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// The name of an `EAI_` code, for messages.
pub(crate) fn address_info_code_name(code: i32) -> Option<&'static str> {
    Some(match code {
        w::WSATRY_AGAIN => "EAI_AGAIN",
        w::WSAEINVAL => "EAI_BADFLAGS",
        w::WSANO_RECOVERY => "EAI_FAIL",
        w::WSAEAFNOSUPPORT => "EAI_FAMILY",
        w::WSA_NOT_ENOUGH_MEMORY => "EAI_MEMORY",
        w::WSANO_DATA => "EAI_NODATA",
        w::WSAHOST_NOT_FOUND => "EAI_NONAME",
        w::WSATYPE_NOT_FOUND => "EAI_SERVICE",
        w::WSAESOCKTNOSUPPORT => "EAI_SOCKTYPE",
        _ => return None,
    })
}

/// The words for an `EAI_` code.
pub fn address_info_text(code: i32) -> String {
    let words = match code {
        w::WSATRY_AGAIN => "temporary failure in name resolution",
        w::WSANO_RECOVERY => "non-recoverable failure in name resolution",
        w::WSANO_DATA => "no address associated with this name",
        w::WSAHOST_NOT_FOUND => "name or service not known",
        w::WSATYPE_NOT_FOUND => "service not known for this kind of socket",
        code => return describe(Errno::of(code)),
    };
    words.to_owned()
}

/// The words for an `h_errno` code.
pub fn host_text(code: i32) -> String {
    address_info_text(if (1..=NO_DATA).contains(&code) { code + BEFORE_HOST_CODES } else { code })
}

/// Winsock's numbers for the codes of netdb.h are these and more: WSAHOST_NOT_FOUND is 1 more.
const BEFORE_HOST_CODES: i32 = w::WSAHOST_NOT_FOUND - 1;
const NO_DATA: i32 = w::WSANO_DATA - BEFORE_HOST_CODES;

/// A copy of an entry, or why there is none.
///
/// # Safety
/// It must be null, or an entry that Winsock has filled in this thread just now.
unsafe fn host_record(entry: *const w::HOSTENT) -> Result<HostRecord, Failure> {
    // SAFETY: the caller vouches for the entry: a C string, a null-ended list of C strings, and one of addresses with
    // h_length bytes each.
    unsafe {
        let Some(entry) = entry.as_ref() else {
            let errno = Errno::last();
            return Err(match errno.raw_os_error() - BEFORE_HOST_CODES {
                code @ 1..=NO_DATA => Failure::Host(code, None),
                _ => Failure::System(errno),
            });
        };
        let len = usize::try_from(entry.h_length).unwrap_or(0);
        let addresses = list(entry.h_addr_list.cast());
        Ok(HostRecord {
            name: text(entry.h_name.cast()).unwrap_or_default(),
            aliases: list(entry.h_aliases.cast()).filter_map(|alias| text(alias)).collect(),
            addresses: addresses.filter_map(|at| ip_address(slice::from_raw_parts(at.cast::<u8>(), len))).collect(),
        })
    }
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    v4().or_else(|_| v6()).ok()
}

/// Why a lookup of services and protocols has no answer.
fn no_entry() -> Failure {
    match Errno::last() {
        errno if errno.raw_os_error() == 0 || is_of_no_such_name(errno) => Failure::NotFound,
        errno => Failure::System(errno),
    }
}

fn is_of_no_such_name(errno: Errno) -> bool {
    matches!(errno.raw_os_error(), w::WSAHOST_NOT_FOUND | w::WSANO_DATA | w::WSATYPE_NOT_FOUND)
}

/// The entries of a null-ended list of pointers.
///
/// # Safety
/// `list` must be null or such a list, and outlive the iterator.
unsafe fn list(mut list: *const *const c_char) -> impl Iterator<Item = *const c_char> {
    std::iter::from_fn(move || {
        if list.is_null() {
            return None;
        }
        // SAFETY: the caller vouches for the list; the null that ends it is not passed. Under Wine not all is aligned.
        unsafe {
            let entry = list.read_unaligned();
            list = list.add(1);
            (!entry.is_null()).then_some(entry)
        }
    })
    .fuse()
}

/// A copy of a C string. `None` for null.
///
/// # Safety
/// `string` must be null or a C string that lives during the call.
unsafe fn text(string: *const c_char) -> Option<CString> {
    // SAFETY: the caller vouches for it.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_owned())
}

/// A copy of a string of UTF-16, as UTF-8. `None` for null.
///
/// # Safety
/// `string` must be null or end with 0, and live during the call.
unsafe fn text_of_wide(string: *const u16) -> Option<CString> {
    if string.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for it, and the 0 is not passed. Under Wine not all is aligned.
    let units = (0..).map(|at| unsafe { string.add(at).read_unaligned() }).take_while(|unit| *unit != 0);
    let text: String = char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    CString::new(text).ok()
}

/// A string as UTF-16, with the 0 that ends it. Nothing has a name that is no UTF-8.
fn wide(string: &CStr) -> Result<Vec<u16>, Failure> {
    let text = string.to_str().map_err(|_| Failure::AddressInfo(EAI_NONAME, None))?;
    Ok(text.encode_utf16().chain([0]).collect())
}

fn pointer(string: Option<&Vec<u16>>) -> *const u16 {
    string.map_or(ptr::null(), |string| string.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constant::{AddressInfoFlags, Kind, NameInfoFlags};

    #[test]
    fn entries_are_copied_out() {
        let record = host_by_name(c"127.0.0.1", i32::from(w::AF_INET)).unwrap();
        assert_eq!(record.addresses, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        let flags = AddressInfoFlags::NUMERICHOST.0;
        let hints = Hints { flags, family: 0, kind: Kind::STREAM.0, protocol: 0 };
        let records = address_info(Some(c"127.0.0.1"), None, &hints).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].address.as_bytes()[4..8], [127, 0, 0, 1]);
        let numeric = (NameInfoFlags::NUMERICHOST | NameInfoFlags::NUMERICSERV).0;
        assert_eq!(name_info(&records[0].address, numeric), Ok((c"127.0.0.1".to_owned(), c"0".to_owned())));
        assert!(name_info(&SockAddr::new(&[255, 255, 0]).unwrap(), numeric).is_err());
    }

    #[test]
    fn the_resolver_has_words_for_any_code() {
        assert!(!address_info_text(EAI_NONAME).is_empty());
        assert!(!address_info_text(12_345).is_empty());
        assert!(!host_text(1).is_empty());
    }
}
