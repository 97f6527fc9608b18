//! The sockets of peers, bound.

use std::io;
use std::net::SocketAddr;

use shotclock::{Address, Error, Kind, Result, ServerBuilder, Socket, Timeout};

/// How often a port that the system chose for TCP may turn out to be taken for UDP.
const TRIES: usize = 16;

/// The address a socket got.
pub(crate) fn own_address(socket: &Socket) -> Result<SocketAddr> {
    let address = socket.getsockname()?;
    address.as_inet().ok_or_else(|| {
        let text = format!("{address}: expected an internet address");
        Error::other("faults", io::Error::new(io::ErrorKind::InvalidInput, text))
    })
}

/// A TCP listener and a UDP socket on one port.
pub(crate) fn both(address: SocketAddr) -> Result<(Socket, Socket)> {
    let mut tries = if address.port() == 0 { TRIES } else { 1 };
    loop {
        let listener = listen(address)?;
        tries -= 1;
        match datagrams(own_address(&listener)?) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            bound => return Ok((listener, bound?)),
        }
    }
}

pub(crate) fn listen(address: SocketAddr) -> Result<Socket> {
    let listener = ServerBuilder::new().listen(address)?;
    listener.set_timeout(Timeout::NEVER);
    Ok(listener)
}

pub(crate) fn datagrams(address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Address::from(address).family(), Kind::DGRAM)?;
    socket.set_timeout(Timeout::NEVER);
    socket.bind(address)?;
    Ok(socket)
}
