//! `bind_datagram`: a datagram socket at an address, of whatever family that is.

use super::local::at_one_of;
use crate::constant::{Family, Kind};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::socket::{Socket, Timed, default_timeout};
use crate::target::Target;
use crate::wait::Limit;

/// A datagram socket that is bound to the address: of UDP, or local for a path. The address chooses the family; a name's
/// addresses are tried one after the other, IPv4 before IPv6, and host `""` is every IPv4 address. The default timeout bounds
/// the lookup. Source: std's `UdpSocket::bind`.
///
/// # Errors
/// The system's, EADDRINUSE first of all; a failed lookup.
///
/// ```
/// use shotclock::{Family, bind_datagram};
/// let socket = bind_datagram(("localhost", 0))?;
/// socket.sendto(b"to myself", socket.getsockname()?)?;
/// assert_eq!(socket.recv(100)?, b"to myself");
/// // Where there is no IPv6, the system says so.
/// let of_ipv6 = bind_datagram("[::1]:0");
/// assert!(of_ipv6.is_err() || of_ipv6?.family()? == Family::INET6);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias("UdpSocket", "UnixDatagram"))]
pub fn bind_datagram<'t>(target: impl Into<Target<'t>>) -> Result<Socket> {
    let limit = Limit { timeout: default_timeout(), ..Limit::NONE }.begun(Deadline::now());
    at_one_of(&target.into(), "bind_datagram", (Family::UNSPEC, Kind::DGRAM), limit, |address| {
        let socket = Socket::new(address.family(), Kind::DGRAM)?;
        Timed::under(&socket, limit).bind(address)?;
        Ok(socket)
    })
}
