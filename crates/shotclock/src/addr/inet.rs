//! The bytes of IPv4 and IPv6 addresses: `sockaddr_in`, ip(7), and `sockaddr_in6`, ipv6(7).

use std::net::{SocketAddrV4, SocketAddrV6};

use super::bytes::{family_bytes, field};
use crate::constant::Family;
use crate::sys::address::SockAddr;

#[inline]
pub(super) fn encode_v4(address: SocketAddrV4) -> SockAddr {
    let mut bytes = [0; V4_LEN];
    bytes[..2].copy_from_slice(&family_bytes(Family::INET));
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    bytes[4..8].copy_from_slice(&address.ip().octets());
    SockAddr::from_array(&bytes)
}

#[inline]
pub(super) fn decode_v4(bytes: &[u8]) -> Option<SocketAddrV4> {
    let bytes: &[u8; V4_LEN] = bytes.try_into().ok()?;
    let port = u16::from_be_bytes(field(bytes, 2)?);
    Some(SocketAddrV4::new(field::<4>(bytes, 4)?.into(), port))
}

pub(super) fn encode_v6(address: &SocketAddrV6) -> SockAddr {
    let mut bytes = [0; V6_LEN];
    bytes[..2].copy_from_slice(&family_bytes(Family::INET6));
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    // Unchanged, as std's own sockets pass it.
    bytes[4..8].copy_from_slice(&address.flowinfo().to_ne_bytes());
    bytes[8..24].copy_from_slice(&address.ip().octets());
    bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
    SockAddr::from_array(&bytes)
}

pub(super) fn decode_v6(bytes: &[u8]) -> Option<SocketAddrV6> {
    let bytes: &[u8; V6_LEN] = bytes.try_into().ok()?;
    let port = u16::from_be_bytes(field(bytes, 2)?);
    let flowinfo = u32::from_ne_bytes(field(bytes, 4)?);
    let scope_id = u32::from_ne_bytes(field(bytes, 24)?);
    Some(SocketAddrV6::new(field::<16>(bytes, 8)?.into(), port, flowinfo, scope_id))
}

const V4_LEN: usize = 16;
const V6_LEN: usize = 28;

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn v4_padding_is_ignored_and_length_is_not() {
        let address = SocketAddrV4::new([1, 2, 3, 4].into(), 0x1234);
        let mut bytes = encode_v4(address).as_bytes().to_vec();
        assert_eq!(bytes[2..], [0x12, 0x34, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes[15] = 1;
        assert_eq!(decode_v4(&bytes), Some(address));
        assert_eq!(decode_v4(&bytes[..15]), None);
        bytes.push(0);
        assert_eq!(decode_v4(&bytes), None);
    }

    #[test]
    fn v6_keeps_flow_and_scope() {
        let address = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0x0102_0304, 7);
        let sockaddr = encode_v6(&address);
        assert_eq!(sockaddr.as_bytes()[4..8], 0x0102_0304_u32.to_ne_bytes());
        assert_eq!(decode_v6(sockaddr.as_bytes()), Some(address));
        assert_eq!(decode_v6(&sockaddr.as_bytes()[..24]), None);
    }
}
