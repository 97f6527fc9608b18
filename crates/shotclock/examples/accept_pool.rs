//! Four threads that accept from one listener and answer each client's line in upper case, until standard input ends.
//!
//! `cargo run --example accept_pool LISTEN`
//!
//! A client has 5 s for its line and its answer. The end of the input cancels what the threads wait for, in whatever call.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use shotclock::{Canceller, Result, Socket, SocketFile, create_server};

fn main() -> Result<()> {
    let listener = create_server(std::env::args().nth(1).expect("expected LISTEN"))?;
    eprintln!("listening on {}", listener.getsockname()?);
    let shutdown = Canceller::new();
    let served: usize = thread::scope(|threads| {
        let workers = [(); 4].map(|()| threads.spawn(|| work(&listener, &shutdown)));
        let _until_its_end = io::copy(&mut io::stdin(), &mut io::sink());
        shutdown.cancel();
        workers.into_iter().map(|worker| worker.join().expect("a worker that panicked")).sum()
    });
    println!("served {served}");
    Ok(())
}

fn work(listener: &Socket, shutdown: &Canceller) -> usize {
    let mut served = 0;
    for accepted in listener.cancelled_by(shutdown).incoming() {
        match accepted.and_then(|(client, _)| answer(&client, shutdown)) {
            Ok(()) => served += 1,
            Err(error) => eprintln!("{error}"),
        }
    }
    served
}

fn answer(client: &Socket, shutdown: &Canceller) -> Result<()> {
    let mut file = SocketFile::new(client.within(Duration::from_secs(5)).cancelled_by(shutdown))?;
    let line = file.readline()?;
    file.write_all(&line.to_ascii_uppercase())?;
    file.close()
}
