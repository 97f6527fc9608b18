//! Sends three lines to an echo server and shows what comes back: the TCP echo client of a book chapter of 2003 on
//! Python's socket module.
//!
//! `cargo run --example echo_tcp_client [HOST [PORT]]`; without arguments to localhost, port 8881.
//!
//! Each call, the connecting with its lookup too, may wait 5 seconds.

mod common;

use shotclock::{Family, Kind, Result, Socket};
use std::time::Duration;

const DATA: &str = "A few lines of data\nto test the operation\nof both server and client.";

fn main() -> Result<()> {
    let (host, port) = common::host_and_port("localhost");
    let socket = Socket::new(Family::INET, Kind::STREAM)?;
    socket.set_timeout(Duration::from_secs(5));
    socket.connect((&host, port))?;
    println!("Connected to server");

    for line in DATA.lines() {
        socket.sendall(line.as_bytes())?;
        println!("Sent: {line}");
        let response = socket.recv(8192)?;
        println!("Received: {}", String::from_utf8_lossy(&response));
    }
    socket.close()
}
