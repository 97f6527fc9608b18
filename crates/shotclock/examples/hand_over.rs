//! A server that hands its listener over to the program that comes after it, by its descriptor: no client is refused
//! meanwhile, those that connect wait in the queue.
//!
//! `cargo run --example hand_over LISTEN`: the first client is served by the first program, the second by its successor,
//! which finds the listener as its standard input. Each waits a minute for its client.

#[cfg(unix)]
use std::{io, os::fd::OwnedFd, os::unix::process::CommandExt, process::Command, time::Duration};

#[cfg(unix)]
use shotclock::{Result, Socket, create_server};

#[cfg(unix)]
fn main() -> Result<()> {
    let listen = std::env::args().nth(1).expect("expected LISTEN");
    if listen == "--inherited" {
        return serve(&Socket::fromfd(io::stdin())?, "the successor");
    }
    let listener = create_server(&listen)?;
    eprintln!("listening on {}", listener.getsockname()?);
    serve(&listener, "the first")?;
    let mut successor = Command::new(std::env::current_exe()?);
    Err(successor.arg("--inherited").stdin(OwnedFd::from(listener)).exec().into())
}

#[cfg(unix)]
fn serve(listener: &Socket, name: &str) -> Result<()> {
    let (client, _) = listener.within(Duration::from_secs(60)).accept()?;
    client.within(Duration::from_secs(5)).sendall(format!("hello from {name}\n").as_bytes())
}

#[cfg(not(unix))]
fn main() {}
