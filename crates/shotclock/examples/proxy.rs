//! Passes TCP connections on, in both directions, and the end of each direction by itself (half-close).
//!
//! `cargo run --example proxy LISTEN UPSTREAM`, say `127.0.0.1:8881 example.org:80`
//!
//! The upstream has 5 s to be looked up and to answer. A connection on which no byte moves for a minute, in either
//! direction, ends. While there are no descriptors left new clients wait, and the proxy says so.

use std::io;
use std::thread;
use std::time::Duration;

use shotclock::{Result, ServerBuilder, ServerPolicy, Shutdown, Socket, create_connection};

fn main() -> Result<()> {
    let [listen, upstream] = [1, 2].map(|at| std::env::args().nth(at).expect("expected LISTEN UPSTREAM"));
    let policy = ServerPolicy::new().idle(Duration::from_secs(60));
    let listener = ServerBuilder::new().policy(policy).listen(&listen)?;
    eprintln!("listening on {}", listener.getsockname()?);
    for accepted in listener.incoming().on_shortage(|error| eprintln!("{error}")) {
        let ((client, from), upstream) = (accepted?, upstream.clone());
        thread::spawn(move || match pass_on(&client, &upstream) {
            Ok((up, down)) => println!("{up} bytes up, {down} down"),
            Err(error) => eprintln!("{from}: {error}"),
        });
    }
    Ok(())
}

fn pass_on(client: &Socket, upstream: &str) -> Result<(u64, u64)> {
    let server = create_connection(upstream, Duration::from_secs(5))?;
    server.set_timeout(None);
    server.set_policy(client.policy());
    thread::scope(|threads| {
        let up = threads.spawn(|| one_way(client, &server));
        let down = one_way(&server, client);
        Ok((up.join().expect("a way that panicked")?, down?))
    })
}

fn one_way(mut from: &Socket, mut to: &Socket) -> Result<u64> {
    let bytes = io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::WRITE)?;
    Ok(bytes)
}
