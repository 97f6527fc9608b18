//! Peers that are off the clock.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use shotclock::{AddressInfoHints, Kind, Lookup};

/// How long the lookup of a name may take.
const LOOKUP: Duration = Duration::from_secs(10);

/// Which peers are off the clock: a host, a port, or both, written `HOST`, `:PORT` or `HOST:PORT`, an address of IPv6 with a
/// port in brackets. A name is looked up by the warden before the program starts, and stands for the addresses that it has
/// then.
///
/// ```
/// use shotclock_warden::Exemption;
///
/// let database: Exemption = "db.example:5432".parse()?;
/// assert_eq!(database.to_string(), "db.example:5432");
/// assert!("db.example:0".parse::<Exemption>().unwrap_err().contains("1 to 65535"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    host: Option<String>,
    port: Option<u16>,
}

impl FromStr for Exemption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = split(text);
        let port = match port {
            Some(port) => {
                let number = port.parse().ok().filter(|port| *port != 0);
                Some(number.ok_or_else(|| format!("expected a port of 1 to 65535 behind the colon, not '{port}'"))?)
            }
            None => None,
        };
        let host = Some(host.trim_start_matches('[').trim_end_matches(']')).filter(|host| !host.is_empty());
        if host.is_none() && port.is_none() {
            return Err("expected HOST, HOST:PORT or :PORT".to_owned());
        }
        Ok(Self { host: host.map(str::to_owned), port })
    }
}

/// An address of IPv6 without brackets has no port.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (Some(host), Some(port)) if host.contains(':') => write!(f, "[{host}]:{port}"),
            (host, Some(port)) => write!(f, "{}:{port}", host.as_deref().unwrap_or_default()),
            (host, None) => f.write_str(host.as_deref().unwrap_or_default()),
        }
    }
}

/// Peers by their addresses.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only wardens ask"))]
pub(crate) struct Peers {
    /// `None` stands for all.
    addresses: Option<Vec<IpAddr>>,
    port: Option<u16>,
}

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only wardens ask"))]
impl Peers {
    /// Looks the name up, if there is one.
    pub(crate) fn of(exemption: &Exemption) -> Result<Self, String> {
        let addresses = exemption.host.as_deref().map(look_up).transpose();
        let addresses = addresses.map_err(|why| format!("the address of {exemption}, which is to be exempt: {why}"))?;
        Ok(Self { addresses, port: exemption.port })
    }

    /// Whether this is one of them. An IPv4 address and its form in IPv6 are one.
    pub(crate) fn have(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        let among = |addresses: &Vec<IpAddr>| addresses.iter().any(|each| each.to_canonical() == address);
        self.addresses.as_ref().is_none_or(among) && self.port.is_none_or(|port| port == peer.port())
    }
}

fn look_up(host: &str) -> shotclock::Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let hints = AddressInfoHints { kind: Kind::STREAM, ..Default::default() };
    let found = Lookup::within(LOOKUP).getaddrinfo(host, 0, &hints)?;
    Ok(found.iter().filter_map(|info| Some(info.address.as_inet()?.ip())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemption(host: Option<&str>, port: Option<u16>) -> Exemption {
        Exemption { host: host.map(str::to_owned), port }
    }

    #[test]
    fn peers_are_read_and_written_or_refused() {
        for (text, host, port) in [
            ("db.example:5432", Some("db.example"), Some(5432)),
            ("db.example", Some("db.example"), None),
            (":22", None, Some(22)),
            ("[::1]:80", Some("::1"), Some(80)),
            ("::1", Some("::1"), None),
        ] {
            assert_eq!(text.parse(), Ok(exemption(host, port)));
            assert_eq!(exemption(host, port).to_string(), text);
        }
        assert_eq!("[::1]".parse(), Ok(exemption(Some("::1"), None)));
        for bad in ["", ":", "host:", "host:0", "host:65536", "host:http", ":-1"] {
            assert!(bad.parse::<Exemption>().unwrap_err().contains("expected"), "{bad}");
        }
    }

    #[test]
    fn names_stand_for_their_addresses() {
        let local = Peers::of(&exemption(Some("localhost"), Some(80))).unwrap();
        assert!(local.have("127.0.0.1:80".parse().unwrap()));
        assert!(local.have("[::ffff:127.0.0.1]:80".parse().unwrap()));
        assert!(!local.have("127.0.0.1:81".parse().unwrap()));
        assert!(!local.have("192.0.2.1:80".parse().unwrap()));
        let any_ssh = Peers::of(&exemption(None, Some(22))).unwrap();
        assert!(any_ssh.have("192.0.2.1:22".parse().unwrap()) && !any_ssh.have("192.0.2.1:23".parse().unwrap()));
        let all_of_it = Peers::of(&exemption(Some("::1"), None)).unwrap();
        assert!(all_of_it.have("[::1]:9".parse().unwrap()) && !all_of_it.have("[::2]:9".parse().unwrap()));
    }

    #[test]
    fn a_name_without_address_is_named() {
        let why = Peers::of(&exemption(Some("no such name"), Some(1))).unwrap_err();
        assert!(why.contains("no such name:1"), "{why}");
    }
}
