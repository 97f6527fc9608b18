//! Abstract names in std's addresses of local sockets: these systems have none.

use std::io::{ErrorKind, Result};
use std::os::unix::net::SocketAddr;

pub(crate) fn abstract_name(_address: &SocketAddr) -> Option<&[u8]> {
    None
}

pub(crate) fn of_abstract_name(_name: &[u8]) -> Result<SocketAddr> {
    Err(ErrorKind::Unsupported.into())
}
