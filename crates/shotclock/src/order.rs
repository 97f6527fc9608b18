//! Byte order, addresses as text, and the sizes of control messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::constant::Family;
use crate::error::{Error, Result};
use crate::sys::message::{ALIGNMENT, HEADER};

/// A 16-bit number of this machine in network byte order. Source: byteorder(3).
///
/// ```
/// assert_eq!(shotclock::htons(80).to_ne_bytes(), [0, 80]);
/// ```
#[must_use]
pub const fn htons(number: u16) -> u16 {
    number.to_be()
}

/// A 32-bit number of this machine in network byte order. Source: byteorder(3).
///
/// ```
/// assert_eq!(shotclock::htonl(0x7f00_0001).to_ne_bytes(), [127, 0, 0, 1]);
/// ```
#[must_use]
pub const fn htonl(number: u32) -> u32 {
    number.to_be()
}

/// A 16-bit number from the network in this machine's byte order. Source: byteorder(3).
///
/// ```
/// assert_eq!(shotclock::ntohs(u16::from_ne_bytes([0, 80])), 80);
/// ```
#[must_use]
pub const fn ntohs(number: u16) -> u16 {
    u16::from_be(number)
}

/// A 32-bit number from the network in this machine's byte order. Source: byteorder(3).
///
/// ```
/// assert_eq!(shotclock::ntohl(u32::from_ne_bytes([127, 0, 0, 1])), 0x7f00_0001);
/// ```
#[must_use]
pub const fn ntohl(number: u32) -> u32 {
    u32::from_be(number)
}

/// The IPv4 address written as one to four numbers joined by dots.
///
/// A number is decimal, octal after `0`, or hexadecimal after `0x`. All but the last are one byte each; the last
/// fills the bytes that are left. Source: inet_aton(3), Python's `socket.inet_aton`.
///
/// Python, being glibc's function there, also takes white space and then anything at all after the address. Here
/// nothing may follow it.
///
/// # Errors
/// Anything else is refused by an error that names the text. No name is looked up.
///
/// ```
/// use shotclock::inet_aton;
/// use std::net::Ipv4Addr;
///
/// assert_eq!(inet_aton("192.168.0.1")?, Ipv4Addr::new(192, 168, 0, 1));
/// assert_eq!(inet_aton("127.1")?, Ipv4Addr::LOCALHOST);
/// assert_eq!(inet_aton("0x7f000001")?, Ipv4Addr::LOCALHOST);
/// assert_eq!(inet_aton("017.1")?, Ipv4Addr::new(15, 0, 0, 1));
/// assert!(inet_aton("1.2.3.4.5").unwrap_err().to_string().contains("1.2.3.4.5"));
/// assert!(inet_aton("127.0.0.1 or so").is_err());
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn inet_aton(text: &str) -> Result<Ipv4Addr> {
    parse_classic(text).ok_or_else(|| {
        Error::invalid(
            "inet_aton",
            format!(
                "{text:?}: expected an IPv4 address: one to four numbers (decimal, octal from 0, hexadecimal from 0x) \
                 joined by dots, of one byte each but the last, which fills the rest"
            ),
        )
    })
}

/// The address as four decimal numbers joined by dots. Source: inet_ntoa(3), Python's `socket.inet_ntoa`.
///
/// ```
/// assert_eq!(shotclock::inet_ntoa([127, 0, 0, 1].into()), "127.0.0.1");
/// ```
#[must_use]
pub fn inet_ntoa(address: Ipv4Addr) -> String {
    address.to_string()
}

/// The address that `text` writes in the family's standard form. Source: inet_pton(3), Python's `socket.inet_pton`.
///
/// IPv4 is four decimal numbers without leading zeros; the shorter forms are [`inet_aton`]'s. IPv6 has no `%scope`.
///
/// # Errors
/// An error names the text that is no such address, or the family that is neither [`Family::INET`] nor
/// [`Family::INET6`].
///
/// ```
/// use shotclock::{Family, inet_pton};
/// use std::net::Ipv6Addr;
///
/// assert_eq!(inet_pton(Family::INET6, "::1")?, Ipv6Addr::LOCALHOST);
/// assert!(inet_pton(Family::INET, "::1").unwrap_err().to_string().contains("::1"));
/// assert!(inet_pton(Family::UNIX, "::1").unwrap_err().to_string().contains("AF_UNIX"));
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn inet_pton(family: Family, text: &str) -> Result<IpAddr> {
    let (parsed, expected) = match family {
        Family::INET => (text.parse().ok().map(IpAddr::V4), "an IPv4 address such as 127.0.0.1"),
        Family::INET6 => (text.parse().ok().map(IpAddr::V6), "an IPv6 address such as ::1"),
        _ => return Err(unknown_family("inet_pton", family)),
    };
    parsed.ok_or_else(|| Error::invalid("inet_pton", format!("{text:?}: expected {expected}")))
}

/// The text of an address given as its bytes in network order, 4 or 16 of them.
///
/// Addresses `::ffff:1.2.3.4` and `::1.2.3.4` end in an IPv4 address, as the system writes them (std's `Display`
/// does so for the first only). Source: inet_ntop(3), Python's `socket.inet_ntop`.
///
/// # Errors
/// An error names a number of bytes that is not the family's, or the family that is neither [`Family::INET`] nor
/// [`Family::INET6`].
///
/// ```
/// use shotclock::{Family, inet_ntop};
///
/// assert_eq!(inet_ntop(Family::INET, &[127, 0, 0, 1])?, "127.0.0.1");
/// assert_eq!(inet_ntop(Family::INET6, &[0; 16])?, "::");
/// let error = inet_ntop(Family::INET6, &[127, 0, 0, 1]).unwrap_err();
/// assert_eq!(error.to_string(), "inet_ntop: 4 bytes: expected the 16 of an AF_INET6 address");
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn inet_ntop(family: Family, bytes: &[u8]) -> Result<String> {
    match family {
        Family::INET => Ok(sized::<4>(family, bytes).map(Ipv4Addr::from)?.to_string()),
        Family::INET6 => Ok(v6_text(sized::<16>(family, bytes)?.into())),
        _ => Err(unknown_family("inet_ntop", family)),
    }
}

/// The bytes of one control message with `length` bytes of data, without padding after it.
///
/// It is the length to give for the last, or only, message to receive. Source: cmsg(3), Python's `socket.CMSG_LEN`.
///
/// # Errors
/// A total of more than 2 147 483 647 bytes is refused by an error that names `length`.
///
/// ```
/// let header = shotclock::cmsg_len(0)?;
/// assert_eq!(shotclock::cmsg_len(5)?, header + 5);
/// assert!(shotclock::cmsg_len(usize::MAX).is_err());
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias = "CMSG_LEN")]
pub fn cmsg_len(length: usize) -> Result<usize> {
    let most = CONTROL_LIMIT - HEADER;
    if length > most {
        return Err(Error::invalid("cmsg_len", format!("{length}: expected 0 to {most} bytes of data")));
    }
    Ok(HEADER + length)
}

/// The bytes one control message with `length` bytes of data takes in a buffer, padding included.
///
/// The sum over several messages is the size of a buffer that holds them all; [`ControlMessage`](crate::ControlMessage) says
/// how long each kind is. Source: cmsg(3), Python's
/// `socket.CMSG_SPACE`.
///
/// # Errors
/// A total of more than 2 147 483 647 bytes is refused by an error that names `length`.
///
/// ```
/// use shotclock::{cmsg_len, cmsg_space};
///
/// assert!(cmsg_space(5)? > cmsg_len(5)?);
/// assert_eq!(cmsg_space(5)? % size_of::<usize>(), 0);
/// assert!(cmsg_space(usize::MAX).is_err());
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias = "CMSG_SPACE")]
pub fn cmsg_space(length: usize) -> Result<usize> {
    let most = CONTROL_LIMIT - HEADER - ALIGNMENT;
    if length > most {
        return Err(Error::invalid("cmsg_space", format!("{length}: expected 0 to {most} bytes of data")));
    }
    Ok(HEADER + length.next_multiple_of(ALIGNMENT))
}

fn parse_classic(text: &str) -> Option<Ipv4Addr> {
    let mut parts = text.split('.');
    let mut last = classic_number(parts.next()?)?;
    let (mut leading, mut count) = (0_u32, 0_u32);
    for part in parts {
        if count == 3 || last > 0xff {
            return None;
        }
        leading = leading << 8 | last;
        count += 1;
        last = classic_number(part)?;
    }
    let free_bits = 32 - 8 * count;
    if u64::from(last) >> free_bits != 0 {
        return None;
    }
    // In 64 bits, for a shift by all 32 would overflow.
    let high = u64::from(leading) << free_bits;
    u32::try_from(high | u64::from(last)).ok().map(Ipv4Addr::from)
}

/// One number as C writes it: it starts with a digit and has no sign.
fn classic_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` would take a plus sign.
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

fn sized<const N: usize>(family: Family, bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| {
        Error::invalid("inet_ntop", format!("{} bytes: expected the {N} of an {family} address", bytes.len()))
    })
}

fn v6_text(address: Ipv6Addr) -> String {
    match address.segments() {
        // The system's rule: all but the last 32 bits are zero, and they begin with a number.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            format!("::{}", Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => address.to_string(),
    }
}

fn unknown_family(operation: &'static str, family: Family) -> Error {
    Error::invalid(operation, format!("{family}: expected AF_INET or AF_INET6"))
}

/// The most bytes of control messages that every system call can tell, as in Python.
const CONTROL_LIMIT: usize = 0x7fff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_change_order_both_ways() {
        assert_eq!(htons(0x1234).to_ne_bytes(), [0x12, 0x34]);
        assert_eq!(htonl(0x1234_5678).to_ne_bytes(), [0x12, 0x34, 0x56, 0x78]);
        assert_eq!(ntohs(htons(u16::MAX - 1)), u16::MAX - 1);
        assert_eq!(ntohl(htonl(u32::MAX - 1)), u32::MAX - 1);
    }

    #[test]
    fn classic_forms_are_read() {
        for (text, address) in [
            ("0", [0, 0, 0, 0]),
            ("1", [0, 0, 0, 1]),
            ("1.2", [1, 0, 0, 2]),
            ("1.2.3", [1, 2, 0, 3]),
            ("1.2.3.4", [1, 2, 3, 4]),
            ("0x7f.1", [127, 0, 0, 1]),
            ("0X7F.0xff", [127, 0, 0, 255]),
            ("017.1", [15, 0, 0, 1]),
            ("00000000000017.1", [15, 0, 0, 1]),
            ("4294967295", [255, 255, 255, 255]),
            ("1.16777215", [1, 255, 255, 255]),
            ("1.2.65535", [1, 2, 255, 255]),
            ("255.255.255.255", [255, 255, 255, 255]),
        ] {
            assert_eq!(inet_aton(text).unwrap(), Ipv4Addr::from(address), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused_by_name() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4.",
            "1.2.3.4.5",
            "256.1",
            "1.16777216",
            "1.2.65536",
            "1.2.3.256",
            "4294967296",
            "99999999999999999999999",
            "08",
            "0x",
            "0xg",
            "0b1",
            "+1",
            "-1",
            "0x+1",
            "0+1",
            "1.+2",
            " 1",
            "1 ",
            "1.2.3.4 x",
            "1.2.3.4\n",
            "1\0",
            "a",
            "localhost",
            "::1",
            "١",
            "1٢",
            "0é",
        ] {
            let error = inet_aton(text).unwrap_err();
            assert!(error.to_string().starts_with(&format!("inet_aton: {text:?}: expected ")), "{error}");
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn v6_text_ends_in_v4_where_the_system_does_so() {
        for text in ["::", "::1", "::ffff", "::1.2.3.4", "::ffff:1.2.3.4", "1::", "0:0:1::", "fe80::1:0:0:1", "::1:0:0"]
        {
            let address: Ipv6Addr = text.parse().unwrap();
            assert_eq!(inet_ntop(Family::INET6, &address.octets()).unwrap(), text);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn families_and_lengths_are_named() {
        let error = inet_ntop(Family::NETLINK, &[]).unwrap_err();
        assert_eq!(error.to_string(), "inet_ntop: AF_NETLINK: expected AF_INET or AF_INET6");
        let error = inet_ntop(Family::INET, &[0; 5]).unwrap_err();
        assert_eq!(error.to_string(), "inet_ntop: 5 bytes: expected the 4 of an AF_INET address");
        for (family, text) in [
            (Family::INET, "127.1"),
            (Family::INET, "01.2.3.4"),
            (Family::INET6, "127.0.0.1"),
            (Family::INET6, "fe80::1%lo"),
            (Family::INET6, "::1\0"),
            (Family::INET6, ""),
        ] {
            let error = inet_pton(family, text).unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn control_sizes_end_where_python_ends_them() {
        let last = CONTROL_LIMIT - cmsg_len(0).unwrap();
        assert_eq!(cmsg_len(last).unwrap(), CONTROL_LIMIT);
        assert!(cmsg_len(last + 1).unwrap_err().to_string().contains(&(last + 1).to_string()));
        let last = CONTROL_LIMIT - cmsg_space(1).unwrap();
        assert!(cmsg_space(last).unwrap() <= CONTROL_LIMIT);
        assert!(cmsg_space(last + 1).unwrap_err().to_string().contains(&(last + 1).to_string()));
    }
}
