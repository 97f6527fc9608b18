//! Abstract names in std's addresses of local sockets.

use std::io::Result;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

pub(crate) fn abstract_name(address: &SocketAddr) -> Option<&[u8]> {
    address.as_abstract_name()
}

pub(crate) fn of_abstract_name(name: &[u8]) -> Result<SocketAddr> {
    SocketAddr::from_abstract_name(name)
}
