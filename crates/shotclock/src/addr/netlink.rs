//! Netlink addresses: `sockaddr_nl`, netlink(7).

use std::fmt;

use super::bytes::{family_bytes, field};
use crate::constant::Family;
use crate::sys::address::SockAddr;

/// A netlink socket's address. Source: netlink(7); Python's tuple `(pid, groups)`.
///
/// ```
/// use shotclock::{Address, NetlinkAddress};
///
/// let address = NetlinkAddress { pid: 17, groups: 1 };
/// assert_eq!(Address::from(address).to_string(), "netlink:17/1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetlinkAddress {
    /// The port's number, often a process id; 0 is the kernel, and tells `bind` to pick one.
    pub pid: u32,
    /// The multicast groups, one bit each.
    pub groups: u32,
}

impl NetlinkAddress {
    /// The kernel's own address.
    ///
    /// ```
    /// assert_eq!(shotclock::NetlinkAddress::KERNEL.pid, 0);
    /// ```
    pub const KERNEL: Self = Self { pid: 0, groups: 0 };

    pub(super) fn encode(self) -> SockAddr {
        let mut bytes = [0; LEN];
        bytes[..2].copy_from_slice(&family_bytes(Family::NETLINK));
        bytes[4..8].copy_from_slice(&self.pid.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.groups.to_ne_bytes());
        SockAddr::from_array(&bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LEN] = bytes.try_into().ok()?;
        Some(Self { pid: u32::from_ne_bytes(field(bytes, 4)?), groups: u32::from_ne_bytes(field(bytes, 8)?) })
    }
}

impl fmt::Display for NetlinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "netlink:{}/{}", self.pid, self.groups)
    }
}

const LEN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let address = NetlinkAddress { pid: 0x0102_0304, groups: u32::MAX };
        let sockaddr = address.encode();
        assert_eq!(sockaddr.as_bytes()[4..8], 0x0102_0304_u32.to_ne_bytes());
        assert_eq!(NetlinkAddress::decode(sockaddr.as_bytes()), Some(address));
        assert_eq!(NetlinkAddress::decode(&sockaddr.as_bytes()[..11]), None);
        assert_eq!(address.to_string(), "netlink:16909060/4294967295");
    }
}
