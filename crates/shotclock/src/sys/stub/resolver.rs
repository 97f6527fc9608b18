//! Lookups: nobody answers.

use std::ffi::{CStr, CString};
use std::net::IpAddr;

pub use crate::sys::lookup::{AddressRecord, Failure, Hints, HostRecord};
pub(crate) use crate::sys::lookup::{TRY_AGAIN, host_code_name, shown};

use super::Errno;
use crate::sys::address::SockAddr;

pub(crate) const EAI_NONAME: i32 = -2;
pub(crate) const EAI_AGAIN: i32 = -3;

const UNSUPPORTED: Failure = Failure::System(Errno::NOSYS);

pub(crate) fn address_info(
    _host: Option<&CStr>,
    _service: Option<&CStr>,
    _wanted: &Hints,
) -> Result<Vec<AddressRecord>, Failure> {
    Err(UNSUPPORTED)
}

pub(crate) fn name_info(_address: &SockAddr, _flags: i32) -> Result<(CString, CString), Failure> {
    Err(UNSUPPORTED)
}

pub(crate) fn host_by_name(_name: &CStr, _family: i32) -> Result<HostRecord, Failure> {
    Err(UNSUPPORTED)
}

pub(crate) fn host_by_address(_address: IpAddr) -> Result<HostRecord, Failure> {
    Err(UNSUPPORTED)
}

pub(crate) fn service_by_name(_name: &CStr, _protocol: Option<&CStr>) -> Result<u16, Failure> {
    Err(UNSUPPORTED)
}

pub(crate) fn service_by_port(_number: u16, _protocol: Option<&CStr>) -> Result<CString, Failure> {
    Err(UNSUPPORTED)
}

pub(crate) fn protocol_by_name(_name: &CStr) -> Result<i32, Failure> {
    Err(UNSUPPORTED)
}

/// This machine's name.
///
/// # Errors
/// None is known.
pub fn host_name() -> Result<CString, Errno> {
    Err(Errno::NOSYS)
}

/// Gives this machine another name.
///
/// # Errors
/// It cannot.
pub fn set_host_name(_name: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

pub(crate) fn address_info_code_name(_code: i32) -> Option<&'static str> {
    None
}

/// The resolver's words for an `EAI_` code.
pub fn address_info_text(code: i32) -> String {
    format!("lookup failed with code {code}")
}

/// The resolver's words for an `h_errno` code.
pub fn host_text(code: i32) -> String {
    format!("lookup failed with code {code}")
}
