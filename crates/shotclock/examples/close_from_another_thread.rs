//! Ends waits that have no limit, from another thread: by a canceller, and by closing the socket.
//!
//! `cargo run --example close_from_another_thread`
//!
//! It does not matter which comes first, the wait or its end: both ways last, so a call that begins later fails too.

use shotclock::{Canceller, Family, Kind, Result, socketpair};
use std::thread;

fn main() -> Result<()> {
    let (socket, silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    let canceller = Canceller::new();

    thread::scope(|scope| {
        // Cancelling ends the waits under this canceller, on any number of sockets; the sockets live on.
        let waiting = scope.spawn(|| socket.cancelled_by(&canceller).recv(100));
        canceller.cancel();
        let error = waiting.join().expect("a wait does not panic").expect_err("nothing was sent");
        println!("{error}");
        assert!(error.is_cancelled());
        silent_peer.sendall(b"still connected")?;
        println!("Received: {}", String::from_utf8_lossy(&socket.recv(100)?));

        // Closing ends every wait on this socket.
        let waiting = scope.spawn(|| socket.recv(100));
        socket.close()?;
        let error = waiting.join().expect("a wait does not panic").expect_err("nothing was sent");
        println!("{error}");
        assert!(error.is_closed());
        assert!(silent_peer.recv(100)?.is_empty(), "the peer sees the end of the data");
        Ok(())
    })
}
