//! Network interfaces: none can be asked for.

use std::ffi::{CStr, OsString};

use super::Errno;

/// The bytes of an interface's name, its NUL included.
pub(crate) const NAME_CAPACITY: usize = 16;

pub(crate) fn all() -> Result<Vec<(u32, OsString)>, Errno> {
    Err(Errno::NOSYS)
}

pub(crate) fn index_of(_name: &CStr) -> Result<u32, Errno> {
    Err(Errno::NOSYS)
}

pub(crate) fn name_of(_index: u32) -> Result<OsString, Errno> {
    Err(Errno::NOSYS)
}
