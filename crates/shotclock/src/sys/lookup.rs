//! What a lookup is asked, and answers, on any platform.

use std::ffi::{CStr, CString, c_int};
use std::net::IpAddr;

use super::Errno;
use super::address::SockAddr;

/// Why the system gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An `EAI_` code; the error number only where the code is `EAI_SYSTEM`.
    AddressInfo(i32, Option<Errno>),
    /// An `h_errno` code; the error number only where the code is `NETDB_INTERNAL`.
    Host(i32, Option<Errno>),
    /// No such service, port or protocol.
    NotFound,
    /// A system error.
    System(Errno),
}

/// What to look for, beside host and service: getaddrinfo's `hints`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hints {
    /// `AI_` flags.
    pub flags: i32,
    /// The address family.
    pub family: i32,
    /// The socket's type.
    pub kind: i32,
    /// The protocol.
    pub protocol: i32,
}

/// One of getaddrinfo's answers.
#[derive(Clone, Debug)]
pub struct AddressRecord {
    /// The address family.
    pub family: i32,
    /// The socket's type.
    pub kind: i32,
    /// The protocol.
    pub protocol: i32,
    /// The host's canonical name, where asked for.
    pub canonical_name: Option<CString>,
    /// The address.
    pub address: SockAddr,
}

/// The answer of the `gethostby` functions.
#[derive(Clone, Debug)]
pub struct HostRecord {
    /// The host's name.
    pub name: CString,
    /// Its other names.
    pub aliases: Vec<CString>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// The `h_errno` code of a name server that did not answer. Source: netdb.h.
pub(crate) const TRY_AGAIN: c_int = 2;

/// The name of an `h_errno` code, for messages. Source: netdb.h.
pub(crate) fn host_code_name(code: i32) -> Option<&'static str> {
    Some(match code {
        1 => "HOST_NOT_FOUND",
        TRY_AGAIN => "TRY_AGAIN",
        3 => "NO_RECOVERY",
        4 => "NO_DATA",
        _ => return None,
    })
}

/// What the system calls something, as text; bytes that are not UTF-8 are replaced.
pub(crate) fn shown(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}
