//! The pool on std alone, without any limit: what `examples/accept_pool.rs` is measured by. A thread that waits for a client
//! is woken by a connection of the program's own; one that waits for a client's line is not.
#![allow(clippy::disallowed_methods, reason = "std's own calls are what this is about")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(std::env::args().nth(1).expect("expected LISTEN"))?;
    eprintln!("listening on {}", listener.local_addr()?);
    let address = listener.local_addr()?;
    let shutdown = AtomicBool::new(false);
    let served: usize = thread::scope(|threads| {
        let workers = [(); 4].map(|()| threads.spawn(|| work(&listener, &shutdown)));
        let _until_its_end = io::copy(&mut io::stdin(), &mut io::sink());
        shutdown.store(true, Ordering::SeqCst);
        let _woken = [(); 4].map(|()| TcpStream::connect(address));
        workers.into_iter().map(|worker| worker.join().expect("a worker that panicked")).sum()
    });
    println!("served {served}");
    Ok(())
}

fn work(listener: &TcpListener, shutdown: &AtomicBool) -> usize {
    let mut served = 0;
    for accepted in listener.incoming() {
        if shutdown.load(Ordering::SeqCst) {
            break;
        }
        match accepted.and_then(|client| answer(&client)) {
            Ok(()) => served += 1,
            Err(error) => eprintln!("{error}"),
        }
    }
    served
}

fn answer(mut client: &TcpStream) -> io::Result<()> {
    let mut line = Vec::new();
    BufReader::new(client).read_until(b'\n', &mut line)?;
    client.write_all(&line.to_ascii_uppercase())
}
