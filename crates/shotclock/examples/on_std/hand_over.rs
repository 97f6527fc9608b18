//! The hand-over on std alone, without any limit: what `examples/hand_over.rs` is measured by.

#[cfg(unix)]
use std::{
    io::{self, Write},
    net::TcpListener,
    os::fd::{AsFd, OwnedFd},
    os::unix::process::CommandExt,
    process::Command,
};

#[cfg(unix)]
fn main() -> io::Result<()> {
    let listen = std::env::args().nth(1).expect("expected LISTEN");
    if listen == "--inherited" {
        let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
        return serve(&listener, "the successor");
    }
    let listener = TcpListener::bind(&listen)?;
    eprintln!("listening on {}", listener.local_addr()?);
    serve(&listener, "the first")?;
    let mut successor = Command::new(std::env::current_exe()?);
    Err(successor.arg("--inherited").stdin(OwnedFd::from(listener)).exec())
}

#[cfg(unix)]
fn serve(listener: &TcpListener, name: &str) -> io::Result<()> {
    let (mut client, _) = listener.accept()?;
    client.write_all(format!("hello from {name}\n").as_bytes())
}

#[cfg(not(unix))]
fn main() {}
