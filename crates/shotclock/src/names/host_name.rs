//! Host names as they are handed to the system: checked, in ASCII, and told from numeric addresses.

use std::borrow::Cow;
use std::ffi::CString;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv6Addr};

use super::idna;
use crate::error::{Error, Result};
use crate::order::inet_aton;

/// The longest host name in bytes, as getnameinfo(3) has it (`NI_MAXHOST`, which counts a NUL). DNS allows 253.
pub(super) const LONGEST: usize = 1024;

/// A host name that may be handed to the system.
pub(super) struct HostName<'h> {
    pub(super) text: Cow<'h, str>,
    /// The address that the name spells out, if it is a numeric one.
    pub(super) numeric: Option<IpAddr>,
}

impl<'h> HostName<'h> {
    /// Checks the name, and converts it to ASCII.
    ///
    /// # Errors
    /// A NUL in it, more than [`LONGEST`] bytes, or letters beyond ASCII that cannot be converted.
    pub(super) fn new(operation: &'static str, host: &'h str) -> Result<Self> {
        if host.len() > LONGEST {
            let (shown, len) = (Shown(host), host.len());
            let text = format!("the host name {shown} has {len} bytes: at most {LONGEST} are allowed");
            return Err(Error::invalid(operation, text));
        }
        let text = if host.is_ascii() { Cow::Borrowed(host) } else { Cow::Owned(idna::to_ascii(operation, host)?) };
        if text.contains('\0') {
            return Err(Error::invalid(operation, format!("the host name {host:?} contains a NUL character")));
        }
        let numeric = numeric(&text);
        Ok(Self { text, numeric })
    }

    pub(super) fn to_c_string(&self, operation: &'static str) -> Result<CString> {
        c_string(operation, "host name", &self.text)
    }
}

/// The address that a host name spells out: `inet_aton`'s forms of IPv4, `inet_pton`'s of IPv6, with or without a zone.
pub(super) fn numeric(host: &str) -> Option<IpAddr> {
    // inet_aton lets anything follow white space; a resolver takes that for a name.
    if host.contains(|letter: char| letter.is_whitespace()) {
        return None;
    }
    let without_zone = host.split_once('%').map_or(host, |(address, _zone)| address);
    let v6 = || without_zone.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    inet_aton(host).ok().map(IpAddr::V4).or_else(v6)
}

/// A host name in an error: on one line, and not too long.
pub(super) struct Shown<'h>(pub(super) &'h str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: usize = 253;
        for letter in self.0.chars().take(LETTERS) {
            if letter.is_control() { write!(f, "{}", letter.escape_default())? } else { f.write_char(letter)? }
        }
        if self.0.chars().nth(LETTERS).is_some() { f.write_str("...") } else { Ok(()) }
    }
}

/// A name for the system; one with a NUL in it is an error that shows the name.
pub(super) fn c_string(operation: &'static str, what: &str, text: &str) -> Result<CString> {
    let refused = |_| Error::invalid(operation, format!("the {what} {text:?} contains a NUL character"));
    CString::new(text).map_err(refused)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn numeric_forms_are_told_from_names() {
        let localhost = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for spelling in ["127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433"] {
            assert_eq!(numeric(spelling), localhost, "{spelling}");
        }
        assert_eq!(numeric("::1"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(numeric("fe80::1%eth0"), Some("fe80::1".parse().unwrap()));
        for name in ["localhost", "1.2.3.4.5", "256.1.1.1", "127.0.0.1 x", "1.2.3.4%eth0", "::g", "", "%", "a.1"] {
            assert_eq!(numeric(name), None, "{name}");
        }
    }

    #[test]
    fn bad_names_are_named() {
        let refused = |host: &str| HostName::new("getaddrinfo", host).map(drop).unwrap_err().to_string();
        assert!(refused("a\0b").contains(r#""a\0b""#));
        let long = refused(&"x".repeat(2000));
        assert!(long.contains("2000 bytes") && long.contains("xxx...") && long.len() < 500, "{long}");
        assert!(HostName::new("getaddrinfo", &"x".repeat(LONGEST)).is_ok());
    }

    #[test]
    fn names_are_shown_on_one_line() {
        assert_eq!(Shown("a\nb\0\u{1b}c").to_string(), "a\\nb\\u{0}\\u{1b}c");
        assert_eq!(Shown("example.org").to_string(), "example.org");
    }
}
