//! A socket at one of the addresses that a name has on this machine.

use std::io::ErrorKind;

use crate::addr::Address;
use crate::constant::{Family, Kind};
use crate::error::{Error, Result};
use crate::socket::Socket;
use crate::target::Target;
use crate::wait::Limit;

/// What `make` makes at the first of the target's addresses that can be had; if none can, an error says why not.
pub(super) fn at_one_of(
    target: &Target<'_>,
    operation: &'static str,
    (family, kind): (Family, Kind),
    limit: Limit<'_>,
    mut make: impl FnMut(Address) -> Result<Socket>,
) -> Result<Socket> {
    let addresses = target.resolve_all(operation, family, kind, limit);
    let made = addresses.and_then(|addresses| {
        let mut why = None;
        for address in addresses {
            match make(address) {
                Ok(socket) => return Ok(socket),
                Err(error) => why = Some(why.filter(tells_more).unwrap_or(error)),
            }
        }
        Err(why.unwrap_or_else(|| Error::invalid(operation, "no addresses: expected at least one")))
    });
    made.map_err(|error| error.during(operation).to(target))
}

/// Whether it says more than that this machine has no such address, or no such family.
fn tells_more(error: &Error) -> bool {
    let here = error.kind() != ErrorKind::AddrNotAvailable;
    here && error.operation() != "socket"
}
