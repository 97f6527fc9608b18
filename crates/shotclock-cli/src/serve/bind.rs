//! Sockets for the servers, both on one port.

use std::io::ErrorKind;
use std::time::Duration;

use shotclock::{
    Address, AddressInfoFlags, AddressInfoHints, Canceller, Family, Kind, Lookup, Result, ServerBuilder, Socket,
    SocketOption, UnixAddress,
};

use super::local::{self, SocketFile};
use crate::arguments::Port;

/// The port of our own servers, as it was that of a book's chapter on sockets in 2003.
pub(crate) const PORT: u16 = 8881;
/// Where servers listen unless they are told otherwise; with `-6` on the other loopback.
pub(crate) const LOOPBACK: &str = "127.0.0.1";
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
    pub(super) stream: Option<Listener>,
    pub(super) udp: Option<Socket>,
}

/// A listener, and the file that it is known by if it has one, which goes away with it.
pub(super) struct Listener {
    pub(super) protocol: &'static str,
    pub(super) socket: Socket,
    pub(super) _file: Option<SocketFile>,
}

impl Sockets {
    /// The protocols' names and addresses.
    pub(crate) fn addresses(&self) -> Result<Vec<(&'static str, Address)>> {
        let stream = self.stream.as_ref().map(|listener| (listener.protocol, &listener.socket));
        let bound = stream.into_iter().chain(self.udp.as_ref().map(|socket| ("udp", socket)));
        bound.map(|(name, socket)| Ok((name, socket.getsockname()?))).collect()
    }
}

/// Binds the sockets. With port 0 the system chooses, for both the same.
pub(super) fn bind(protocol: Protocol, host: &Host<'_>, stop: &Canceller) -> Result<Sockets> {
    let address = host.address(&Lookup::within(LOOKUP).cancelled_by(stop))?;
    match protocol {
        Protocol::Tcp => Ok(Sockets { stream: Some(tcp(listen(address)?)), udp: None }),
        Protocol::Udp => Ok(Sockets { stream: None, udp: Some(datagrams(address)?) }),
        Protocol::Both => bind_both(address),
    }
}

/// Binds a local socket, of the kind of a stream.
pub(super) fn bind_local(address: &UnixAddress) -> Result<Sockets> {
    let (socket, file) = local::listen(address, BACKLOG)?;
    Ok(Sockets { stream: Some(Listener { protocol: "unix", socket, _file: file }), udp: None })
}

fn bind_both(address: Address) -> Result<Sockets> {
    let mut tries = if address.port() == Some(0) { TRIES } else { 1 };
    loop {
        let listener = listen(address)?;
        tries -= 1;
        match datagrams(listener.getsockname()?) {
            Ok(socket) => return Ok(Sockets { stream: Some(tcp(listener)), udp: Some(socket) }),
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// Where to listen.
pub(crate) struct Host<'a> {
    /// A name or an address; nothing is every address.
    pub(crate) host: &'a str,
    pub(crate) port: &'a Port,
    /// The only kind of address, if not any.
    pub(crate) family: Family,
    /// The protocol by which the port's service is known.
    pub(crate) protocol: &'static str,
}

impl Host<'_> {
    /// The address to listen on, looked up if it is a name.
    pub(crate) fn address(&self, lookup: &Lookup<'_>) -> Result<Address> {
        let port = self.port.number(self.protocol, lookup)?;
        let every = match self.family {
            Family::INET6 => Address::from(([0_u16; 8], port)),
            _ => Address::from(([0, 0, 0, 0], port)),
        };
        if self.host.is_empty() {
            return Ok(every);
        }
        let flags = AddressInfoFlags::PASSIVE;
        let hints = AddressInfoHints { family: self.family, kind: Kind::STREAM, flags, ..Default::default() };
        let host = if self.family == Family::INET6 && self.host == LOOPBACK { "::1" } else { self.host };
        let found = lookup.getaddrinfo(host, port, &hints)?;
        // IPv4 first: `localhost` is 127.0.0.1 to most clients.
        let first = found.iter().find(|info| info.family == Family::INET).or(found.first());
        Ok(first.map_or(every, |info| info.address))
    }
}

fn tcp(socket: Socket) -> Listener {
    Listener { protocol: "tcp", socket, _file: None }
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
