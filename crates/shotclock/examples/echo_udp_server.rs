//! Sends each datagram back to where it came from: the UDP echo server of a book chapter of 2003 on Python's socket
//! module.
//!
//! `cargo run --example echo_udp_server [HOST [PORT]]`; without arguments any host may send, to port 8881. Talk to it
//! with `echo_udp_client`, or with `nc -u localhost 8881`.
//!
//! It waits for the next datagram for ever, as a server should. It believes every sender's address: two such servers
//! that somebody sets on each other send the same datagram to and fro for ever. `shotclock serve udp` does not.

mod common;

use shotclock::{Family, Kind, Result, Socket};
use std::time::Duration;

fn main() -> Result<()> {
    let (host, port) = common::host_and_port("");
    let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    socket.bind((&host, port))?;
    eprintln!("listening on {}", socket.getsockname()?);

    loop {
        let (data, address) = socket.recvfrom(8192)?;
        // Only a socket without a name, as AF_UNIX has them, leaves it out.
        let Some(address) = address else { continue };
        println!("Datagram from {address}");
        // Not every address that a datagram bears can be answered; the next one's sender is to be served all the same.
        if let Err(error) = socket.within(Duration::from_secs(1)).sendto(&data, address) {
            eprintln!("{error}");
        }
    }
}
