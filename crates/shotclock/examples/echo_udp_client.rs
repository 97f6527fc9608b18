//! Sends three datagrams to an echo server and shows what comes back: the UDP echo client of a book chapter of 2003 on
//! Python's socket module.
//!
//! `cargo run --example echo_udp_client [HOST [PORT]]`; without arguments to localhost, port 8881.
//!
//! There it hangs for ever where no server answers, or a datagram is lost. Here each call may wait 5 seconds,
//! and then the program ends and says so.

mod common;

use shotclock::{Family, Kind, Result, Socket};
use std::time::Duration;

const DATA: &str = "A few lines of data\nto test the operation\nof both server and client.";

fn main() -> Result<()> {
    let (host, port) = common::host_and_port("localhost");
    let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    socket.set_timeout(Duration::from_secs(5));

    for line in DATA.lines() {
        socket.sendto(line.as_bytes(), (&host, port))?;
        println!("Sent: {line}");
        let (response, _) = socket.recvfrom(8192)?;
        println!("Received: {}", String::from_utf8_lossy(&response));
    }
    socket.close()
}
