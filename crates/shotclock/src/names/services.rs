//! Services and protocols by name and number.

use std::ffi::CString;

use super::Lookup;
use super::host_name::{Shown, c_string};
use super::request::{Answer, Request};
use crate::constant::Protocol;
use crate::error::Result;
use crate::sys::resolver::shown;

/// Finds a service's port, without a limit: see [`Lookup::getservbyname`].
///
/// ```
/// assert_eq!(shotclock::getservbyname("http", Some("tcp"))?, 80);
/// assert!(shotclock::getservbyname("no such service", None).is_err());
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::getservbyname`], but for the limit.
pub fn getservbyname(name: &str, protocol: Option<&str>) -> Result<u16> {
    Lookup::new().getservbyname(name, protocol)
}

/// Finds the name of the service on a port, without a limit: see [`Lookup::getservbyport`].
///
/// ```
/// assert_eq!(shotclock::getservbyport(80, Some("tcp"))?, "http");
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::getservbyport`], but for the limit.
pub fn getservbyport(port: u16, protocol: Option<&str>) -> Result<String> {
    Lookup::new().getservbyport(port, protocol)
}

/// Finds a protocol's number, without a limit: see [`Lookup::getprotobyname`].
///
/// ```
/// assert_eq!(shotclock::getprotobyname("tcp")?, shotclock::Protocol::TCP);
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// # Errors
/// As [`Lookup::getprotobyname`], but for the limit.
pub fn getprotobyname(name: &str) -> Result<Protocol> {
    Lookup::new().getprotobyname(name)
}

impl Lookup<'_> {
    /// Finds a service's port, 0 to 65535, by its name and protocol (`"tcp"`, `"udp"`; `None` for any).
    ///
    /// Source: getservbyname(3), services(5), Python's `socket.getservbyname`. These names usually come from a file,
    /// but nsswitch.conf(5) may send them over the network; when the limit passes, the call ends with a timeout.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lookup = shotclock::Lookup::within(Duration::from_secs(5));
    /// assert_eq!(lookup.getservbyname("domain", Some("udp"))?, 53);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// Kind `NotFound`, with service and protocol in its text, for a service that is not known; a NUL in a name; the
    /// limit; the system's.
    pub fn getservbyname(&self, name: &str, protocol: Option<&str>) -> Result<u16> {
        const OPERATION: &str = "getservbyname";
        let request =
            Request::Service { name: c_string(OPERATION, "service", name)?, protocol: known_as(OPERATION, protocol)? };
        self.ask(OPERATION, Shown(name), &request, |answer| number(&answer).and_then(|port| port.try_into().ok()))
    }

    /// Finds the name of the service on a port, by its protocol (`"tcp"`, `"udp"`; `None` for any).
    ///
    /// Source: getservbyport(3), Python's `socket.getservbyport`. When the limit passes, the call ends with a timeout.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lookup = shotclock::Lookup::within(Duration::from_secs(5));
    /// assert_eq!(lookup.getservbyport(53, Some("udp"))?, "domain");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`getservbyname`](Self::getservbyname).
    pub fn getservbyport(&self, port: u16, protocol: Option<&str>) -> Result<String> {
        const OPERATION: &str = "getservbyport";
        let request = Request::Port { number: port, protocol: known_as(OPERATION, protocol)? };
        self.ask(OPERATION, port, &request, |answer| match answer {
            Answer::Name(name) => Some(shown(&name)),
            _ => None,
        })
    }

    /// Finds a protocol's number by its name.
    ///
    /// Source: getprotobyname(3), protocols(5), Python's `socket.getprotobyname`. When the limit passes, the call ends
    /// with a timeout.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lookup = shotclock::Lookup::within(Duration::from_secs(5));
    /// assert_eq!(lookup.getprotobyname("udp")?, shotclock::Protocol::UDP);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`getservbyname`](Self::getservbyname).
    pub fn getprotobyname(&self, name: &str) -> Result<Protocol> {
        const OPERATION: &str = "getprotobyname";
        let request = Request::Protocol(c_string(OPERATION, "protocol", name)?);
        self.ask(OPERATION, Shown(name), &request, |answer| number(&answer).map(Protocol))
    }
}

fn known_as(operation: &'static str, protocol: Option<&str>) -> Result<Option<CString>> {
    protocol.map(|protocol| c_string(operation, "protocol", protocol)).transpose()
}

fn number(answer: &Answer) -> Option<i32> {
    match answer {
        Answer::Number(number) => Some(*number),
        _ => None,
    }
}
