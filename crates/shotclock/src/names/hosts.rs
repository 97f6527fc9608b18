//! The older functions about hosts: `gethostbyname`, `gethostbyname_ex`, `gethostbyaddr`, `gethostname`, `sethostname`.

use std::net::{IpAddr, Ipv4Addr};

use super::host_name::{HostName, Shown};
use super::request::{Answer, Request};
use super::{AddressInfoHints, Lookup, Service};
use crate::addr::Address;
use crate::constant::{Family, Kind};
use crate::error::{Error, LookupCode, Reason, Result};
use crate::sys::Errno;
use crate::sys::resolver::{self, HostRecord, shown};

/// What is known of a host: Python's `(hostname, aliaslist, ipaddrlist)`.
///
/// ```
/// let entry = shotclock::gethostbyname_ex("127.0.0.1")?;
/// assert_eq!(entry.name, "127.0.0.1");
/// assert_eq!(entry.addresses, [std::net::IpAddr::from([127, 0, 0, 1])]);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HostEntry {
    /// The host's main name.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Its addresses, all of one family.
    pub addresses: Vec<IpAddr>,
}

/// Finds a host's IPv4 address, without a limit: see [`Lookup::gethostbyname`].
///
/// ```
/// assert_eq!(shotclock::gethostbyname("localhost")?, std::net::Ipv4Addr::LOCALHOST);
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::gethostbyname`], but for the limit.
pub fn gethostbyname(host: &str) -> Result<Ipv4Addr> {
    Lookup::new().gethostbyname(host)
}

/// Finds a host's main name, aliases and IPv4 addresses, without a limit: see [`Lookup::gethostbyname_ex`].
///
/// ```
/// let entry = shotclock::gethostbyname_ex("localhost")?;
/// assert!(entry.addresses.iter().all(|address| address.is_loopback()));
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::gethostbyname_ex`], but for the limit.
pub fn gethostbyname_ex(host: &str) -> Result<HostEntry> {
    Lookup::new().gethostbyname_ex(host)
}

/// Finds what is known of the host that has an address, without a limit: see [`Lookup::gethostbyaddr`].
///
/// ```
/// let entry = shotclock::gethostbyaddr("127.0.0.1")?;
/// assert_eq!(entry.addresses, [std::net::IpAddr::from([127, 0, 0, 1])]);
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::gethostbyaddr`], but for the limit.
pub fn gethostbyaddr(host: &str) -> Result<HostEntry> {
    Lookup::new().gethostbyaddr(host)
}

/// This machine's own name, as it was set; it need not be one that others know. It never waits.
///
/// Source: gethostname(2), Python's `socket.gethostname`. Bytes that are not UTF-8 are replaced.
///
/// ```
/// assert!(!shotclock::gethostname()?.contains('\0'));
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// The system's; none is known on Linux.
pub fn gethostname() -> Result<String> {
    resolver::host_name().map(|name| shown(&name)).map_err(|errno| Error::system("gethostname", errno))
}

/// Sets this machine's own name, for everyone in the same UTS namespace. It never waits and needs `CAP_SYS_ADMIN`.
///
/// Source: sethostname(2), Python's `socket.sethostname`.
///
/// ```
/// let error = shotclock::sethostname(&"x".repeat(65)).unwrap_err();
/// assert!(error.to_string().contains("at most 64"));
/// ```
///
/// # Errors
/// More than 64 bytes (Linux's limit), a NUL, and the system's: EPERM.
pub fn sethostname(name: &str) -> Result<()> {
    const OPERATION: &str = "sethostname";
    const LONGEST: usize = 64;
    if name.len() > LONGEST || name.contains('\0') {
        let text = format!("{}: expected at most {LONGEST} bytes and no NUL, got {}", Shown(name), name.len());
        return Err(Error::invalid(OPERATION, text));
    }
    let failed = |errno: Errno| Error::system(OPERATION, errno).to(Shown(name));
    resolver::set_host_name(name.as_bytes()).map_err(failed)
}

impl Lookup<'_> {
    /// Finds a host's IPv4 address: the first, where there are several.
    ///
    /// `""` is 0.0.0.0 and `"<broadcast>"` is 255.255.255.255, as in Python; these and numeric addresses are answered
    /// at once. IPv6 addresses are not found: use [`getaddrinfo`](Self::getaddrinfo). Source: Python's
    /// `socket.gethostbyname`. When the limit passes, the call ends with a timeout.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lookup = shotclock::Lookup::within(Duration::from_secs(5));
    /// assert_eq!(lookup.gethostbyname("localhost")?, std::net::Ipv4Addr::LOCALHOST);
    /// assert_eq!(lookup.gethostbyname("127.1")?, std::net::Ipv4Addr::LOCALHOST);
    /// assert_eq!(lookup.gethostbyname("")?, std::net::Ipv4Addr::UNSPECIFIED);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`getaddrinfo`](Self::getaddrinfo), with an `EAI_` code: the system's newer function is asked, as in CPython.
    pub fn gethostbyname(&self, host: &str) -> Result<Ipv4Addr> {
        const OPERATION: &str = "gethostbyname";
        match host {
            "" => return Ok(Ipv4Addr::UNSPECIFIED),
            "<broadcast>" => return Ok(Ipv4Addr::BROADCAST),
            _ => {}
        }
        let hints = AddressInfoHints { family: Family::INET, kind: Kind::STREAM, ..AddressInfoHints::default() };
        let found = self.address_info(OPERATION, Some(host), Service::None, &hints)?;
        let first = found.iter().find_map(|info| match &info.address {
            Address::V4(address) => Some(*address.ip()),
            _ => None,
        });
        first.ok_or_else(|| {
            let code = resolver::EAI_NONAME;
            let text = resolver::address_info_text(code);
            let code = LookupCode::AddressInfo(code);
            Error::new(OPERATION, Reason::Lookup { code, text, errno: None }).to(Shown(host))
        })
    }

    /// Finds a host's main name, its other names, and all its IPv4 addresses.
    ///
    /// Source: gethostbyname(3), Python's `socket.gethostbyname_ex`. A numeric address is answered at once, with
    /// itself. When the limit passes, the call ends with a timeout.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lookup = shotclock::Lookup::within(Duration::from_secs(5));
    /// assert!(lookup.gethostbyname_ex("localhost")?.addresses.contains(&[127, 0, 0, 1].into()));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// The resolver's, with an `h_errno` code and its text (`is_lookup()`); the limit; an empty name, and what
    /// [`getaddrinfo`](Self::getaddrinfo) says of bad names.
    pub fn gethostbyname_ex(&self, host: &str) -> Result<HostEntry> {
        const OPERATION: &str = "gethostbyname_ex";
        let name = not_empty(OPERATION, host)?;
        if let Some(address @ IpAddr::V4(_)) = name.numeric {
            return Ok(HostEntry { name: host.to_owned(), aliases: Vec::new(), addresses: vec![address] });
        }
        let request = Request::HostByName(name.to_c_string(OPERATION)?);
        self.ask(OPERATION, Shown(host), &request, entry)
    }

    /// Finds what is known of the host that has an address, IPv4 or IPv6. A name is first looked up for its address.
    ///
    /// Source: gethostbyaddr(3), Python's `socket.gethostbyaddr`. A numeric address needs a lookup here, since its name
    /// is what is asked for. A zone (`fe80::1%eth0`) is left out of the question. When the limit passes, which bounds
    /// both lookups together, the call ends with a timeout.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lookup = shotclock::Lookup::within(Duration::from_secs(5));
    /// assert_eq!(lookup.gethostbyaddr("127.0.0.1")?.addresses, [std::net::IpAddr::from([127, 0, 0, 1])]);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// The resolver's: with an `EAI_` code if the name has no address, with an `h_errno` code if the address has no
    /// name; the limit; an empty name, and what [`getaddrinfo`](Self::getaddrinfo) says of bad names.
    pub fn gethostbyaddr(&self, host: &str) -> Result<HostEntry> {
        const OPERATION: &str = "gethostbyaddr";
        let name = not_empty(OPERATION, host)?;
        let request = match name.numeric {
            Some(address) => Request::HostByAddress(address),
            None => Request::HostByAddressOf(name.to_c_string(OPERATION)?),
        };
        self.ask(OPERATION, Shown(host), &request, entry)
    }
}

fn not_empty<'h>(operation: &'static str, host: &'h str) -> Result<HostName<'h>> {
    if host.is_empty() {
        return Err(Error::invalid(operation, "the host name \"\" is empty"));
    }
    HostName::new(operation, host)
}

fn entry(answer: Answer) -> Option<HostEntry> {
    match answer {
        Answer::Host(HostRecord { name, aliases, addresses }) => {
            let aliases = aliases.iter().map(|alias| shown(alias)).collect();
            Some(HostEntry { name: shown(&name), aliases, addresses })
        }
        _ => None,
    }
}
