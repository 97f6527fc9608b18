//! Reads all that a server sends, by std and with a timeout of std's: README's program that hangs.
//!
//! `cargo run --example fetch_by_std HOST:PORT`. A server that sends a byte now and then keeps it for ever.
#![allow(clippy::disallowed_methods, reason = "std's own timeout is what this shows")]

use std::io::{Read, Result};
use std::net::TcpStream;
use std::time::Duration;

fn main() -> Result<()> {
    let address = std::env::args().nth(1).expect("HOST:PORT");
    let mut server = TcpStream::connect(address)?;
    server.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut page = Vec::new();
    server.read_to_end(&mut page)?;
    println!("{} bytes", page.len());
    Ok(())
}
