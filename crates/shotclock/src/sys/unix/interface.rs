//! Network interfaces: if_nameindex(3) and if_nametoindex(3).

use std::ffi::{CStr, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::ptr::NonNull;

use rustix::io::Errno;

use super::last_errno;

/// The bytes of an interface's name, its NUL included.
pub(crate) const NAME_CAPACITY: usize = libc::IF_NAMESIZE;

/// Every interface: its index and name.
pub(crate) fn all() -> Result<Vec<(u32, OsString)>, Errno> {
    let list = List::get()?;
    let mut found = Vec::new();
    let mut next = list.0;
    loop {
        // SAFETY: if_nameindex(3) gives an array that ends with an entry of index 0 and null name. `next` began at
        // its first entry and the loop ends at its last, and `list` keeps the array alive.
        let entry = unsafe { next.as_ref() };
        if entry.if_index == 0 || entry.if_name.is_null() {
            return Ok(found);
        }
        // SAFETY: by the same page the name of an entry is a C string that lives as long as the array.
        let name = unsafe { CStr::from_ptr(entry.if_name) };
        found.push((entry.if_index, to_os(name)));
        // SAFETY: this entry is not the last, so that the next one is in the array too.
        next = unsafe { next.add(1) };
    }
}

/// The index of the interface of this name.
pub(crate) fn index_of(name: &CStr) -> Result<u32, Errno> {
    // SAFETY: `name` is a C string, alive during the call, which only reads it.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(last_errno()),
        index => Ok(index),
    }
}

/// The name of the interface of this index.
pub(crate) fn name_of(index: u32) -> Result<OsString, Errno> {
    let mut buffer = [0_u8; NAME_CAPACITY];
    // SAFETY: if_indextoname(3) writes at most IF_NAMESIZE bytes, and the buffer has as many.
    let name = unsafe { libc::if_indextoname(index, buffer.as_mut_ptr().cast::<c_char>()) };
    if name.is_null() {
        return Err(last_errno());
    }
    CStr::from_bytes_until_nul(&buffer).map(to_os).map_err(|_| Errno::NAMETOOLONG)
}

/// The array of if_nameindex(3).
struct List(NonNull<libc::if_nameindex>);

impl List {
    fn get() -> Result<Self, Errno> {
        // SAFETY: the function takes nothing; what it gives is ours until it is freed.
        NonNull::new(unsafe { libc::if_nameindex() }).map(Self).ok_or_else(last_errno)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the array came from if_nameindex in `get` and is freed here only; no name outlives the copying in
        // `all`.
        unsafe { libc::if_freenameindex(self.0.as_ptr()) }
    }
}

pub(crate) fn to_os(name: &CStr) -> OsString {
    OsStr::from_bytes(name.to_bytes()).to_owned()
}
