//! Reads all that a server sends, in two seconds with the lookup and the connect: README's program that does not hang.
//!
//! `cargo run --example fetch_in_time HOST:PORT`. A server that sends a byte now and then keeps it for no longer.

use shotclock::{Target, create_connection, with_deadline};
use std::io::{Read, Result};
use std::time::Duration;

fn main() -> Result<()> {
    let address = std::env::args().nth(1).expect("HOST:PORT");
    let mut page = Vec::new();
    with_deadline(Duration::from_secs(2), || -> Result<()> {
        let mut server = create_connection(Target::parse(&address)?, None)?;
        server.read_to_end(&mut page)?;
        Ok(())
    })?;
    println!("{} bytes", page.len());
    Ok(())
}
