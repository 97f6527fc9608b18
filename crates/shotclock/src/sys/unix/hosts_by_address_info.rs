//! Hosts by getaddrinfo(3) and getnameinfo(3), for systems whose `gethostby` calls are not reentrant, or answer otherwise:
//! musl's have the host's own name among its aliases, and of an unknown address say its text.
//!
//! What is lost: aliases but the name that was asked for, and, where getnameinfo does not say it, whether an address is
//! unknown or nobody answered.

use std::ffi::{CStr, CString};
use std::net::IpAddr;
use std::ops::Range;

use super::address_info::{address_info, name_info};
use crate::sys::address::{SockAddr, family_bytes};
use crate::sys::lookup::{AddressRecord, Failure, Hints, HostRecord, TRY_AGAIN};

/// `h_errno` codes. Source: netdb.h.
const NETDB_INTERNAL: i32 = -1;
const HOST_NOT_FOUND: i32 = 1;
const NO_RECOVERY: i32 = 3;
const NO_DATA: i32 = 4;

/// As gethostbyname2(3), for addresses of one family.
pub(crate) fn host_by_name(name: &CStr, family: i32) -> Result<HostRecord, Failure> {
    // One kind, that each address comes once.
    let hints = Hints { flags: libc::AI_CANONNAME, family, kind: libc::SOCK_STREAM, protocol: 0 };
    let found = address_info(Some(name), None, &hints).map_err(of_host)?;
    let canonical = found.iter().find_map(|record| record.canonical_name.clone()).unwrap_or_else(|| name.to_owned());
    Ok(HostRecord {
        aliases: aliases(&canonical, name),
        name: canonical,
        addresses: found.iter().filter_map(ip_address).collect(),
    })
}

/// As gethostbyaddr(3).
pub(crate) fn host_by_address(address: IpAddr) -> Result<HostRecord, Failure> {
    let asked = sock_addr(address);
    let (name, _) = name_info(&asked, libc::NI_NAMEREQD).map_err(of_host)?;
    Ok(HostRecord { name, aliases: Vec::new(), addresses: vec![address] })
}

/// The name that was asked for, where the host is called otherwise.
fn aliases(canonical: &CStr, asked: &CStr) -> Vec<CString> {
    let is_same = canonical.to_bytes().eq_ignore_ascii_case(asked.to_bytes());
    if is_same { Vec::new() } else { vec![asked.to_owned()] }
}

fn ip_address(record: &AddressRecord) -> Option<IpAddr> {
    let bytes = record.address.as_bytes();
    match record.family {
        libc::AF_INET => Some(IpAddr::from(*bytes.get(V4)?.first_chunk::<4>()?)),
        libc::AF_INET6 => Some(IpAddr::from(*bytes.get(V6)?.first_chunk::<16>()?)),
        _ => None,
    }
}

/// Where a sockaddr has its address: in all systems in the same place.
const V4: Range<usize> = 4..8;
const V6: Range<usize> = 8..24;

fn sock_addr(address: IpAddr) -> SockAddr {
    match address {
        IpAddr::V4(address) => {
            let mut bytes = [0; size_of::<libc::sockaddr_in>()];
            bytes[..2].copy_from_slice(&family_bytes(libc::AF_INET));
            bytes[V4].copy_from_slice(&address.octets());
            SockAddr::from_array(&bytes)
        }
        IpAddr::V6(address) => {
            let mut bytes = [0; size_of::<libc::sockaddr_in6>()];
            bytes[..2].copy_from_slice(&family_bytes(libc::AF_INET6));
            bytes[V6].copy_from_slice(&address.octets());
            SockAddr::from_array(&bytes)
        }
    }
}

/// The `gethostby` calls' code for what the others say.
fn of_host(failure: Failure) -> Failure {
    let Failure::AddressInfo(code, errno) = failure else { return failure };
    let code = match code {
        libc::EAI_NONAME => HOST_NOT_FOUND,
        libc::EAI_NODATA => NO_DATA,
        libc::EAI_AGAIN => TRY_AGAIN,
        libc::EAI_SYSTEM => NETDB_INTERNAL,
        _ => NO_RECOVERY,
    };
    Failure::Host(code, errno.filter(|_| code == NETDB_INTERNAL))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::super::Errno;
    use super::*;

    #[test]
    fn a_host_has_no_alias_of_its_own_name() {
        assert!(aliases(c"localhost", c"localhost").is_empty() && aliases(c"localhost", c"LOCALHOST").is_empty());
        assert_eq!(aliases(c"printer.test", c"lp"), [c"lp".to_owned()]);
    }

    #[test]
    fn addresses_go_there_and_come_back() {
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6);
        for address in [IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::from(v6)] {
            let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
            let found = host_by_name(&CString::new(address.to_string()).unwrap(), family).unwrap();
            assert_eq!(found.addresses, [address]);
            assert_eq!(sock_addr(address).family(), family);
        }
    }

    #[test]
    fn what_the_others_say_has_a_code() {
        assert_eq!(of_host(Failure::AddressInfo(libc::EAI_NONAME, None)), Failure::Host(HOST_NOT_FOUND, None));
        let system = Failure::AddressInfo(libc::EAI_SYSTEM, Some(Errno::NOMEM));
        assert_eq!(of_host(system), Failure::Host(NETDB_INTERNAL, Some(Errno::NOMEM)));
        assert_eq!(of_host(Failure::AddressInfo(libc::EAI_MEMORY, None)), Failure::Host(NO_RECOVERY, None));
    }
}
