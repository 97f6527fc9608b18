//! The clients of the demonstration: three lines there and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use shotclock::{Address, Kind, Socket};

use super::show::{Event, Show};
use crate::failure::Failure;

const LINES: [&str; 3] = ["A few lines of data", "to test the operation", "of both server and client."];
/// Our own server, on this machine: later than this, something is wrong.
const PATIENCE: Duration = Duration::from_secs(1);

/// Connects a client, sends each line and receives it again.
pub(super) fn talk(show: &Show, client: &'static str, server: Address) -> Result<(), Failure> {
    let server = reachable(server);
    show.heading(&format!("A {} client of {server}:", client.to_uppercase()))?;
    let socket = Socket::new(server.family(), if client == "tcp" { Kind::STREAM } else { Kind::DGRAM })?;
    socket.set_timeout(PATIENCE);
    socket.connect(server)?;
    show.event(&Event::Connected { client, to: server.to_string() })?;
    for data in LINES {
        socket.sendall(data.as_bytes())?;
        show.event(&Event::Sent { client, data })?;
        let answer = echo_of(&socket, data)?;
        if answer != data.as_bytes() {
            return Err(Failure::Other(format!("{client}: sent {data:?}, received {answer:?}")));
        }
        show.event(&Event::Received { client, data: &String::from_utf8_lossy(&answer) })?;
    }
    Ok(())
}

/// Where a client reaches a server on this machine that listens on every address.
fn reachable(server: Address) -> Address {
    let loopback = |ip: IpAddr| match ip {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    match server.as_inet() {
        Some(inet) if inet.ip().is_unspecified() => Address::from((loopback(inet.ip()), inet.port())),
        _ => server,
    }
}

/// As many bytes of a stream, however they come; of datagrams the next, whole.
fn echo_of(socket: &Socket, data: &str) -> Result<Vec<u8>, Failure> {
    if socket.kind()? == Kind::DGRAM {
        return Ok(socket.recv(data.len() + 1)?);
    }
    let mut answer = vec![0; data.len()];
    socket.recv_exact(&mut answer)?;
    Ok(answer)
}
