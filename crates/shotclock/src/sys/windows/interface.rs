//! Network interfaces. Indices are the system's; names are its short ones, such as `ethernet_32768`.

use std::ffi::{CStr, OsString};
use std::os::windows::ffi::OsStringExt;
use std::ptr;

use windows_sys::Win32::NetworkManagement::IpHelper as ip;
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;

use super::Errno;

/// The bytes of an interface's name, its NUL included. Source: netioapi.h, NDIS_IF_MAX_STRING_SIZE.
pub(crate) const NAME_CAPACITY: usize = 257;

/// Every interface: its index and name.
pub(crate) fn all() -> Result<Vec<(u32, OsString)>, Errno> {
    let table = Table::get()?;
    // SAFETY: the table is alive, and has as many rows behind its beginning as it says.
    let rows = unsafe {
        let table = &*table.0;
        std::slice::from_raw_parts(table.Table.as_ptr(), table.NumEntries as usize)
    };
    rows.iter().map(|row| Ok((row.InterfaceIndex, name_of_luid(&row.InterfaceLuid)?))).collect()
}

/// The index of the interface of this name.
pub(crate) fn index_of(name: &CStr) -> Result<u32, Errno> {
    // SAFETY: `name` is a C string, alive during the call, which only reads it.
    match unsafe { ip::if_nametoindex(name.as_ptr().cast()) } {
        0 => Err(Errno::of(windows_sys::Win32::Foundation::ERROR_NOT_FOUND.cast_signed())),
        index => Ok(index),
    }
}

/// The name of the interface of this index.
pub(crate) fn name_of(index: u32) -> Result<OsString, Errno> {
    let mut luid = NET_LUID_LH::default();
    // SAFETY: a plain number, and room for what it is told.
    checked(unsafe { ip::ConvertInterfaceIndexToLuid(index, &mut luid) })?;
    name_of_luid(&luid)
}

fn name_of_luid(luid: &NET_LUID_LH) -> Result<OsString, Errno> {
    let mut name = [0; NAME_CAPACITY];
    // SAFETY: the name is written to the room whose length is given, its NUL included.
    checked(unsafe { ip::ConvertInterfaceLuidToNameW(luid, name.as_mut_ptr(), name.len()) })?;
    let len = name.iter().position(|unit| *unit == 0).ok_or(Errno::NAMETOOLONG)?;
    Ok(OsString::from_wide(&name[..len]))
}

/// The table of GetIfTable2.
struct Table(*mut ip::MIB_IF_TABLE2);

impl Table {
    fn get() -> Result<Self, Errno> {
        let mut table = ptr::null_mut();
        // SAFETY: what it gives is ours until it is freed.
        checked(unsafe { ip::GetIfTable2(&mut table) })?;
        Ok(Self(table))
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: it came from GetIfTable2, and is freed here only.
        unsafe { ip::FreeMibTable(self.0.cast()) }
    }
}

fn checked(outcome: u32) -> Result<(), Errno> {
    if outcome == 0 { Ok(()) } else { Err(Errno::of(outcome.cast_signed())) }
}
