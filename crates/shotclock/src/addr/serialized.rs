//! Addresses as serde's text (feature `serde`), which says all there is in them: `127.0.0.1:8881`, `[fe80::1%2]:80`,
//! `unix:/run/echo`, `unix:@name`, `raw:2800..`.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use serde_core::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde_core::ser::{Serialize, Serializer};

use super::bytes::family_bytes;
use super::{Address, UnixAddress};
use crate::constant::Family;
use crate::sys::address::SockAddr;

const ADDRESS: &str =
    "an address such as 127.0.0.1:80, [::1]:80, unix:/run/echo, unix:@name or raw: and hexadecimal bytes";
const UNIX: &str = "a path, @ and an abstract name, or nothing; \\xNN is a byte";

/// As text: `127.0.0.1:8881`, `[fe80::1%2]:80`, `unix:` with what [`UnixAddress`] is, or `raw:` with the system's bytes in
/// hexadecimal digits, where there is no other text that says all (other families; IPv6 with flow information). With the
/// feature `serde`.
///
/// ```
/// use shotclock::{Address, UnixAddress};
/// let address = Address::from(([127, 0, 0, 1], 8881));
/// assert_eq!(serde_json::to_string(&address).unwrap(), "\"127.0.0.1:8881\"");
/// let local: Address = serde_json::from_str("\"unix:/run/echo\"").unwrap();
/// assert_eq!(local, UnixAddress::from_path("/run/echo")?.into());
/// # Ok::<(), shotclock::Error>(())
/// ```
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Text(self))
    }
}

/// What `Serialize` writes, and every text that std reads as a socket's address; the error names another one.
impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader { expected: ADDRESS, read: address })
    }
}

/// As text: the path, `@` and the abstract name, or nothing. A byte that is no text is `\xNN`, a backslash `\\`. With the
/// feature `serde`.
///
/// ```
/// use shotclock::UnixAddress;
/// let name = UnixAddress::from_abstract_name(b"echo\0two")?;
/// assert_eq!(serde_json::to_value(name).unwrap(), r"@echo\x00two");
/// # Ok::<(), shotclock::Error>(())
/// ```
impl Serialize for UnixAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Text(self))
    }
}

/// What `Serialize` writes; the error names another text, or one that is too long.
impl<'de> Deserialize<'de> for UnixAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader { expected: UNIX, read: unix_address })
    }
}

/// An address as serde's text.
struct Text<'a, A>(&'a A);

impl fmt::Display for Text<'_, Address> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Address::V4(address) => fmt::Display::fmt(address, f),
            Address::V6(address) if address.flowinfo() == 0 => fmt::Display::fmt(address, f),
            Address::Unix(address) => write!(f, "unix:{}", Text(address)),
            other => {
                f.write_str("raw:")?;
                other.to_sockaddr().as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Display for Text<'_, UnixAddress> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.content() {
            [0, name @ ..] => {
                f.write_char('@')?;
                write_bytes(f, name)
            }
            // The sign of an abstract name.
            [b'@', path @ ..] => {
                f.write_str("\\x40")?;
                write_bytes(f, path)
            }
            path => write_bytes(f, path),
        }
    }
}

fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(character))?,
                character => f.write_char(character)?,
            }
        }
        chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
    }
    Ok(())
}

fn address(text: &str) -> Option<Address> {
    if let Some(rest) = text.strip_prefix("unix:") {
        return unix_address(rest).map(Address::Unix);
    }
    if let Some(digits) = text.strip_prefix("raw:") {
        let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
        return SockAddr::new(&bytes?).map(Address::from);
    }
    text.parse::<SocketAddr>().ok().map(Address::from)
}

fn unix_address(text: &str) -> Option<UnixAddress> {
    if let Some(name) = text.strip_prefix('@') {
        return UnixAddress::from_abstract_name(bytes(name)?).ok();
    }
    let path = bytes(text).filter(|path| !path.contains(&0))?;
    UnixAddress::decode(&[&family_bytes(Family::UNIX)[..], &path].concat()).filter(|address| address.content() == path)
}

/// The bytes of a text with escapes.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => return Some(bytes),
            [b'\\', b'\\', after @ ..] => {
                bytes.push(b'\\');
                rest = after;
            }
            [b'\\', b'x', high, low, after @ ..] => {
                bytes.push(byte(&[*high, *low])?);
                rest = after;
            }
            [b'\\', ..] => return None,
            [plain, after @ ..] => {
                bytes.push(*plain);
                rest = after;
            }
        }
    }
}

/// The byte of two hexadecimal digits.
fn byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Reads a text; `None` of `read` is an error that names the text, and what was expected.
struct Reader<A> {
    expected: &'static str,
    read: fn(&str) -> Option<A>,
}

impl<A> Visitor<'_> for Reader<A> {
    type Value = A;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<A, E> {
        (self.read)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}
