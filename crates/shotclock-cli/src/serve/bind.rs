//! Sockets for the servers, both on one port.

use std::io::ErrorKind;
use std::time::Duration;

use shotclock::{
    Address, AddressInfoFlags, AddressInfoHints, Canceller, Family, Kind, Lookup, Result, ServerBuilder, Socket,
    SocketOption,
};

/// The port of the chapter, and of our own servers.
pub(crate) const PORT: u16 = 8881;
/// How long looking up the host to listen on may take.
pub(crate) const LOOKUP: Duration = Duration::from_secs(5);
/// Connections that may wait to be accepted; the system has a cap of its own.
const BACKLOG: i32 = 1024;
/// How often a port that the system chose for TCP may turn out to be taken for UDP.
const TRIES: usize = 16;

/// Which servers there are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Both,
}

/// What is listened on.
pub(crate) struct Sockets {
    pub(super) tcp: Option<Socket>,
    pub(super) udp: Option<Socket>,
}

impl Sockets {
    /// The protocols' names and addresses.
    pub(crate) fn addresses(&self) -> Result<Vec<(&'static str, Address)>> {
        let both = [("tcp", &self.tcp), ("udp", &self.udp)];
        let bound = both.into_iter().filter_map(|(name, socket)| socket.as_ref().map(|socket| (name, socket)));
        bound.map(|(name, socket)| Ok((name, socket.getsockname()?))).collect()
    }
}

/// Binds the sockets. With port 0 the system chooses, for both the same.
pub(super) fn bind(protocol: Protocol, host: &str, port: u16, stop: &Canceller) -> Result<Sockets> {
    let address = address(host, port, &Lookup::within(LOOKUP).cancelled_by(stop))?;
    match protocol {
        Protocol::Tcp => Ok(Sockets { tcp: Some(listen(address)?), udp: None }),
        Protocol::Udp => Ok(Sockets { tcp: None, udp: Some(datagrams(address)?) }),
        Protocol::Both => bind_both(address),
    }
}

fn bind_both(address: Address) -> Result<Sockets> {
    let mut tries = if address.port() == Some(0) { TRIES } else { 1 };
    loop {
        let listener = listen(address)?;
        tries -= 1;
        match datagrams(listener.getsockname()?) {
            Ok(socket) => return Ok(Sockets { tcp: Some(listener), udp: Some(socket) }),
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// The address to listen on, looked up if it is a name.
pub(crate) fn address(host: &str, port: u16, lookup: &Lookup<'_>) -> Result<Address> {
    if host.is_empty() {
        return Ok(Address::from(([0, 0, 0, 0], port)));
    }
    let hints = AddressInfoHints { kind: Kind::STREAM, flags: AddressInfoFlags::PASSIVE, ..Default::default() };
    let found = lookup.getaddrinfo(host, port, &hints)?;
    // The chapter's family first: `localhost` is 127.0.0.1 to its clients.
    let first = found.iter().find(|info| info.family == Family::INET).or(found.first());
    Ok(first.map_or_else(|| Address::from(([0, 0, 0, 0], port)), |info| info.address))
}

fn listen(address: Address) -> Result<Socket> {
    ServerBuilder::new().backlog(BACKLOG).listen(address)
}

/// No SO_REUSEADDR here: for datagrams it would let two servers share the port, and one of them starve.
fn datagrams(address: Address) -> Result<Socket> {
    let socket = Socket::new(address.family(), Kind::DGRAM)?;
    if address.family() == Family::INET6 {
        socket.setsockopt(SocketOption::V6ONLY, true)?;
    }
    socket.bind(address)?;
    Ok(socket)
}
