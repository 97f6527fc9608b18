//! `getaddrinfo` and `getnameinfo`: from host and service to addresses, and back.

use std::ffi::CString;
use std::fmt;

use super::Lookup;
use super::host_name::{HostName, Shown, c_string};
use super::request::{Answer, Request};
use crate::addr::Address;
use crate::constant::{AddressInfoFlags, Family, Kind, NameInfoFlags, Protocol};
use crate::error::{Error, Result};
use crate::sys::resolver::{AddressRecord, Hints, shown};

/// One way to reach a host's service: what to make a socket of, and what to connect it to.
///
/// ```
/// use shotclock::{AddressInfoHints, Family, Kind, getaddrinfo};
///
/// let found = getaddrinfo("127.0.0.1", 8881, &AddressInfoHints { kind: Kind::STREAM, ..Default::default() })?;
/// assert_eq!((found[0].family, found[0].kind), (Family::INET, Kind::STREAM));
/// assert_eq!(found[0].address.to_string(), "127.0.0.1:8881");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressInfo {
    /// The address's family.
    pub family: Family,
    /// The kind of socket.
    pub kind: Kind,
    /// The socket's protocol.
    pub protocol: Protocol,
    /// The host's canonical name: in the first entry, if [`AddressInfoFlags::CANONNAME`] asked for it.
    pub canonname: Option<String>,
    /// The address, with the service's port.
    pub address: Address,
}

/// What to look for: the family, kind, protocol and flags of a `getaddrinfo` call. The default asks for everything.
///
/// ```
/// use shotclock::{AddressInfoFlags, AddressInfoHints, Family};
///
/// let hints = AddressInfoHints { family: Family::INET6, flags: AddressInfoFlags::PASSIVE, ..Default::default() };
/// assert_eq!(hints.kind.0, 0, "any kind");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressInfoHints {
    /// Only this family; [`Family::UNSPEC`] for any.
    pub family: Family,
    /// Only this kind of socket; `Kind(0)` for any, which gives each address once for every kind there is.
    pub kind: Kind,
    /// Only this protocol; [`Protocol::DEFAULT`] for any.
    pub protocol: Protocol,
    /// How to look.
    pub flags: AddressInfoFlags,
}

impl Default for AddressInfoHints {
    fn default() -> Self {
        let (family, kind) = (Family::UNSPEC, Kind(0));
        Self { family, kind, protocol: Protocol::DEFAULT, flags: AddressInfoFlags::NONE }
    }
}

/// A service: none, a port's number, or a name. Strings and integers convert into it; a string may be a decimal number.
///
/// ```
/// use shotclock::Service;
/// assert_eq!(Service::from(80), Service::Number(80));
/// assert_eq!(Service::from("http"), Service::Name("http"));
/// assert_eq!(Service::from(None), Service::None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service<'s> {
    /// No service: port 0.
    None,
    /// A port, 0 to 65535; other numbers are refused when it is used.
    Number(i64),
    /// A service's name, as services(5) has it, or a decimal number.
    Name(&'s str),
}

impl<'s> From<&'s str> for Service<'s> {
    fn from(name: &'s str) -> Self {
        Self::Name(name)
    }
}

impl<'s> From<&'s String> for Service<'s> {
    fn from(name: &'s String) -> Self {
        Self::Name(name)
    }
}

impl<'s> From<Option<&'s str>> for Service<'s> {
    fn from(name: Option<&'s str>) -> Self {
        name.map_or(Self::None, Self::Name)
    }
}

macro_rules! service_from_number {
    ($($number:ty)*) => {$(
        impl From<$number> for Service<'_> {
            fn from(number: $number) -> Self {
                Self::Number(i64::from(number))
            }
        }
    )*};
}
service_from_number!(u16 u32 i32 i64);

/// Finds the addresses of a host's service, best first, without a limit: see [`Lookup::getaddrinfo`].
///
/// ```
/// use shotclock::{AddressInfoFlags, AddressInfoHints, Kind, getaddrinfo};
///
/// let hints = AddressInfoHints { kind: Kind::STREAM, flags: AddressInfoFlags::PASSIVE, ..Default::default() };
/// let any_host = getaddrinfo(None, 8881, &hints)?;
/// assert!(any_host.iter().any(|info| info.address.to_string() == "0.0.0.0:8881"));
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::getaddrinfo`], but for the limit.
#[doc(alias("to_socket_addrs", "ToSocketAddrs", "lookup_host"))]
pub fn getaddrinfo<'a>(
    host: impl Into<Option<&'a str>>,
    service: impl Into<Service<'a>>,
    hints: &AddressInfoHints,
) -> Result<Vec<AddressInfo>> {
    Lookup::new().getaddrinfo(host, service, hints)
}

/// Finds the names of an address's host and service, without a limit: see [`Lookup::getnameinfo`].
///
/// ```
/// use shotclock::{Address, NameInfoFlags, getnameinfo};
/// use std::net::SocketAddr;
///
/// let address = Address::from(SocketAddr::from(([127, 0, 0, 1], 80)));
/// let numeric = NameInfoFlags::NUMERICHOST | NameInfoFlags::NUMERICSERV;
/// assert_eq!(getnameinfo(&address, numeric)?, ("127.0.0.1".to_owned(), "80".to_owned()));
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::getnameinfo`], but for the limit.
pub fn getnameinfo(address: &Address, flags: NameInfoFlags) -> Result<(String, String)> {
    Lookup::new().getnameinfo(address, flags)
}

impl Lookup<'_> {
    /// Finds the addresses of a host's service, the best first by the system's own order (RFC 6724).
    ///
    /// The host is a name, a numeric address (`127.0.0.1`, `127.1`, `::1`, `fe80::1%eth0`), or `None` or `""`, which
    /// mean the wildcard address with [`AddressInfoFlags::PASSIVE`] and loopback without. Host and service must not
    /// both be missing. Source: getaddrinfo(3), Python's `socket.getaddrinfo`.
    ///
    /// When the limit passes, the call ends with an error whose `is_timeout()` is true, and the lookup is left to
    /// itself. A numeric host with a numeric or no service is answered at once.
    ///
    /// ```
    /// use shotclock::{AddressInfoHints, Family, Kind, Lookup};
    /// use std::time::Duration;
    ///
    /// let hints = AddressInfoHints { family: Family::INET, kind: Kind::STREAM, ..Default::default() };
    /// let found = Lookup::within(Duration::from_secs(5)).getaddrinfo("localhost", 80, &hints)?;
    /// assert_eq!(found[0].address.to_string(), "127.0.0.1:80");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// The resolver's, with its code and text (`is_lookup()`); the limit; a port beyond 65535, a NUL, a host name of
    /// more than 1024 bytes; a name beyond ASCII without the cargo feature `idna`, with which it is converted by
    /// UTS 46 (Python's codec is the older IDNA 2003: `faß` is `fass` there, and `xn--fa-hia` here).
    #[doc(alias("to_socket_addrs", "ToSocketAddrs", "lookup_host"))]
    pub fn getaddrinfo<'a>(
        &self,
        host: impl Into<Option<&'a str>>,
        service: impl Into<Service<'a>>,
        hints: &AddressInfoHints,
    ) -> Result<Vec<AddressInfo>> {
        self.address_info("getaddrinfo", host.into(), service.into(), hints)
    }

    /// Finds the names of an address's host and service; what has no name is given as a number.
    ///
    /// Source: getnameinfo(3), Python's `socket.getnameinfo`. Bytes of a name that are not UTF-8 are replaced. When the
    /// limit passes, the call ends with a timeout. With both numeric flags it is answered at once.
    ///
    /// ```
    /// use shotclock::{Address, Lookup, NameInfoFlags};
    /// use std::net::SocketAddr;
    /// use std::time::Duration;
    ///
    /// let address = Address::from(SocketAddr::from(([127, 0, 0, 1], 80)));
    /// let (host, service) = Lookup::within(Duration::from_secs(5)).getnameinfo(&address, NameInfoFlags::NUMERICHOST)?;
    /// assert_eq!(host, "127.0.0.1");
    /// assert!(service == "http" || service == "80"); // where no services have names
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// The resolver's, with its code and text: a host without a name under [`NameInfoFlags::NAMEREQD`], an address of a
    /// family that has no names; and the limit.
    pub fn getnameinfo(&self, address: &Address, flags: NameInfoFlags) -> Result<(String, String)> {
        let request = Request::NameInfo { address: address.to_sockaddr(), flags };
        self.ask("getnameinfo", address, &request, |answer| match answer {
            Answer::HostAndService(host, service) => Some((shown(&host), shown(&service))),
            _ => None,
        })
    }

    pub(super) fn address_info(
        &self,
        operation: &'static str,
        host: Option<&str>,
        service: Service<'_>,
        hints: &AddressInfoHints,
    ) -> Result<Vec<AddressInfo>> {
        let AddressInfoHints { family, kind, protocol, mut flags } = *hints;
        let target = Target(host, service);
        let host = host.filter(|host| !host.is_empty()).map(|host| HostName::new(operation, host)).transpose()?;
        // The flag costs nothing, and makes sure that such a host goes nowhere.
        if host.as_ref().is_some_and(|host| host.numeric.is_some()) {
            flags |= AddressInfoFlags::NUMERICHOST;
        }
        let (service, is_number) = service.to_c_string(operation).map_err(|error| error.to(&target))?;
        if is_number {
            flags |= AddressInfoFlags::NUMERICSERV;
        }
        let host = host.map(|host| host.to_c_string(operation)).transpose()?;
        let hints = Hints { flags: flags.0, family: family.0, kind: kind.0, protocol: protocol.0 };
        let request = Request::AddressInfo { host, service, hints };
        self.ask(operation, target, &request, |answer| match answer {
            Answer::Addresses(records) => Some(records.iter().map(AddressInfo::of).collect()),
            _ => None,
        })
    }
}

impl AddressInfo {
    fn of(record: &AddressRecord) -> Self {
        Self {
            family: Family(record.family),
            kind: Kind(record.kind),
            protocol: Protocol(record.protocol),
            canonname: record.canonical_name.as_deref().map(shown),
            address: Address::from_sockaddr(&record.address),
        }
    }
}

impl Service<'_> {
    /// The service for the system, and whether it is a number; then it is a plain one, so that equal requests are equal.
    fn to_c_string(self, operation: &'static str) -> Result<(Option<CString>, bool)> {
        let number = match self {
            Self::None => return Ok((None, false)),
            Self::Number(number) => u16::try_from(number).ok(),
            Self::Name(name) => match looks_numeric(name) {
                Some(digits) => digits.parse().ok(),
                None => return c_string(operation, "service", name).map(|name| (Some(name), false)),
            },
        };
        let Some(number) = number else {
            return Err(Error::invalid(operation, format!("port {self}: expected 0 to 65535")));
        };
        c_string(operation, "service", &number.to_string()).map(|number| (Some(number), true))
    }
}

impl fmt::Display for Service<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{}", Shown(name)),
        }
    }
}

/// What the system would take for a number (strtoul's forms), as digits for Rust; it cuts such numbers to 16 bits.
fn looks_numeric(service: &str) -> Option<&str> {
    let trimmed = service.trim_ascii_start();
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    match digits {
        "" => service.is_empty().then_some("0"),
        _ => digits.bytes().all(|digit| digit.is_ascii_digit()).then_some(trimmed),
    }
}

/// What a lookup was about, in an error: the host, and a service that has a name.
struct Target<'a>(Option<&'a str>, Service<'a>);

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.filter(|host| !host.is_empty()) {
            Some(host) => Shown(host).fmt(f)?,
            None => f.write_str("(no host)")?,
        }
        match self.1 {
            Service::Name(name) if looks_numeric(name).is_none() => write!(f, ", service {}", Shown(name)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(service: Service<'_>) -> (Option<String>, bool) {
        let (text, is_number) = service.to_c_string("getaddrinfo").unwrap();
        (text.map(|text| text.into_string().unwrap()), is_number)
    }

    #[test]
    fn ports_are_numbers_in_range() {
        for service in [Service::from(80), Service::from("80"), Service::from(" +080"), Service::from(80_u16)] {
            assert_eq!(text(service), (Some("80".to_owned()), true));
        }
        assert_eq!(text(Service::from("")), (Some("0".to_owned()), true));
        assert_eq!(text(Service::from("http")), (Some("http".to_owned()), false));
        assert_eq!(text(Service::from("80x")), (Some("80x".to_owned()), false));
        assert_eq!(text(Service::None), (None, false));
    }

    #[test]
    fn a_port_out_of_range_is_named() {
        for (bad, shown) in [
            (Service::from(65536), "65536"),
            (Service::from(-1), "-1"),
            (Service::from("65617"), "65617"),
            (Service::from("-1"), "-1"),
            (Service::from("99999999999999999999999"), "99999999999999999999999"),
        ] {
            let error = bad.to_c_string("getaddrinfo").unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(shown), "{error}");
        }
        assert!(Service::from("a\0b").to_c_string("getaddrinfo").unwrap_err().to_string().contains(r"a\0b"));
    }

    #[test]
    fn errors_say_what_was_looked_up() {
        let target = |host, service: Service<'_>| Target(host, service).to_string();
        assert_eq!(target(Some("example.org"), Service::from(80)), "example.org");
        assert_eq!(target(Some("example.org"), Service::from("http")), "example.org, service http");
        assert_eq!(target(None, Service::from("80")), "(no host)");
    }
}
