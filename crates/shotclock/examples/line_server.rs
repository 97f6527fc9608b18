//! Answers each line in upper case, to one client after another; a line may come in pieces, and late.
//!
//! `cargo run --example line_server [HOST [PORT]]`; without arguments any host may connect, to port 8881. Talk to it
//! with `nc localhost 8881`, and stop in the middle of a line: type `half`, then control-D.
//!
//! A line has a second to come. When that passes, the server says so and reads on: what had come of the line stays in
//! the file's buffer, and the next `readline` gives the line whole. A client that lets it pass 30 times in a row, or
//! whose line is longer than 1000 bytes, is sent away.

mod common;

use shotclock::{Result, Socket, create_server};
use std::io::{self, Write};
use std::time::Duration;

fn main() -> Result<()> {
    let (host, port) = common::host_and_port("");
    let listener = create_server((&host, port))?;
    eprintln!("listening on {}", listener.getsockname()?);

    loop {
        let (client, address) = listener.accept()?;
        println!("Connected from {address}");
        if let Err(error) = answer(&client) {
            eprintln!("{error}");
        }
        client.close()?;
        println!("Disconnected from {address}");
    }
}

fn answer(client: &Socket) -> io::Result<()> {
    client.set_timeout(Duration::from_secs(1));
    let mut file = client.makefile()?;
    file.set_line_limit(1000);
    let mut late = 0;
    loop {
        match file.readline() {
            Ok(line) if line.is_empty() => return Ok(()),
            Ok(line) => {
                late = 0;
                file.write_all(&line.to_ascii_uppercase())?;
                file.flush()?;
            }
            Err(error) if error.is_timeout() && late < 30 => {
                late += 1;
                println!("Still waiting: {error}");
            }
            Err(error) => return Err(error.into()),
        }
    }
}
