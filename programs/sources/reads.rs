//! Connects, reads, and says what came of it: a Rust program by std alone.

use std::io::Read;
use std::net::TcpStream;

fn main() {
    let peer = std::env::args().nth(1).expect("HOST:PORT");
    let read = TcpStream::connect(peer).and_then(|mut peer| peer.read_to_end(&mut Vec::new()));
    if let Err(error) = read {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
