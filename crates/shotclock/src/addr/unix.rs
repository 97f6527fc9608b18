//! Addresses of local sockets: `sockaddr_un`, unix(7).

use std::fmt;
use std::path::Path;

use super::bytes::{family_bytes, write_escaped};
use crate::constant::Family;
use crate::error::{Error, Result};
use crate::sys::address::SockAddr;
use crate::sys::text;

/// The address of a local socket: a path, an abstract name, or none. Source: unix(7).
///
/// Python has a `str` for a path and for no name (`''`), and `bytes` that begin with a NUL for an abstract name.
///
/// ```
/// use shotclock::UnixAddress;
/// use std::path::Path;
///
/// let path = UnixAddress::from_path("/run/echo")?;
/// assert_eq!(path.as_path(), Some(Path::new("/run/echo")));
///
/// let name = UnixAddress::from_abstract_name(b"echo\0two")?;
/// assert_eq!(name.as_abstract_name(), Some(&b"echo\0two"[..]));
/// assert_eq!(name.to_string(), r"@echo\x00two");
///
/// assert!(UnixAddress::UNNAMED.is_unnamed());
/// assert_eq!(UnixAddress::UNNAMED.to_string(), "(unnamed)");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnixAddress {
    // `sun_path` without a path's closing NUL: nothing, NUL and an abstract name, or a path. The rest is zero, so that
    // equal addresses are equal values.
    storage: [u8; Self::CAPACITY],
    length: u8,
}

impl UnixAddress {
    /// No name: a socket that was not bound. To bind to it is to have the system pick an abstract name.
    ///
    /// ```
    /// assert_eq!(shotclock::UnixAddress::UNNAMED.as_path(), None);
    /// ```
    pub const UNNAMED: Self = Self { storage: [0; Self::CAPACITY], length: 0 };

    /// The length of `sun_path`. Source: unix(7), and unix(4) of FreeBSD and macOS.
    const CAPACITY: usize = if cfg!(any(target_os = "macos", target_os = "freebsd")) { 104 } else { 108 };

    /// The address of a path, 1 to 107 bytes; on macOS and FreeBSD 103. The path need not exist; relative ones are taken from the working
    /// directory when the system sees them.
    ///
    /// Linux could bind 108 bytes; Python does not, for the closing NUL would not fit and other programs stumble over
    /// that. Such an address is only ever received.
    ///
    /// # Errors
    /// A longer path, an empty one ([`UNNAMED`](Self::UNNAMED) says that), or a NUL in it; the error names the path.
    ///
    /// ```
    /// use shotclock::UnixAddress;
    ///
    /// assert!(UnixAddress::from_path("x".repeat(107)).is_ok());
    /// let error = UnixAddress::from_path("x".repeat(108)).unwrap_err();
    /// assert!(error.to_string().contains("108 bytes: expected at most 107"));
    /// assert!(UnixAddress::from_path("a\0b").is_err());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "from_pathname")]
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = text::as_bytes(path.as_os_str());
        let most = Self::CAPACITY - 1;
        let problem = if bytes.is_empty() {
            format!("{path:?}: expected a path of 1 to {most} bytes; a socket without a name is UNNAMED")
        } else if bytes.contains(&0) {
            format!("{path:?}: expected a path without NUL")
        } else if bytes.len() > most {
            format!("{path:?} of {} bytes: expected at most {most}", bytes.len())
        } else {
            return Ok(Self::joined(&[], bytes));
        };
        Err(Error::invalid("from_path", problem))
    }

    /// The address of an abstract name, 0 to 107 bytes of any value; the NUL that marks it is not part of the name.
    ///
    /// An abstract name belongs to no file and goes away with its socket; it counts to the last byte. Linux alone has such
    /// names.
    ///
    /// # Errors
    /// A longer name; the error names it and its length. Any name, on other systems.
    ///
    /// ```
    /// use shotclock::UnixAddress;
    ///
    /// assert!(UnixAddress::from_abstract_name([0xff; 107]).is_ok());
    /// let error = UnixAddress::from_abstract_name([b'x'; 108]).unwrap_err();
    /// assert!(error.to_string().contains("108 bytes: expected at most 107"));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn from_abstract_name(name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        let most = Self::CAPACITY - 1;
        if !HAS_ABSTRACT_NAMES {
            let text = format!("\"{}\": expected a path; this system has no abstract names", name.escape_ascii());
            return Err(Error::invalid("from_abstract_name", text));
        }
        if name.len() > most {
            let text = format!("\"{}\" of {} bytes: expected at most {most}", name.escape_ascii(), name.len());
            return Err(Error::invalid("from_abstract_name", text));
        }
        Ok(Self::joined(&[0], name))
    }

    /// The path, if this is one. It may be 108 bytes long if another program bound it.
    ///
    /// ```
    /// use shotclock::UnixAddress;
    ///
    /// assert_eq!(UnixAddress::from_path("a")?.as_path(), Some("a".as_ref()));
    /// assert_eq!(UnixAddress::from_abstract_name("a")?.as_path(), None);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "as_pathname")]
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        match self.content() {
            [] | [0, ..] => None,
            path => Some(Path::new(text::from_bytes(path))),
        }
    }

    /// The abstract name without its leading NUL, if this is one.
    ///
    /// ```
    /// use shotclock::UnixAddress;
    ///
    /// assert_eq!(UnixAddress::from_abstract_name("a")?.as_abstract_name(), Some(&b"a"[..]));
    /// assert_eq!(UnixAddress::from_path("a")?.as_abstract_name(), None);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match self.content() {
            [0, name @ ..] => Some(name),
            _ => None,
        }
    }

    /// Whether there is no name.
    ///
    /// ```
    /// use shotclock::UnixAddress;
    ///
    /// assert!(UnixAddress::UNNAMED.is_unnamed());
    /// assert!(!UnixAddress::from_abstract_name("")?.is_unnamed());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub const fn is_unnamed(&self) -> bool {
        self.length == 0
    }

    /// A path is closed by a NUL where there is room for it; an abstract name ends with the address.
    pub(super) fn encode(&self) -> SockAddr {
        let mut bytes = [0; HEADER + Self::CAPACITY];
        bytes[..HEADER].copy_from_slice(&family_bytes(Family::UNIX));
        bytes[HEADER..].copy_from_slice(&self.storage);
        let closing = usize::from(self.as_path().is_some());
        SockAddr::from_prefix(&bytes, HEADER + usize::from(self.length) + closing)
    }

    /// The system closes a path of 108 bytes with a NUL past the end of `sun_path`: 109 bytes are possible.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let content = bytes.get(HEADER..)?;
        if content.len() > Self::CAPACITY + 1 {
            return None;
        }
        let length = match content {
            [0, ..] if HAS_ABSTRACT_NAMES => content.len(),
            path => path.iter().position(|byte| *byte == 0).unwrap_or(path.len()),
        };
        (length <= Self::CAPACITY).then(|| Self::joined(&[], &content[..length]))
    }

    /// Callers have made sure that both parts fit; what did not would be cut.
    pub(super) fn joined(mark: &[u8], name: &[u8]) -> Self {
        let mut address = Self::UNNAMED;
        for (place, byte) in address.storage.iter_mut().zip(mark.iter().chain(name)) {
            *place = *byte;
            address.length += 1;
        }
        address
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.storage[..usize::from(self.length)]
    }
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content() {
            [] => f.write_str("(unnamed)"),
            [0, name @ ..] => {
                f.write_str("@")?;
                write_escaped(f, name)
            }
            path => write_escaped(f, path),
        }
    }
}

impl fmt::Debug for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixAddress({self})")
    }
}

/// The family's bytes come before `sun_path`.
const HEADER: usize = 2;

/// Elsewhere a path that begins with a NUL is no name, and what the system gives for one.
const HAS_ABSTRACT_NAMES: bool = cfg!(target_os = "linux");

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::SocketAddr as StdAddress;

    use super::*;

    fn decode(content: &[u8]) -> Option<UnixAddress> {
        UnixAddress::decode(&[&family_bytes(Family::UNIX)[..], content].concat())
    }

    fn encoded(address: UnixAddress) -> Vec<u8> {
        address.encode().as_bytes()[HEADER..].to_vec()
    }

    #[test]
    fn lengths_follow_the_manual() {
        assert_eq!(encoded(UnixAddress::UNNAMED), b"");
        assert_eq!(encoded(UnixAddress::from_path("/a").unwrap()), b"/a\0");
        assert_eq!(encoded(UnixAddress::from_abstract_name("a\0").unwrap()), b"\0a\0");
        assert_eq!(encoded(UnixAddress::from_abstract_name("").unwrap()), b"\0");
        assert_eq!(encoded(UnixAddress::from_path("x".repeat(107)).unwrap()).len(), 108);
    }

    #[test]
    fn the_longest_path_may_come_with_and_without_nul() {
        let mut bytes = vec![b'x'; 108];
        let bare = decode(&bytes).unwrap();
        assert_eq!(bare.as_path().unwrap().as_os_str().len(), 108);
        assert_eq!(encoded(bare), bytes);
        bytes.push(0);
        assert_eq!(decode(&bytes), Some(bare));
        bytes[108] = b'x';
        assert_eq!(decode(&bytes), None);
        assert_eq!(decode(&[0; 109]), None);
        assert_eq!(decode(&[0; 108]).unwrap().as_abstract_name().unwrap().len(), 107);
        assert_eq!(decode(b"a\0b"), UnixAddress::from_path("a").ok());
        let error = StdAddress::try_from(bare).unwrap_err();
        assert!(error.to_string().ends_with("xxx: expected a path of at most 107 bytes"), "{error}");
    }

    #[test]
    fn bad_paths_and_names_are_refused_by_name() {
        let text = |result: Result<UnixAddress>| result.unwrap_err().to_string();
        assert!(text(UnixAddress::from_path("")).starts_with("from_path: \"\": expected a path of 1 to 107 bytes"));
        assert_eq!(text(UnixAddress::from_path("a\0b")), "from_path: \"a\\0b\": expected a path without NUL");
        let long = "y".repeat(200);
        let expected = format!("from_path: \"{long}\" of 200 bytes: expected at most 107");
        assert_eq!(text(UnixAddress::from_path(&long)), expected);
        assert!(text(UnixAddress::from_abstract_name([0; 108])).ends_with("of 108 bytes: expected at most 107"));
    }

    #[test]
    fn text_shows_what_a_terminal_would_not() {
        let odd = OsStr::from_bytes(b"/tmp/\x1b\\ \xff 'na\xc3\xafve'\x7f");
        let address = UnixAddress::from_path(odd).unwrap();
        assert_eq!(address.to_string(), r"/tmp/\x1b\\ \xff 'naïve'\x7f");
        assert_eq!(address.as_path().unwrap().as_os_str(), odd);
        assert_eq!(format!("{:?}", UnixAddress::UNNAMED), "UnixAddress((unnamed))");
        assert_eq!(UnixAddress::from_abstract_name("").unwrap().to_string(), "@");
    }

    #[test]
    fn std_has_the_same_three_sorts() {
        for address in [
            UnixAddress::UNNAMED,
            UnixAddress::from_path("/a").unwrap(),
            UnixAddress::from_path("x".repeat(107)).unwrap(),
            UnixAddress::from_abstract_name("").unwrap(),
            UnixAddress::from_abstract_name("a\0b").unwrap(),
            UnixAddress::from_abstract_name([1; 107]).unwrap(),
        ] {
            let theirs = StdAddress::try_from(address).unwrap();
            assert_eq!(theirs.is_unnamed(), address.is_unnamed());
            assert_eq!(UnixAddress::from(theirs), address);
        }
    }
}
