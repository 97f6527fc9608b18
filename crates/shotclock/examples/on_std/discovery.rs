//! Discovery on std alone: without a limit, whoever asks can but take the first answer. What `examples/discovery.rs` is
//! measured by.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

const QUESTION: &[u8] = b"who is there?";

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let group = words.get(1).and_then(|group| group.parse().ok()).expect("expected ask or answer, and GROUP:PORT");
    match words.get(2) {
        Some(name) => answer(group, name),
        None => ask(group),
    }
}

fn answer(group: SocketAddrV4, name: &str) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, group.port()))?;
    socket.join_multicast_v4(group.ip(), &Ipv4Addr::LOCALHOST)?;
    eprintln!("listening on {}", socket.local_addr()?);
    let mut buffer = [0; 1500];
    loop {
        let (len, from) = socket.recv_from(&mut buffer)?;
        if &buffer[..len] == QUESTION {
            socket.send_to(name.as_bytes(), from)?;
        }
    }
}

fn ask(group: SocketAddrV4) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.send_to(QUESTION, group)?;
    let mut buffer = [0; 1500];
    let (len, _) = socket.recv_from(&mut buffer)?;
    println!("{}", String::from_utf8_lossy(&buffer[..len]));
    Ok(())
}
