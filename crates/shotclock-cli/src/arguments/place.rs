//! Where to: ports by number or name, hosts with a port behind them, paths of local sockets.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use shotclock::{Error, Lookup, UnixAddress};

/// What stands before the path of a local socket.
const UNIX: &str = "unix:";
const NAMES_HINT: &str = "or a service's name, such as http";

/// A port, or the name of the service that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Number(u16),
    Service(String),
}

impl Port {
    /// Its number, looked up in the system's list of services if it is a name.
    pub(crate) fn number(&self, protocol: &str, lookup: &Lookup<'_>) -> Result<u16, Error> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Service(name) => lookup.getservbyname(name, Some(protocol)),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Service(name) => name.fmt(f),
        }
    }
}

/// A port to connect to.
pub(crate) fn port(text: &str) -> Result<Port, String> {
    read_port(text, 1)
}

/// A port to listen on, which may be left to the system.
pub(crate) fn listening_port(text: &str) -> Result<Port, String> {
    read_port(text, 0)
}

fn read_port(text: &str, least: u16) -> Result<Port, String> {
    let expected = format!("expected a port from {least} to 65535, {NAMES_HINT}");
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = text.parse::<u16>().ok().filter(|number| *number >= least);
        return number.map(Port::Number).ok_or_else(|| format!("there is no such port: {expected}"));
    }
    // Names of services: letters, digits, dashes and a few others; the system knows which there are.
    let is_name = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if is_name && !text.contains(|other: char| other.is_whitespace() || matches!(other, ':' | '/' | '.')) {
        return Ok(Port::Service(text.to_owned()));
    }
    Err(expected)
}

/// Where a server is, or listens, as far as one word says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A host, and its port if that was said too.
    Host { host: String, port: Option<Port> },
    /// A local socket.
    Local(UnixAddress),
}

impl Place {
    /// A local socket by its path, or by its abstract name after an `@`.
    pub(crate) fn local(path: &str) -> Result<Self, String> {
        let address = match path.strip_prefix('@') {
            Some(name) => UnixAddress::from_abstract_name(name),
            None => UnixAddress::from_path(path),
        };
        address.map(Self::Local).map_err(|error| error.to_string())
    }
}

/// `HOST`, `HOST:PORT`, `[IPV6]:PORT`, an IPv6 address, `:PORT`, or `unix:PATH`.
impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(UNIX) {
            return Self::local(path);
        }
        if text.contains('/') {
            return Err("expected HOST, HOST:PORT or [IPV6]:PORT, and no more of an address on the web".to_owned());
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("if that is a port it has a host, or a colon, before it: localhost:{text}, :{text}"));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']').ok_or("expected a ] after the address")?;
                match rest.strip_prefix(':') {
                    None if rest.is_empty() => (host, None),
                    None => return Err("expected [IPV6] or [IPV6]:PORT".to_owned()),
                    port => (host, port),
                }
            }
            None => match text.split_once(':') {
                // More than one colon is an IPv6 address.
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                Some(_) if !is_ipv6(text) => {
                    return Err(
                        "expected one colon before a port, or an IPv6 address, with a port as [IPV6]:PORT".to_owned()
                    );
                }
                _ => (text, None),
            },
        };
        Ok(Self::Host { host: host.to_owned(), port: port.map(listening_port).transpose()? })
    }
}

/// Whether it is an IPv6 address, with a scope or without.
fn is_ipv6(text: &str) -> bool {
    text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host: &str, port: Option<Port>) -> Place {
        Place::Host { host: host.to_owned(), port }
    }

    #[test]
    fn ports_are_numbers_in_range_or_names() {
        assert_eq!(port("8881"), Ok(Port::Number(8881)));
        assert_eq!(listening_port("0"), Ok(Port::Number(0)));
        assert_eq!(port("http"), Ok(Port::Service("http".to_owned())));
        assert_eq!(port("3com-tsmux"), Ok(Port::Service("3com-tsmux".to_owned())));
        for bad in ["99999", "0", "-1"] {
            let error = port(bad).unwrap_err();
            assert!(
                error.starts_with("there is no such port: expected a port from 1 to 65535, or a"),
                "{bad}: {error}"
            );
        }
        for bad in ["", "two words", "a:b", "8.8", "/etc", "-http"] {
            assert!(port(bad).unwrap_err().starts_with("expected a port from 1"), "{bad}");
        }
    }

    #[test]
    fn a_port_may_stand_behind_its_host() {
        let number = |number| Some(Port::Number(number));
        for (text, expected) in [
            ("localhost", host("localhost", None)),
            ("localhost:80", host("localhost", number(80))),
            ("localhost:http", host("localhost", Some(Port::Service("http".to_owned())))),
            ("::1", host("::1", None)),
            ("fe80::1%lo", host("fe80::1%lo", None)),
            ("[::1]", host("::1", None)),
            ("[::1]:80", host("::1", number(80))),
            ("[fe80::1%lo]:80", host("fe80::1%lo", number(80))),
            (":80", host("", number(80))),
            ("", host("", None)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for bad in ["localhost:", "localhost:99999", "[::1", "[::1]80", "a:b c", "http://x/", "a:80:80"] {
            assert!(bad.parse::<Place>().unwrap_err().contains("expected"), "{bad}");
        }
    }

    #[test]
    fn a_port_alone_is_told_what_it_lacks() {
        assert!("8881".parse::<Place>().unwrap_err().ends_with("localhost:8881, :8881"));
    }

    #[test]
    fn local_sockets_have_paths_or_abstract_names() {
        let path = UnixAddress::from_path("/run/echo").unwrap();
        assert_eq!("unix:/run/echo".parse(), Ok(Place::Local(path)));
        let name = UnixAddress::from_abstract_name("echo").unwrap();
        assert_eq!("unix:@echo".parse(), Ok(Place::Local(name)));
        assert!("unix:".parse::<Place>().unwrap_err().contains("expected a path"));
        assert!(format!("unix:{}", "x".repeat(108)).parse::<Place>().unwrap_err().contains("107"));
    }
}
