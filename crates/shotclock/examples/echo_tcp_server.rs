//! Sends back what it receives, to one client after another: the TCP echo server of a book chapter of 2003
//! on Python's socket module.
//!
//! `cargo run --example echo_tcp_server [HOST [PORT]]`; without arguments any host may connect, to port 8881. Talk to
//! it with `echo_tcp_client`, or with `nc localhost 8881`.
//!
//! It waits for the next client for ever, as a server should, but for a client's next words a minute at most: one who
//! falls silent, or never reads, does not keep the others out for good.

mod common;

use shotclock::{Family, Kind, Result, Socket, SocketOption};
use std::time::Duration;

fn main() -> Result<()> {
    let (host, port) = common::host_and_port("");
    let listener = Socket::new(Family::INET, Kind::STREAM)?;
    // So that it can start again at once, whatever connections of its last run the system still remembers.
    listener.setsockopt(SocketOption::REUSEADDR, true)?;
    listener.bind((&host, port))?;
    listener.listen(5)?;
    eprintln!("listening on {}", listener.getsockname()?);

    loop {
        let (client, address) = listener.accept()?;
        println!("Connected from {address}");
        if let Err(error) = echo(&client) {
            eprintln!("{error}");
        }
        client.close()?;
        println!("Disconnected from {address}");
    }
}

fn echo(client: &Socket) -> Result<()> {
    client.set_timeout(Duration::from_secs(60));
    loop {
        let data = client.recv(8192)?;
        if data.is_empty() {
            return Ok(());
        }
        client.sendall(&data)?;
    }
}
