//! The proxy on std alone, without any limit: what `examples/proxy.rs` is measured by.
#![allow(clippy::disallowed_methods, reason = "std's own calls are what this is about")]

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

fn main() -> io::Result<()> {
    let [listen, upstream] = [1, 2].map(|at| std::env::args().nth(at).expect("expected LISTEN UPSTREAM"));
    let listener = TcpListener::bind(&listen)?;
    eprintln!("listening on {}", listener.local_addr()?);
    for accepted in listener.incoming() {
        let (client, upstream) = (accepted?, upstream.clone());
        let from = client.peer_addr()?;
        thread::spawn(move || match pass_on(&client, &upstream) {
            Ok((up, down)) => println!("{up} bytes up, {down} down"),
            Err(error) => eprintln!("{from}: {error}"),
        });
    }
    Ok(())
}

fn pass_on(client: &TcpStream, upstream: &str) -> io::Result<(u64, u64)> {
    let server = TcpStream::connect(upstream)?;
    thread::scope(|threads| {
        let up = threads.spawn(|| one_way(client, &server));
        let down = one_way(&server, client);
        Ok((up.join().expect("a way that panicked")?, down?))
    })
}

fn one_way(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<u64> {
    let bytes = io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)?;
    Ok(bytes)
}
