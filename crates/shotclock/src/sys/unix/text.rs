//! Names that the system gives or takes, as bytes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

pub(crate) fn as_bytes(name: &OsStr) -> &[u8] {
    name.as_bytes()
}

pub(crate) fn from_bytes(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}
