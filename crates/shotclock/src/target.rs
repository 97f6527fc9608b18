//! Where to: an address, or a name and a port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::addr::{Address, UnixAddress};
#[cfg(target_os = "linux")]
use crate::addr::{NetlinkAddress, PacketAddress};
use crate::constant::{AddressInfoFlags, Family, Kind};
use crate::error::{Error, Reason, Result};
use crate::names::{AddressInfoHints, Lookup};
use crate::order::{inet_aton, inet_pton};
use crate::sys::address::SockAddr;
use crate::wait::Limit;

/// Where to bind, connect or send: an address, or a host's name and a port.
///
/// Making one never looks anything up. The call that gets it does, under the same limit as its own work: a numeric
/// host is taken as it is, `""` is every local address (Python's `''`), `"<broadcast>"` the IPv4 broadcast address,
/// and any other name goes to the system's resolver, of whose addresses the first is taken.
///
/// ```
/// use shotclock::{Family, Kind, Socket, Target};
///
/// let socket = Socket::new(Family::INET, Kind::STREAM)?;
/// socket.bind(("", 0))?;
/// assert_eq!(Target::parse("[::1]:8881")?, Target::from(("::1", 8881)));
/// assert!(Target::parse("localhost:70000").unwrap_err().to_string().contains("70000"));
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// An address of any family.
    Address(Address),
    /// A host's name, or its address as text, and a port.
    Name {
        /// The host; `""` is every local address.
        host: &'a str,
        /// The port, 0 to 65535.
        port: u16,
    },
}

impl<'a> Target<'a> {
    /// Reads `HOST:PORT` or `[IPV6]:PORT`, without a lookup.
    ///
    /// # Errors
    /// A missing or bad port, or an IPv6 address without its brackets, by an error that names it.
    ///
    /// ```
    /// use shotclock::Target;
    /// assert_eq!(Target::parse(":8881")?, Target::Name { host: "", port: 8881 });
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Self> {
        let bad = |what: String| Error::invalid("target", what);
        let (host, port) = text.rsplit_once(':').ok_or_else(|| bad(format!("{text:?}: expected HOST:PORT")))?;
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').ok_or_else(|| bad(format!("{text:?}: expected [IPV6]:PORT")))?,
            None if host.contains(':') => return Err(bad(format!("{text:?}: an IPv6 address takes [ and ]"))),
            None => host,
        };
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| digits);
        let port = port.ok_or_else(|| bad(format!("{text:?}: expected a port from 0 to 65535 after the colon")))?;
        Ok(Self::Name { host, port })
    }

    /// The address, for a socket of this family and kind, looked up under the limit if it must be.
    pub(crate) fn resolve(
        self,
        operation: &'static str,
        family: Family,
        kind: Kind,
        limit: Limit<'_>,
    ) -> Result<Address> {
        let (host, port) = match self {
            Self::Address(address) => return Ok(address),
            Self::Name { host, port } => (host, port),
        };
        if !matches!(family, Family::INET | Family::INET6) {
            let text = format!("a host and a port are no address of {family}: expected an address of that family");
            return Err(Error::invalid(operation, text).to(self));
        }
        if let Some(address) = numeric(host, port, family) {
            return Ok(address);
        }
        if inet_pton(other(family), host).is_ok() {
            let text = format!("the address is one of {}, the socket's family is {family}", other(family));
            return Err(Error::invalid(operation, text).to(self));
        }
        let hints = AddressInfoHints { family, kind, flags: AddressInfoFlags::NONE, ..AddressInfoHints::default() };
        let found = Lookup::under(limit).getaddrinfo(Some(host), port, &hints);
        let found = found.map_err(|error| error.to(self))?;
        let first = found.first().map(|info| info.address);
        first.ok_or_else(|| Error::new(operation, Reason::NotFound("the name has no address".to_owned())).to(self))
    }
}

/// What needs no lookup: numbers, and the two names that stand for addresses.
fn numeric(host: &str, port: u16, family: Family) -> Option<Address> {
    let ip: IpAddr = match (host, family) {
        ("", Family::INET) => Ipv4Addr::UNSPECIFIED.into(),
        ("", _) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        ("<broadcast>", Family::INET) => Ipv4Addr::BROADCAST.into(),
        (_, Family::INET) => inet_aton(host).ok()?.into(),
        _ => inet_pton(family, host).ok()?,
    };
    Some(Address::from((ip, port)))
}

fn other(family: Family) -> Family {
    if family == Family::INET { Family::INET6 } else { Family::INET }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl<'a> From<(&'a str, u16)> for Target<'a> {
    fn from((host, port): (&'a str, u16)) -> Self {
        Self::Name { host, port }
    }
}

impl<'a> From<(&'a String, u16)> for Target<'a> {
    fn from((host, port): (&'a String, u16)) -> Self {
        Self::Name { host, port }
    }
}

impl From<&Address> for Target<'_> {
    fn from(address: &Address) -> Self {
        Self::Address(*address)
    }
}

impl From<&SocketAddr> for Target<'_> {
    fn from(address: &SocketAddr) -> Self {
        Self::Address((*address).into())
    }
}

macro_rules! from_addresses {
    ($($address:ty),*) => {
        $(impl From<$address> for Target<'_> {
            fn from(address: $address) -> Self {
                Self::Address(address.into())
            }
        })*
    };
}

from_addresses!(
    Address,
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (std::net::Ipv6Addr, u16),
    ([u8; 4], u16),
    UnixAddress,
    SockAddr
);
#[cfg(target_os = "linux")]
from_addresses!(NetlinkAddress, PacketAddress);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_or_refused() {
        assert_eq!(Target::parse("example.org:80").unwrap(), Target::from(("example.org", 80)));
        assert_eq!(Target::parse("[fe80::1%lo]:0").unwrap(), Target::from(("fe80::1%lo", 0)));
        for bad in ["", "host", "host:", "host:-1", "host:+1", "host:65536", "host:x", "::1:80", "[::1:80", "[::1]"] {
            let error = Target::parse(bad).unwrap_err();
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn numbers_need_no_lookup() {
        let resolve = |host, family| Target::from((host, 7)).resolve("connect", family, Kind::STREAM, Limit::NONE);
        assert_eq!(resolve("", Family::INET).unwrap().to_string(), "0.0.0.0:7");
        assert_eq!(resolve("", Family::INET6).unwrap().to_string(), "[::]:7");
        assert_eq!(resolve("<broadcast>", Family::INET).unwrap().to_string(), "255.255.255.255:7");
        assert_eq!(resolve("127.1", Family::INET).unwrap().to_string(), "127.0.0.1:7");
        let error = resolve("::1", Family::INET).unwrap_err().to_string();
        assert!(error.contains("AF_INET6") && error.contains("[::1]:7"), "{error}");
        let error = resolve("localhost", Family::UNIX).unwrap_err().to_string();
        assert!(error.contains("AF_UNIX"), "{error}");
    }
}
