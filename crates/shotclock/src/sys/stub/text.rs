//! Names of the system's as bytes: as std keeps them, and back if they are UTF-8.

use std::ffi::OsStr;

pub(crate) fn as_bytes(name: &OsStr) -> &[u8] {
    name.as_encoded_bytes()
}

pub(crate) fn from_bytes(name: &[u8]) -> &OsStr {
    OsStr::new(std::str::from_utf8(name).unwrap_or_default())
}
