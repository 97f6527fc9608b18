//! Addresses of local sockets from and to std's, which has them on Unix.

use std::os::unix::net::SocketAddr as StdAddress;

use super::{Address, UnixAddress, wrong_family};
use crate::error::{Error, Result};
use crate::sys::address_of_std::{abstract_name, of_abstract_name};
use crate::sys::text;

impl From<StdAddress> for UnixAddress {
    fn from(address: StdAddress) -> Self {
        if let Some(path) = address.as_pathname() {
            return Self::joined(&[], text::as_bytes(path.as_os_str()));
        }
        abstract_name(&address).map_or(Self::UNNAMED, |name| Self::joined(&[0], name))
    }
}

/// Fails for a path of 108 bytes, which std cannot hold; the error names it.
impl TryFrom<UnixAddress> for StdAddress {
    type Error = Error;

    fn try_from(address: UnixAddress) -> Result<Self> {
        let made = match address.as_abstract_name() {
            Some(name) => of_abstract_name(name),
            // std, too, takes the empty path for no name.
            None => Self::from_pathname(text::from_bytes(address.content())),
        };
        made.map_err(|_| Error::invalid("try_from", format!("{address}: expected a path of at most 107 bytes")))
    }
}

impl From<StdAddress> for Address {
    fn from(address: StdAddress) -> Self {
        Self::Unix(address.into())
    }
}

/// Fails for an address that is not a local socket's, and for a path of 108 bytes, which std cannot hold.
impl TryFrom<Address> for StdAddress {
    type Error = Error;

    fn try_from(address: Address) -> Result<Self, Error> {
        match address {
            Address::Unix(address) => address.try_into(),
            _ => Err(wrong_family(&address, "the address of a local socket")),
        }
    }
}
