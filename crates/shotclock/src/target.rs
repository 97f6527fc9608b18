//! Where to: an address, several, a path, or a name and a port.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::path::{Path, PathBuf};

use crate::addr::{Address, UnixAddress};
#[cfg(target_os = "linux")]
use crate::addr::{NetlinkAddress, PacketAddress};
use crate::constant::{AddressInfoFlags, Family, Kind};
use crate::deadline::Deadline;
use crate::error::{Error, Reason, Result};
use crate::names::{AddressInfoHints, Lookup};
use crate::order::{inet_aton, inet_pton};
use crate::sys::address::SockAddr;
use crate::wait::Limit;

/// Where to bind, connect or send: an address, several of them, a path, or a host's name and a port.
///
/// Making one never looks anything up, and never fails. The call that gets it does: under the same limit as its own work,
/// and with an error that names the target. A numeric host is taken as it is, `""` is every local address (Python's `''`),
/// `"<broadcast>"` the IPv4 broadcast address, and any other name goes to the system's resolver, of whose addresses the
/// first is taken (by [`create_connection`](crate::create_connection) each in turn). A port that is a service's name
/// (`"http"`) is looked up for the socket's kind, as services(5) has it.
///
/// ```
/// use shotclock::{Family, Kind, Socket, Target};
/// use std::net::SocketAddr;
/// use std::path::Path;
///
/// let socket = || Socket::new(Family::INET, Kind::STREAM);
/// socket()?.bind("127.0.0.1:0")?; // HOST:PORT, [IPV6]:PORT
/// socket()?.bind(("127.0.0.1", 0))?; // a host and a port
/// socket()?.bind((String::from("localhost"), 0))?;
/// socket()?.bind(([127, 0, 0, 1], 0))?; // std's addresses, and what they are made of
/// let several = [SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 1], 0))];
/// socket()?.bind(&several)?; // the first of the socket's family
/// socket()?.bind(Target::service("127.0.0.1", "0"))?; // a host and a service's name, or its port as text
/// let error = Socket::new(Family::UNIX, Kind::STREAM)?.connect(Path::new("/no/such.sock")).unwrap_err();
/// assert_eq!(error.target(), Some("/no/such.sock"));
/// assert!(socket()?.connect("localhost:70000").unwrap_err().to_string().contains("70000"));
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias = "ToSocketAddrs")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// An address of any family.
    Address(Address),
    /// A host's name, or its address as text, and a port.
    Name {
        /// The host; `""` is every local address.
        host: Cow<'a, str>,
        /// The port, 0 to 65535.
        port: u16,
    },
    /// A host's name, or its address as text, and a service's name, or its port as text.
    Service {
        /// The host; `""` is every local address.
        host: Cow<'a, str>,
        /// The service; looked up as one of TCP or UDP, by the socket's kind.
        service: Cow<'a, str>,
    },
    /// `HOST:PORT` or `[IPV6]:PORT`, which the call reads; the port may be a service's name.
    Text(Cow<'a, str>),
    /// Several addresses: a socket takes the first one of its family, [`Connector`](crate::Connector) and
    /// [`ServerBuilder`](crate::ServerBuilder) each in turn, until one does.
    Addresses(Cow<'a, [SocketAddr]>),
    /// The path of a local socket.
    Path(Cow<'a, Path>),
}

impl<'a> Target<'a> {
    /// A host, and a service by its name (`"http"`) or by its port as text. `(host, port)` is for ports that are numbers:
    /// with names as well the compiler could not tell what `port.parse()?` is to be.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, Target};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.connect(Target::service("127.0.0.1", "domain"))?;
    /// assert_eq!(socket.getpeername()?.to_string(), "127.0.0.1:53");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn service(host: impl Into<Cow<'a, str>>, service: impl Into<Cow<'a, str>>) -> Self {
        Self::Service { host: host.into(), service: service.into() }
    }

    /// Reads `HOST:PORT` or `[IPV6]:PORT`, without a lookup; the port may be a service's name. `Target::from(text)` is the
    /// same, but that the call which gets it says what is wrong.
    ///
    /// # Errors
    /// A missing or bad port, or an IPv6 address without its brackets, by an error that names it.
    ///
    /// ```
    /// use shotclock::Target;
    /// assert_eq!(Target::parse(":8881")?, Target::Name { host: "".into(), port: 8881 });
    /// assert_eq!(Target::parse("[::1]:8881")?, Target::from(("::1", 8881)));
    /// assert!(Target::parse("localhost:70000").unwrap_err().to_string().contains("70000"));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Self> {
        let bad = |what: String| Error::invalid("target", what);
        let missing = || bad(format!("{text:?}: expected HOST:PORT; a local socket's path is given as a Path"));
        let (host, port) = text.rsplit_once(':').ok_or_else(missing)?;
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').ok_or_else(|| bad(format!("{text:?}: expected [IPV6]:PORT")))?,
            None if host.contains(':') => return Err(bad(format!("{text:?}: an IPv6 address takes [ and ]"))),
            None => host,
        };
        let expected = "expected a port from 0 to 65535 after the colon, or a service's name";
        match Port::read(port) {
            Some(Port::Number(port)) => Ok(Self::Name { host: host.into(), port }),
            Some(Port::Service) => Ok(Self::Service { host: host.into(), service: port.into() }),
            None => Err(bad(format!("{text:?}: {expected}"))),
        }
    }

    /// The address, for a socket of this family and kind, looked up under the limit if it must be.
    pub(crate) fn resolve(
        &self,
        operation: &'static str,
        family: Family,
        kind: Kind,
        limit: Limit<'_>,
    ) -> Result<Address> {
        let limit = limit.begun(Deadline::now());
        let simple = self.simplified(operation, kind, limit)?;
        match simple {
            Simple::Addresses(addresses) => first_of(&addresses, operation, family).map_err(|error| error.to(self)),
            Simple::Name { host, port } => {
                let found = self.look_up((operation, host, port), family, kind, limit)?;
                let nothing = || Error::new(operation, Reason::NotFound("the name has no address".to_owned())).to(self);
                found.first().copied().ok_or_else(nothing)
            }
        }
    }

    /// Every address that it may mean, of this family if it is a name, or of either if that is unspecified: IPv4 first, which
    /// is what Python's servers take a name for. Looked up under the limit if it must be.
    pub(crate) fn resolve_all(
        &self,
        operation: &'static str,
        family: Family,
        kind: Kind,
        limit: Limit<'_>,
    ) -> Result<Vec<Address>> {
        match self.simplified(operation, kind, limit)? {
            Simple::Addresses(addresses) => Ok(addresses),
            Simple::Name { host, port } => {
                let mut found = self.look_up((operation, host, port), family, kind, limit)?;
                found.sort_by_key(|address| address.family() != Family::INET);
                Ok(found)
            }
        }
    }

    fn look_up(
        &self,
        (operation, host, port): (&'static str, &str, u16),
        family: Family,
        kind: Kind,
        limit: Limit<'_>,
    ) -> Result<Vec<Address>> {
        let families = match family {
            Family::UNSPEC => &[Family::INET, Family::INET6][..],
            Family::INET | Family::INET6 => &[family],
            _ => &[],
        };
        if families.is_empty() {
            let text = format!("a host and a port are no address of {family}: expected an address of that family");
            return Err(Error::invalid(operation, text).to(self));
        }
        if let Some(address) = families.iter().find_map(|family| numeric(host, port, *family)) {
            return Ok(vec![address]);
        }
        if inet_pton(other(family), host).is_ok() {
            let text = format!("the address is one of {}, the socket's family is {family}", other(family));
            return Err(Error::invalid(operation, text).to(self));
        }
        let hints = AddressInfoHints { family, kind, flags: AddressInfoFlags::NONE, ..AddressInfoHints::default() };
        let found = Lookup::under(limit).getaddrinfo(Some(host), port, &hints);
        Ok(found.map_err(|error| error.to(self))?.into_iter().map(|info| info.address).collect())
    }

    /// What it comes down to, for sockets of this kind: texts are read, and services looked up under the limit.
    ///
    /// # Errors
    /// A text that is no target, a path that is no address, no address at all, a service that is not known.
    pub(crate) fn simplified(&self, operation: &'static str, kind: Kind, limit: Limit<'_>) -> Result<Simple<'_>> {
        match self {
            Self::Address(address) => Ok(Simple::Addresses(vec![*address])),
            Self::Addresses(several) if several.is_empty() => {
                Err(Error::invalid(operation, "no addresses: expected at least one"))
            }
            Self::Addresses(several) => Ok(Simple::Addresses(several.iter().copied().map(Address::from).collect())),
            Self::Path(path) => match UnixAddress::from_path(path) {
                Ok(path) => Ok(Simple::Addresses(vec![path.into()])),
                Err(error) => Err(error.during(operation)),
            },
            Self::Name { host, port } => Ok(Simple::Name { host, port: *port }),
            Self::Service { host, service } => {
                let port = port_of(service, operation, kind, limit).map_err(|error| error.to(self))?;
                Ok(Simple::Name { host, port })
            }
            Self::Text(text) => match Target::parse(text).map_err(|error| error.during(operation))? {
                Target::Name { host: Cow::Borrowed(host), port } => Ok(Simple::Name { host, port }),
                Target::Service { host: Cow::Borrowed(host), service } => {
                    let port = port_of(&service, operation, kind, limit).map_err(|error| error.to(self))?;
                    Ok(Simple::Name { host, port })
                }
                // Nothing else comes of a text, which is borrowed.
                _ => Err(Error::invalid(operation, format!("{text:?}: expected HOST:PORT"))),
            },
        }
    }
}

/// What a target comes down to.
pub(crate) enum Simple<'t> {
    /// These, of which there is at least one.
    Addresses(Vec<Address>),
    /// A host, to be looked up unless it is numeric, and a port.
    Name { host: &'t str, port: u16 },
}

/// A port as text.
enum Port {
    Number(u16),
    /// Something with a letter in it, which may be a service's name.
    Service,
}

impl Port {
    fn read(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self::Number);
        }
        // The names of services(5) begin with a letter or a digit, and have a letter. Source: RFC 6335, section 5.1, and
        // the underscores, dots and so on of older ones.
        let is_name = text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_name.then_some(Self::Service)
    }
}

/// The port of a service for sockets of this kind, looked up under the limit if it is a name.
fn port_of(service: &str, operation: &'static str, kind: Kind, limit: Limit<'_>) -> Result<u16> {
    let protocol = match kind {
        Kind::STREAM => Some("tcp"),
        Kind::DGRAM => Some("udp"),
        _ => None,
    };
    match Port::read(service) {
        Some(Port::Number(port)) => Ok(port),
        Some(Port::Service) => Lookup::under(limit).getservbyname(service, protocol),
        None => {
            let text = format!("the port {service:?}: expected a number from 0 to 65535, or a service's name");
            Err(Error::invalid(operation, text))
        }
    }
}

/// The first address of the family; of a single one the system is the judge.
fn first_of(addresses: &[Address], operation: &'static str, family: Family) -> Result<Address> {
    let found = addresses.iter().find(|address| address.family() == family || addresses.len() == 1).copied();
    found.ok_or_else(|| {
        let text = format!("none of the {} addresses is one of the socket's family, {family}", addresses.len());
        Error::invalid(operation, text)
    })
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
            Self::Name { host, port } => write!(f, "{}:{port}", Bracketed(host)),
            Self::Service { host, service } => write!(f, "{}:{service}", Bracketed(host)),
            Self::Text(text) => f.write_str(text),
            Self::Addresses(several) => list(f, several),
            Self::Path(path) => match UnixAddress::from_path(path) {
                Ok(address) => address.fmt(f),
                Err(_) => fmt::Debug::fmt(path, f),
            },
        }
    }
}

/// A host before a colon.
struct Bracketed<'h>(&'h str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(self.0) }
    }
}

/// The first few of many.
fn list(f: &mut fmt::Formatter<'_>, addresses: &[SocketAddr]) -> fmt::Result {
    const SHOWN: usize = 4;
    f.write_char('[')?;
    for (at, address) in addresses.iter().take(SHOWN).enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        write!(f, "{comma}{address}")?;
    }
    match addresses.len().saturating_sub(SHOWN) {
        0 => f.write_char(']'),
        more => write!(f, " and {more} more]"),
    }
}

/// `HOST:PORT` or `[IPV6]:PORT`; what is neither is an error of the call that gets it.
impl<'a> From<&'a str> for Target<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

/// As of a `&str`.
impl<'a> From<&'a String> for Target<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.into())
    }
}

/// As of a `&str`.
impl From<String> for Target<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

macro_rules! from_host_and_port {
    ($($host:ty),*) => {
        $(
            /// A host and a port.
            impl<'a> From<($host, u16)> for Target<'a> {
                fn from((host, port): ($host, u16)) -> Self {
                    Self::Name { host: host.into(), port }
                }
            }
        )*
    };
}
from_host_and_port!(&'a str, &'a String, String);

/// Of these a socket takes the first one of its family.
impl<'a> From<&'a [SocketAddr]> for Target<'a> {
    fn from(addresses: &'a [SocketAddr]) -> Self {
        Self::Addresses(addresses.into())
    }
}

/// As of a slice.
impl<'a, const N: usize> From<&'a [SocketAddr; N]> for Target<'a> {
    fn from(addresses: &'a [SocketAddr; N]) -> Self {
        Self::Addresses(addresses[..].into())
    }
}

/// As of a slice.
impl<'a> From<&'a Vec<SocketAddr>> for Target<'a> {
    fn from(addresses: &'a Vec<SocketAddr>) -> Self {
        Self::Addresses(addresses.into())
    }
}

/// As of a slice.
impl From<Vec<SocketAddr>> for Target<'_> {
    fn from(addresses: Vec<SocketAddr>) -> Self {
        Self::Addresses(addresses.into())
    }
}

/// The path of a local socket; one that is too long, or has a NUL, is an error of the call that gets it.
impl<'a> From<&'a Path> for Target<'a> {
    fn from(path: &'a Path) -> Self {
        Self::Path(path.into())
    }
}

/// As of a `&Path`.
impl<'a> From<&'a PathBuf> for Target<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::Path(path.into())
    }
}

/// As of a `&Path`.
impl From<PathBuf> for Target<'_> {
    fn from(path: PathBuf) -> Self {
        Self::Path(path.into())
    }
}

/// A target that somebody else keeps.
impl<'a> From<&'a Target<'_>> for Target<'a> {
    fn from(target: &'a Target<'_>) -> Self {
        match target {
            Target::Address(address) => Self::Address(*address),
            Target::Name { host, port } => Self::Name { host: Cow::Borrowed(host), port: *port },
            Target::Service { host, service } => {
                Self::Service { host: Cow::Borrowed(host), service: Cow::Borrowed(service) }
            }
            Target::Text(text) => Self::Text(Cow::Borrowed(text)),
            Target::Addresses(several) => Self::Addresses(Cow::Borrowed(several)),
            Target::Path(path) => Self::Path(Cow::Borrowed(path)),
        }
    }
}

impl From<&Address> for Target<'_> {
    #[inline]
    fn from(address: &Address) -> Self {
        Self::Address(match address {
            // The common ones by themselves: the room for the longest of all addresses is not copied for them.
            Address::V4(address) => Address::V4(*address),
            Address::V6(address) => Address::V6(*address),
            other => *other,
        })
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
#[cfg(unix)]
from_addresses!(std::os::unix::net::SocketAddr);

/// std's address of a local socket.
#[cfg(unix)]
impl From<&std::os::unix::net::SocketAddr> for Target<'_> {
    fn from(address: &std::os::unix::net::SocketAddr) -> Self {
        Self::from(address.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_or_refused() {
        assert_eq!(Target::parse("example.org:80").unwrap(), Target::from(("example.org", 80)));
        assert_eq!(Target::parse("[fe80::1%lo]:0").unwrap(), Target::from(("fe80::1%lo", 0)));
        assert_eq!(Target::parse("[::1]:http").unwrap(), Target::service("::1", "http"));
        for bad in ["", "host", "host:", "host:-1", "host:+1", "host:65536", "host:x y", "::1:80", "[::1:80", "[::1]"] {
            let error = Target::parse(bad).unwrap_err();
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
            // Whoever leaves the reading to the call hears the same of it.
            let late = Target::from(bad).resolve("bind", Family::INET, Kind::STREAM, Limit::NONE).unwrap_err();
            assert!(late.to_string().starts_with(&format!("bind: {bad:?}: ")), "{late}");
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

    fn resolved<'t>(target: impl Into<Target<'t>>, family: Family) -> Result<String> {
        let address = target.into().resolve("connect", family, Kind::STREAM, Limit::NONE);
        address.map(|address| address.to_string())
    }

    #[test]
    fn every_form_leads_to_an_address() {
        let listed = [SocketAddr::from(([0; 16], 1)), SocketAddr::from(([127, 0, 0, 1], 2))];
        let path = Path::new("/run/a.sock");
        assert_eq!(resolved("127.0.0.1:7", Family::INET).unwrap(), "127.0.0.1:7");
        assert_eq!(resolved(String::from("[::1]:7"), Family::INET6).unwrap(), "[::1]:7");
        assert_eq!(resolved((String::from("127.0.0.1"), 7), Family::INET).unwrap(), "127.0.0.1:7");
        assert_eq!(resolved(Target::service("127.0.0.1", "7"), Family::INET).unwrap(), "127.0.0.1:7");
        assert_eq!(resolved(&listed, Family::INET).unwrap(), "127.0.0.1:2");
        assert_eq!(resolved(&listed[..], Family::INET6).unwrap(), "[::]:1");
        assert_eq!(resolved(listed.to_vec(), Family::INET).unwrap(), "127.0.0.1:2");
        assert_eq!(resolved(path, Family::UNIX).unwrap(), "/run/a.sock");
        assert_eq!(resolved(path.to_owned(), Family::UNIX).unwrap(), "/run/a.sock");
        let kept = Target::from("127.0.0.1:7");
        assert_eq!(resolved(&kept, Family::INET).unwrap(), resolved(kept.clone(), Family::INET).unwrap());
        #[cfg(unix)]
        {
            let std = std::os::unix::net::SocketAddr::from_pathname(path).unwrap();
            assert_eq!(resolved(&std, Family::UNIX).unwrap(), "/run/a.sock");
            assert_eq!(Target::from(std), Target::Address(UnixAddress::from_path(path).unwrap().into()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn services_are_looked_up_by_the_kind() {
        let port = |kind| Target::from("127.0.0.1:domain").resolve("connect", Family::INET, kind, Limit::NONE);
        assert_eq!(port(Kind::STREAM).unwrap().port(), Some(53));
        assert_eq!(port(Kind::DGRAM).unwrap().port(), Some(53));
        for unknown in ["127.0.0.1:no-such-service", "[::1]:no-such-service"] {
            let error = resolved(unknown, Family::INET).unwrap_err();
            assert_eq!((error.kind(), error.target()), (std::io::ErrorKind::NotFound, Some(unknown)), "{error}");
            assert!(error.to_string().contains("no-such-service"), "{error}");
        }
    }

    #[test]
    fn what_is_no_target_is_named() {
        let refused = |target: Target<'_>, family| {
            let error = target.resolve("connect", family, Kind::STREAM, Limit::NONE).unwrap_err();
            assert_eq!((error.kind(), error.operation()), (std::io::ErrorKind::InvalidInput, "connect"), "{error}");
            error.to_string()
        };
        let none: &[SocketAddr] = &[];
        assert_eq!(refused(none.into(), Family::INET), "connect: no addresses: expected at least one");
        let listed = [SocketAddr::from(([127, 0, 0, 1], 2)); 6];
        let error = refused((&listed).into(), Family::INET6);
        assert!(error.contains("none of the 6 addresses") && error.contains("AF_INET6"), "{error}");
        assert!(error.contains("127.0.0.1:2 and 2 more]"), "{error}");
        let long = "y".repeat(200);
        assert!(refused(Path::new(&long).into(), Family::UNIX).contains("of 200 bytes: expected at most 107"));
        assert!(refused(Path::new("").into(), Family::UNIX).contains("\"\""));
        assert!(refused(Target::service("h", "70000"), Family::INET).contains("the port \"70000\""));
        assert!(refused("/run/a.sock".into(), Family::UNIX).contains("given as a Path"));
    }
}
