//! Values of the options for multicast: groups, interfaces, senders.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::typed::OptionValue;
#[cfg(unix)]
use crate::addr::Address;

/// An IPv4 multicast group on an interface. Source: ip(7), `struct ip_mreqn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The group's address.
    pub group: Ipv4Addr,
    /// The local address of the interface; unspecified lets `interface` or the system choose.
    pub local: Ipv4Addr,
    /// The interface's index; 0 lets the system choose.
    pub interface: i32,
}

/// An IPv6 multicast group on an interface. Source: ipv6(7), `struct ipv6_mreq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Membership6 {
    /// The group's address.
    pub group: Ipv6Addr,
    /// The interface's index; 0 lets the system choose.
    pub interface: u32,
}

/// An IPv4 multicast group, and the one sender whose packets to it are meant. Source: ip(7), `struct ip_mreq_source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceMembership {
    /// The group's address.
    pub group: Ipv4Addr,
    /// The sender's.
    pub source: Ipv4Addr,
    /// The local address of the interface; unspecified lets the system choose.
    pub local: Ipv4Addr,
}

/// An IPv6 multicast group on an interface, and the one sender whose packets to it are meant. Source: RFC 3678,
/// `struct group_source_req`.
///
/// Only on: `unix`.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceMembership6 {
    /// The group's address.
    pub group: Ipv6Addr,
    /// The sender's.
    pub source: Ipv6Addr,
    /// The interface's index; 0 lets the system choose.
    pub interface: u32,
}

/// The index of the interface that multicast goes out by, 0 for the system's choice; see
/// [`if_nametoindex`](crate::if_nametoindex). The system does not tell it: it can be set and not read. Source: ip(7),
/// `struct ip_mreqn`.
///
/// Only on: `unix`.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MulticastInterface(pub u32);

impl OptionValue for Membership {
    const SIZE: usize = 12;

    fn encode(&self) -> Vec<u8> {
        [self.group.octets(), self.local.octets(), self.interface.to_ne_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let interface = i32::from_ne_bytes(four(bytes, 8)?);
        Some(Self { group: four(bytes, 0)?.into(), local: four(bytes, 4)?.into(), interface })
    }
}

impl OptionValue for Membership6 {
    const SIZE: usize = 20;

    fn encode(&self) -> Vec<u8> {
        [&self.group.octets()[..], &self.interface.to_ne_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let group: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
        Some(Self { group: group.into(), interface: u32::from_ne_bytes(four(bytes, 16)?) })
    }
}

/// Whether the interface comes before the sender. Sources: bits/in.h of Linux; netinet/in.h of macOS and FreeBSD, ws2ipdef.h.
const INTERFACE_FIRST: bool = cfg!(target_os = "linux");

impl OptionValue for SourceMembership {
    const SIZE: usize = 12;

    fn encode(&self) -> Vec<u8> {
        let (second, third) = if INTERFACE_FIRST { (self.local, self.source) } else { (self.source, self.local) };
        [self.group.octets(), second.octets(), third.octets()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (second, third) = (four(bytes, 4)?.into(), four(bytes, 8)?.into());
        let (local, source) = if INTERFACE_FIRST { (second, third) } else { (third, second) };
        Some(Self { group: four(bytes, 0)?.into(), source, local })
    }
}

/// Where the first of the two addresses stands, and how much room each has. Sources: bits/in.h of Linux, netinet/in.h of
/// FreeBSD (aligned as a word); netinet/in.h of macOS (packed by four).
#[cfg(unix)]
const ADDRESS_AT: usize = if cfg!(target_os = "macos") { 4 } else { size_of::<usize>() };
#[cfg(unix)]
const ADDRESS_ROOM: usize = 128;
/// Bytes of an IPv6 address with its family and port, in every system's `struct sockaddr_in6`.
#[cfg(unix)]
const SOCKADDR: usize = 28;

#[cfg(unix)]
impl OptionValue for SourceMembership6 {
    const SIZE: usize = ADDRESS_AT + 2 * ADDRESS_ROOM;

    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; Self::SIZE];
        bytes[..4].copy_from_slice(&self.interface.to_ne_bytes());
        let [group, source] = [self.group, self.source].map(|ip| Address::from((ip, 0)).to_sockaddr());
        let mut put = |at: usize, address: &[u8]| bytes[at..at + address.len()].copy_from_slice(address);
        put(ADDRESS_AT, group.as_bytes());
        put(ADDRESS_AT + ADDRESS_ROOM, source.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let address = |at: usize| {
            let known = Address::from_bytes(bytes.get(at..at + SOCKADDR)?)?;
            if let Address::V6(address) = known { Some(*address.ip()) } else { None }
        };
        let (group, source) = (address(ADDRESS_AT)?, address(ADDRESS_AT + ADDRESS_ROOM)?);
        Some(Self { group, source, interface: u32::from_ne_bytes(four(bytes, 0)?) })
    }
}

#[cfg(unix)]
impl OptionValue for MulticastInterface {
    const SIZE: usize = 12;

    fn encode(&self) -> Vec<u8> {
        let (group, local) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
        Membership { group, local, interface: self.0.cast_signed() }.encode()
    }

    /// Nothing: the system answers with the interface's address, which [`MULTICAST_IF`] reads.
    ///
    /// [`MULTICAST_IF`]: crate::SocketOption::MULTICAST_IF
    fn decode(bytes: &[u8]) -> Option<Self> {
        let whole = <[u8; 12]>::try_from(bytes).ok()?;
        Membership::decode(&whole).map(|membership| Self(membership.interface.cast_unsigned()))
    }
}

/// The four bytes there.
fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survives<T: OptionValue + PartialEq>(value: T) {
        let bytes = value.encode();
        assert_eq!(bytes.len(), T::SIZE);
        assert_eq!(T::decode(&bytes), Some(value));
        assert_eq!(T::decode(&[]), None);
    }

    #[test]
    fn values_survive_their_bytes() {
        survives(Membership { group: [224, 0, 0, 1].into(), local: [127, 0, 0, 1].into(), interface: 1 });
        survives(Membership6 { group: Ipv6Addr::LOCALHOST, interface: 4 });
        let (group, source) = ([232, 0, 0, 1].into(), [192, 0, 2, 1].into());
        survives(SourceMembership { group, source, local: [127, 0, 0, 1].into() });
    }

    #[cfg(unix)]
    #[test]
    fn values_of_interfaces_survive_their_bytes() {
        let (group, source) = ("ff3e::1".parse().unwrap(), "2001:db8::7".parse().unwrap());
        survives(SourceMembership6 { group, source, interface: 3 });
        survives(MulticastInterface(7));
        assert_eq!(MulticastInterface::decode(&[127, 0, 0, 1]), None, "the answer is an address");
    }
}
