//! How waits end over TCP: what every system has to prove anew, above all Windows, whose sockets are no descriptors and whose
//! waits are no poll.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{
    Canceller, Error, Family, Kind, Shutdown, Socket, SocketOption, create_connection, create_server, socketpair,
    with_deadline,
};

const LONG: Duration = Duration::from_secs(20);

fn pair() -> (Arc<Socket>, Arc<Socket>) {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let one = create_connection(listener.getsockname().unwrap(), LONG).unwrap();
    (Arc::new(one), Arc::new(listener.accept().unwrap().0))
}

/// Sends until nothing more goes for a moment.
fn fill(socket: &Socket) {
    let data = vec![7; 1 << 20];
    while socket.within(Duration::from_millis(50)).sendall(&data).is_ok_and(|()| true) {}
}

fn exactly<const N: usize>(socket: &Socket) -> [u8; N] {
    let mut bytes = [0; N];
    socket.within(LONG).recv_exact(&mut bytes).unwrap();
    bytes
}

/// A call in a thread, and when it ended.
fn aside<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<(T, Instant)> {
    let (tell, told) = mpsc::channel();
    let started = Arc::new(Barrier::new(2));
    let theirs = Arc::clone(&started);
    thread::spawn(move || {
        theirs.wait();
        let outcome = call();
        tell.send((outcome, Instant::now())).unwrap();
    });
    started.wait();
    told
}

#[test]
fn no_wait_ends_early() {
    let (one, _silent) = pair();
    for limit in [1, 2, 5, 15, 16, 17, 40, 60].map(Duration::from_millis) {
        for _ in 0..8 {
            let begun = Instant::now();
            let error = one.within(limit).recv(1).unwrap_err();
            let elapsed = begun.elapsed();
            assert!(error.is_timeout(), "{error}");
            assert!(elapsed >= limit && elapsed < limit + Duration::from_secs(2), "{elapsed:?} of {limit:?}");
        }
    }
}

#[test]
fn a_reader_wakes_while_a_writer_waits_on_the_same_socket() {
    let (one, other) = pair();
    fill(&one);
    let (reads, writes) = (Arc::clone(&one), Arc::clone(&one));
    let written = aside(move || writes.within(Duration::from_millis(700)).sendall(&vec![1; 64 << 20]));
    let read = aside(move || reads.within(LONG).recv(1));
    let limit = Instant::now() + Duration::from_millis(100);
    while Instant::now() < limit {
        thread::yield_now();
    }
    let sent = Instant::now();
    other.sendall(b"x").unwrap();
    let (byte, at) = read.recv_timeout(LONG).unwrap();
    assert_eq!(byte.unwrap(), b"x");
    assert!(at - sent < Duration::from_millis(500), "the writer still waits: {:?}", at - sent);
    assert!(written.recv_timeout(LONG).unwrap().0.unwrap_err().is_timeout());
}

#[test]
fn a_close_ends_readers_and_writers_and_frees_the_address() {
    for _ in 0..20 {
        let (one, _other) = pair();
        fill(&one);
        let (reads, writes) = (Arc::clone(&one), Arc::clone(&one));
        let read = aside(move || reads.within(LONG).recv(1));
        let written = aside(move || writes.within(LONG).sendall(&vec![1; 64 << 20]));
        one.close().unwrap();
        for ended in [read.recv_timeout(LONG).unwrap().0.map(drop), written.recv_timeout(LONG).unwrap().0] {
            assert!(ended.as_ref().is_err_and(Error::is_closed), "{ended:?}");
        }

        let listener = Arc::new(create_server(("127.0.0.1", 0)).unwrap());
        let address = listener.getsockname().unwrap();
        let accepts = Arc::clone(&listener);
        let accepted = aside(move || accepts.within(LONG).accept().map(drop));
        listener.close().unwrap();
        assert!(accepted.recv_timeout(LONG).unwrap().0.unwrap_err().is_closed());
        create_server(address).unwrap();
    }
}

#[test]
fn a_close_beside_calls_that_never_wait_harms_no_stranger() {
    for _ in 0..50 {
        let (one, _other) = pair();
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let one = Arc::clone(&one);
                aside(move || {
                    loop {
                        match one.within(Duration::ZERO).recv(1) {
                            Err(error) if error.is_timeout() => {}
                            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                            outcome => return outcome,
                        }
                    }
                })
            })
            .collect();
        one.close().unwrap();
        // Takes the number at once, if it is free.
        let (stranger, friend) = pair();
        friend.sendall(b"mine").unwrap();
        for call in calls {
            assert!(call.recv_timeout(LONG).unwrap().0.unwrap_err().is_closed());
        }
        assert_eq!(exactly::<4>(&stranger), *b"mine");
    }
}

#[test]
fn a_cancellation_ends_every_wait_of_its_kind() {
    for _ in 0..20 {
        let canceller = Canceller::new();
        let (one, _silent) = pair();
        let listener = create_server(("127.0.0.1", 0)).unwrap();
        let (theirs, others) = (canceller.clone(), canceller.clone());
        let reader = Arc::clone(&one);
        let read = aside(move || reader.within(LONG).cancelled_by(&theirs).recv(1).map(drop));
        let accepted = aside(move || listener.within(LONG).cancelled_by(&others).accept().map(drop));
        canceller.cancel();
        for ended in [read, accepted] {
            assert!(ended.recv_timeout(LONG).unwrap().0.unwrap_err().is_cancelled());
        }
    }
}

#[test]
fn more_cancellers_than_a_wait_has_objects() {
    let many: Vec<_> = (0..300).map(|_| Canceller::new()).collect();
    let any = Canceller::any_of(&many);
    let (one, _silent) = pair();
    let read = aside(move || one.within(LONG).cancelled_by(&any).recv(1));
    many[277].cancel();
    assert!(read.recv_timeout(LONG).unwrap().0.unwrap_err().is_cancelled());
}

#[test]
fn a_refused_connection_is_told_and_another_may_follow() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let gone = listener.getsockname().unwrap();
    listener.close().unwrap();
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let refused = |error: Error| assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{error}");
    refused(socket.within(LONG).connect(gone).unwrap_err());
    refused(socket.within(LONG).connect(gone).unwrap_err());
    let there = create_server(("127.0.0.1", 0)).unwrap();
    socket.within(LONG).connect(there.getsockname().unwrap()).unwrap();
    let (peer, _) = there.accept().unwrap();
    peer.sendall(b"hello").unwrap();
    assert_eq!(exactly::<5>(&socket), *b"hello");
    with_deadline(LONG, || create_connection(there.getsockname().unwrap(), LONG)).unwrap();
}

#[test]
fn the_end_of_the_data_and_a_reset_are_told() {
    let (one, other) = pair();
    other.sendall(b"last").unwrap();
    other.shutdown(Shutdown::WRITE).unwrap();
    assert_eq!(exactly::<4>(&one), *b"last");
    assert_eq!(one.within(LONG).recv(10).unwrap(), b"");
    one.sendall(b"back").unwrap();
    assert_eq!(other.within(LONG).recv(10).unwrap(), b"back");

    let (one, other) = pair();
    other.setsockopt(SocketOption::LINGER, Some(Duration::ZERO)).unwrap();
    let reads = Arc::clone(&one);
    let read = aside(move || reads.within(LONG).recv(1));
    drop(other);
    // Wine ends the connection in order first.
    match read.recv_timeout(LONG).unwrap().0 {
        Ok(bytes) => assert!(cfg!(windows) && bytes.is_empty()),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
}

#[test]
fn a_receive_ends_where_receiving_is_shut_down() {
    let (one, _other) = pair();
    let reads = Arc::clone(&one);
    let read = aside(move || reads.within(LONG).recv(1));
    one.shutdown(Shutdown::READ).unwrap();
    assert_eq!(read.recv_timeout(LONG).unwrap().0.unwrap(), b"");
}

#[test]
fn datagrams_come_whole_or_cut() {
    let (one, other) = socketpair(if cfg!(windows) { Family::INET } else { Family::UNIX }, Kind::DGRAM).unwrap();
    one.send(b"a datagram").unwrap();
    one.send(b"another").unwrap();
    assert_eq!(other.within(LONG).recv(4).unwrap(), b"a da");
    assert_eq!(other.within(LONG).recv(100).unwrap(), b"another");
    assert!(other.within(Duration::from_millis(20)).recv(1).unwrap_err().is_timeout());
}
