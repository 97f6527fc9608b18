//! Asks a multicast group who is there, or is there and answers.
//!
//! `cargo run --example discovery answer 239.1.2.3:8881 NAME`, in another terminal, and
//! `cargo run --example discovery ask 239.1.2.3:8881`
//!
//! It stays on this machine: both go by the loopback interface. Whoever asks hears for half a second who answers.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use shotclock::{Membership, Result, SocketOption, bind_datagram};

const QUESTION: &[u8] = b"who is there?";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let group = words.get(1).and_then(|group| group.parse().ok()).expect("expected ask or answer, and GROUP:PORT");
    match words.get(2) {
        Some(name) => answer(group, name),
        None => ask(group),
    }
}

fn answer(group: SocketAddrV4, name: &str) -> Result<()> {
    let socket = bind_datagram((Ipv4Addr::UNSPECIFIED, group.port()))?;
    let membership = Membership { group: *group.ip(), local: Ipv4Addr::LOCALHOST, interface: 0 };
    socket.setsockopt(SocketOption::ADD_MEMBERSHIP, membership)?;
    eprintln!("listening on {}", socket.getsockname()?);
    loop {
        let (question, from) = socket.recvfrom(1500)?;
        if let Some(from) = from.filter(|_| question == QUESTION) {
            socket.sendto(name.as_bytes(), from)?;
        }
    }
}

fn ask(group: SocketAddrV4) -> Result<()> {
    let socket = bind_datagram((Ipv4Addr::LOCALHOST, 0))?;
    socket.sendto(QUESTION, group)?;
    let in_time = socket.within(Duration::from_millis(500));
    loop {
        match in_time.recv(1500) {
            Ok(name) => println!("{}", String::from_utf8_lossy(&name)),
            Err(error) if error.is_timeout() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
