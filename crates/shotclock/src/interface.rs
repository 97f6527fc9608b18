//! Network interfaces by name and by index.

use std::ffi::{CString, OsStr, OsString};

use crate::error::{Error, Result};
use crate::sys;

/// A network interface.
///
/// ```
/// let interfaces = shotclock::if_nameindex()?;
/// let loopback = interfaces.iter().find(|interface| interface.name == "lo").unwrap();
/// assert_eq!(shotclock::if_nametoindex("lo")?, loopback.index);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Interface {
    /// The index, from 1.
    pub index: u32,
    /// The name, at most 15 bytes. The system does not promise that it is UTF-8.
    pub name: OsString,
}

/// The network interfaces of this machine, or rather of this process's network namespace.
///
/// Source: if_nameindex(3), Python's `socket.if_nameindex`, which has a tuple for each.
///
/// # Errors
/// The system's, when it is out of descriptors or memory.
///
/// ```
/// for interface in shotclock::if_nameindex()? {
///     println!("{}: {}", interface.index, interface.name.display());
/// }
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias = "getifaddrs")]
pub fn if_nameindex() -> Result<Vec<Interface>> {
    let found = sys::interface::all().map_err(|errno| Error::system("if_nameindex", errno))?;
    Ok(found.into_iter().map(|(index, name)| Interface { index, name }).collect())
}

/// The index of the interface of this name. Source: if_nametoindex(3), Python's `socket.if_nametoindex`.
///
/// # Errors
/// The system's for an unknown name; a name longer than 15 bytes or with a NUL never reaches it. Each names the name.
///
/// ```
/// use shotclock::if_nametoindex;
///
/// assert_ne!(if_nametoindex("lo")?, 0);
/// assert_eq!(if_nametoindex("nosuch0").unwrap_err().target(), Some("nosuch0"));
/// assert!(if_nametoindex("longer than any name").unwrap_err().to_string().contains("at most 15 bytes"));
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn if_nametoindex(name: impl AsRef<OsStr>) -> Result<u32> {
    let name = name.as_ref();
    let invalid = |expected: String| Error::invalid("if_nametoindex", format!("{name:?}: expected {expected}"));
    let most = sys::interface::NAME_CAPACITY - 1;
    if name.len() > most {
        return Err(invalid(format!("an interface's name of at most {most} bytes")));
    }
    let text = CString::new(sys::text::as_bytes(name)).map_err(|_| invalid("a name without NUL".to_owned()))?;
    sys::interface::index_of(&text).map_err(|errno| Error::system("if_nametoindex", errno).to(name.display()))
}

/// The name of the interface of this index. Source: if_indextoname(3), Python's `socket.if_indextoname`.
///
/// # Errors
/// The system's, naming the index, if there is no such interface; 0 never is one.
///
/// ```
/// use shotclock::{if_indextoname, if_nametoindex};
///
/// assert_eq!(if_indextoname(if_nametoindex("lo")?)?, "lo");
/// assert_eq!(if_indextoname(0).unwrap_err().target(), Some("0"));
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn if_indextoname(index: u32) -> Result<OsString> {
    sys::interface::name_of(index).map_err(|errno| Error::system("if_indextoname", errno).to(index))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::sys::Errno;

    #[test]
    fn names_and_indices_agree() {
        let interfaces = if_nameindex().unwrap();
        assert!(interfaces.iter().any(|interface| interface.name == "lo"));
        for interface in interfaces {
            assert_eq!(if_nametoindex(&interface.name).unwrap(), interface.index);
            assert_eq!(if_indextoname(interface.index).unwrap(), interface.name);
        }
    }

    #[test]
    fn unknown_ones_are_the_systems_errors() {
        for name in ["", "nosuch0", "exactly15bytes.", "ß"] {
            let error = if_nametoindex(name).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::NODEV.raw_os_error()), "{error}");
            assert_eq!(error.target(), Some(name));
        }
        for index in [0, i32::MAX as u32, u32::MAX] {
            let error = if_indextoname(index).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::NXIO.raw_os_error()), "{error}");
            assert_eq!(error.target(), Some(index.to_string().as_str()));
        }
    }

    #[test]
    fn impossible_names_are_refused_by_name() {
        let text = |name: &str| if_nametoindex(name).unwrap_err().to_string();
        assert_eq!(text("l\0o"), "if_nametoindex: \"l\\0o\": expected a name without NUL");
        let expected = "if_nametoindex: \"exactly16bytes..\": expected an interface's name of at most 15 bytes";
        assert_eq!(text("exactly16bytes.."), expected);
        let bytes = sys::text::from_bytes(b"\xff\xfe");
        assert_eq!(if_nametoindex(bytes).unwrap_err().raw_os_error(), Some(Errno::NODEV.raw_os_error()));
    }
}
