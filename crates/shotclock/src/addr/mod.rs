//! Socket addresses: typed values outside, the system's bytes at the edge.
//!
//! Nothing here allocates, looks a name up, or fails on strange bytes from the system.

mod bytes;
mod inet;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod packet;
#[cfg(feature = "serde")]
mod serialized;
#[cfg(unix)]
mod std_unix;
mod unix;

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

#[cfg(target_os = "linux")]
pub use netlink::NetlinkAddress;
#[cfg(target_os = "linux")]
pub use packet::PacketAddress;
pub use unix::UnixAddress;

use bytes::field;

use crate::constant::Family;
use crate::error::Error;
use crate::sys::address::{SockAddr, family_of};

/// A socket's address, of whatever family.
///
/// It comes from std's address types, from `(ip, port)`, and from this crate's address types, by `From`. It never
/// comes from a name: that is a lookup.
///
/// ```
/// use shotclock::{Address, Family, UnixAddress};
///
/// let address = Address::from(([127, 0, 0, 1], 8881));
/// assert_eq!(address.family(), Family::INET);
/// assert_eq!(address.port(), Some(8881));
/// assert_eq!(address.to_string(), "127.0.0.1:8881");
///
/// let address = Address::from(UnixAddress::from_path("/run/echo")?);
/// assert_eq!(address.port(), None);
/// assert_eq!(address.to_string(), "/run/echo");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// IPv4, ip(7).
    V4(SocketAddrV4),
    /// IPv6, ipv6(7).
    ///
    /// The flow information is, as everywhere in std, the system's number unchanged: its bytes are in network order.
    /// Python's tuple holds `u32::from_be(address.flowinfo())`.
    V6(SocketAddrV6),
    /// A local socket's, unix(7).
    Unix(UnixAddress),
    /// On the kernel's message bus, netlink(7). Only on Linux.
    #[cfg(target_os = "linux")]
    Netlink(NetlinkAddress),
    /// Of the link level, packet(7). Only on Linux.
    #[cfg(target_os = "linux")]
    Packet(PacketAddress),
    /// Of a family without a type here, or bytes that make no address of their family.
    Other(SockAddr),
}

impl Address {
    /// No address: what the system gave for one had no bytes but an unspecified family.
    pub(crate) const UNSPECIFIED: Self = Self::Other(SockAddr::UNSPECIFIED);

    /// The address in the system's bytes; what is malformed or of another family becomes [`Address::Other`].
    ///
    /// Bytes that the system ignores (padding, what follows a path's NUL) are not kept.
    ///
    /// ```
    /// use shotclock::{Address, SockAddr};
    ///
    /// let vsock = SockAddr::new(&[40, 0, 0, 0]).unwrap();
    /// assert_eq!(Address::from_sockaddr(&vsock), Address::Other(vsock));
    /// let known = Address::from(([127, 0, 0, 1], 80));
    /// assert_eq!(Address::from_sockaddr(&known.to_sockaddr()), known);
    /// ```
    #[must_use]
    #[inline]
    pub fn from_sockaddr(sockaddr: &SockAddr) -> Self {
        Self::decode(sockaddr.as_bytes(), || Self::Other(*sockaddr))
    }

    /// The address that these bytes are; `None` if there are too few for a family, or too many for any.
    #[inline]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match inet::decode_v4(bytes) {
            Some(address) if field(bytes, 0).map(family_of) == Some(Family::INET.0) => Some(Self::V4(address)),
            _ => Self::from_longer_bytes(bytes),
        }
    }

    /// As [`from_bytes`](Self::from_bytes), for what takes more than a few instructions.
    #[inline(never)]
    fn from_longer_bytes(bytes: &[u8]) -> Option<Self> {
        let fit = (2..=SockAddr::CAPACITY).contains(&bytes.len());
        fit.then(|| Self::decode(bytes, || SockAddr::new(bytes).map_or(Self::UNSPECIFIED, Self::Other)))
    }

    /// The address, or another one if it is malformed or of a family that has no type here.
    #[inline]
    fn decode(bytes: &[u8], other: impl FnOnce() -> Self) -> Self {
        let known = match Family(field(bytes, 0).map_or(0, family_of)) {
            Family::INET => inet::decode_v4(bytes).map(Self::V4),
            Family::INET6 => inet::decode_v6(bytes).map(Self::V6),
            Family::UNIX => UnixAddress::decode(bytes).map(Self::Unix),
            #[cfg(target_os = "linux")]
            Family::NETLINK => NetlinkAddress::decode(bytes).map(Self::Netlink),
            #[cfg(target_os = "linux")]
            Family::PACKET => PacketAddress::decode(bytes).map(Self::Packet),
            _ => None,
        };
        known.unwrap_or_else(other)
    }

    /// The address in the system's bytes.
    ///
    /// ```
    /// use shotclock::{Address, Family};
    ///
    /// let sockaddr = Address::from(([127, 0, 0, 1], 80)).to_sockaddr();
    /// assert_eq!(sockaddr.family(), Family::INET.0);
    /// assert_eq!(sockaddr.as_bytes()[2..8], [0, 80, 127, 0, 0, 1]);
    /// ```
    #[must_use]
    #[inline]
    pub fn to_sockaddr(&self) -> SockAddr {
        match self {
            Self::V4(address) => inet::encode_v4(*address),
            Self::V6(address) => inet::encode_v6(address),
            Self::Unix(address) => address.encode(),
            #[cfg(target_os = "linux")]
            Self::Netlink(address) => address.encode(),
            #[cfg(target_os = "linux")]
            Self::Packet(address) => address.encode(),
            Self::Other(sockaddr) => *sockaddr,
        }
    }

    /// The family.
    ///
    /// ```
    /// use shotclock::{Address, Family, UnixAddress};
    ///
    /// assert_eq!(Address::from(UnixAddress::UNNAMED).family(), Family::UNIX);
    /// ```
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::V4(_) => Family::INET,
            Self::V6(_) => Family::INET6,
            Self::Unix(_) => Family::UNIX,
            #[cfg(target_os = "linux")]
            Self::Netlink(_) => Family::NETLINK,
            #[cfg(target_os = "linux")]
            Self::Packet(_) => Family::PACKET,
            Self::Other(sockaddr) => Family(sockaddr.family()),
        }
    }

    /// The port of an IPv4 or IPv6 address; other families have none.
    ///
    /// ```
    /// use shotclock::{Address, NetlinkAddress};
    ///
    /// assert_eq!(Address::from(([127, 0, 0, 1], 80)).port(), Some(80));
    /// assert_eq!(Address::from(NetlinkAddress::KERNEL).port(), None);
    /// ```
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.as_inet().map(|address| address.port())
    }

    /// The IPv4 or IPv6 address without its port; other families have none.
    ///
    /// ```
    /// use shotclock::Address;
    /// use std::net::Ipv6Addr;
    ///
    /// assert_eq!(Address::from((Ipv6Addr::LOCALHOST, 80)).ip(), Some(Ipv6Addr::LOCALHOST.into()));
    /// ```
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.as_inet().map(|address| address.ip())
    }

    /// The IPv4 or IPv6 address as std's type; `None` for other families.
    ///
    /// ```
    /// use shotclock::Address;
    /// use std::net::SocketAddr;
    ///
    /// let address: SocketAddr = "[::1]:80".parse().unwrap();
    /// assert_eq!(Address::from(address).as_inet(), Some(address));
    /// ```
    #[must_use]
    pub fn as_inet(&self) -> Option<SocketAddr> {
        match self {
            Self::V4(address) => Some(SocketAddr::V4(*address)),
            Self::V6(address) => Some(SocketAddr::V6(*address)),
            _ => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::V4(address),
            SocketAddr::V6(address) => Self::V6(address),
        }
    }
}

impl From<SocketAddrV4> for Address {
    fn from(address: SocketAddrV4) -> Self {
        Self::V4(address)
    }
}

impl From<SocketAddrV6> for Address {
    fn from(address: SocketAddrV6) -> Self {
        Self::V6(address)
    }
}

/// An IP address and a port: `(IpAddr, u16)`, `(Ipv4Addr, u16)`, `(Ipv6Addr, u16)`, `([u8; 4], u16)` and the like.
impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from((ip, port): (I, u16)) -> Self {
        Self::from(SocketAddr::new(ip.into(), port))
    }
}

impl From<UnixAddress> for Address {
    fn from(address: UnixAddress) -> Self {
        Self::Unix(address)
    }
}

#[cfg(target_os = "linux")]
impl From<NetlinkAddress> for Address {
    fn from(address: NetlinkAddress) -> Self {
        Self::Netlink(address)
    }
}

#[cfg(target_os = "linux")]
impl From<PacketAddress> for Address {
    fn from(address: PacketAddress) -> Self {
        Self::Packet(address)
    }
}

/// See [`Address::from_sockaddr`].
impl From<SockAddr> for Address {
    fn from(sockaddr: SockAddr) -> Self {
        Self::from_sockaddr(&sockaddr)
    }
}

/// Fails for an address that is neither IPv4 nor IPv6; the error names it.
impl TryFrom<Address> for SocketAddr {
    type Error = Error;

    fn try_from(address: Address) -> Result<Self, Error> {
        address.as_inet().ok_or_else(|| wrong_family(&address, "an IPv4 or IPv6 address"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => fmt::Display::fmt(address, f),
            Self::V6(address) => fmt::Display::fmt(address, f),
            Self::Unix(address) => fmt::Display::fmt(address, f),
            #[cfg(target_os = "linux")]
            Self::Netlink(address) => fmt::Display::fmt(address, f),
            #[cfg(target_os = "linux")]
            Self::Packet(address) => fmt::Display::fmt(address, f),
            Self::Other(sockaddr) => {
                write!(f, "family {}:", sockaddr.family())?;
                sockaddr.as_bytes().iter().skip(2).try_for_each(|byte| write!(f, " {byte:02x}"))
            }
        }
    }
}

fn wrong_family(address: &Address, expected: &str) -> Error {
    Error::invalid("try_from", format!("{address} ({}): expected {expected}", address.family()))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::bytes::family_bytes;
    use super::*;

    fn with_family(family: Family, rest: &[u8]) -> SockAddr {
        SockAddr::new(&[&family_bytes(family)[..], rest].concat()).unwrap()
    }

    #[test]
    fn every_source_makes_its_variant() {
        let v4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 7, 2);
        assert_eq!(Address::from(v4), Address::V4(v4));
        assert_eq!(Address::from(SocketAddr::V4(v4)), Address::V4(v4));
        assert_eq!(Address::from(SocketAddr::V6(v6)), Address::V6(v6));
        assert_eq!(Address::from((Ipv4Addr::LOCALHOST, 80)), Address::V4(v4));
        assert_eq!(Address::from((IpAddr::V4(Ipv4Addr::LOCALHOST), 80)), Address::V4(v4));
        assert_eq!(Address::from(([127, 0, 0, 1], 80)), Address::V4(v4));
        assert_eq!(Address::from((Ipv6Addr::LOCALHOST, 80)).port(), Some(80));
        assert_eq!(Address::from(Address::V6(v6).to_sockaddr()), Address::V6(v6));
    }

    #[cfg(not(windows))]
    #[test]
    fn text_is_as_people_write_it() {
        let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 2);
        assert_eq!(Address::from(v6).to_string(), "[::1%2]:80");
        assert_eq!(Address::from(([127, 0, 0, 1], 8881)).to_string(), "127.0.0.1:8881");
        assert_eq!(Address::from(with_family(Family::VSOCK, &[1, 2, 255])).to_string(), "family 40: 01 02 ff");
        assert_eq!(Address::from(with_family(Family::VSOCK, &[])).to_string(), "family 40:");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn malformed_bytes_of_known_families_stay_as_they_are() {
        for family in [Family::INET, Family::INET6, Family::NETLINK, Family::PACKET] {
            for len in 0..=126 {
                let sockaddr = with_family(family, &vec![0xff; len]);
                let address = Address::from_sockaddr(&sockaddr);
                assert_eq!(address.family(), family);
                if matches!(address, Address::Other(_)) {
                    assert_eq!(address.to_sockaddr(), sockaddr);
                } else {
                    assert_eq!(Address::from_sockaddr(&address.to_sockaddr()), address);
                }
            }
        }
        let truncated = with_family(Family::INET, &[0, 80, 127, 0, 0, 1]);
        assert_eq!(Address::from_sockaddr(&truncated), Address::Other(truncated));
    }

    #[cfg(unix)]
    #[test]
    fn the_wrong_family_is_named() {
        let error = SocketAddr::try_from(Address::from(UnixAddress::from_path("/x").unwrap())).unwrap_err();
        assert_eq!(error.to_string(), "try_from: /x (AF_UNIX): expected an IPv4 or IPv6 address");
        let error = std::os::unix::net::SocketAddr::try_from(Address::from(([127, 0, 0, 1], 80))).unwrap_err();
        assert_eq!(error.to_string(), "try_from: 127.0.0.1:80 (AF_INET): expected the address of a local socket");
    }
}
