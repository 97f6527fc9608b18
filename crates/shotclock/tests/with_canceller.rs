//! A canceller for all that a thread does in a piece of code.
#![cfg_attr(windows, allow(unused_imports, reason = "what only Unix systems have is left out there"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use peers::{LIMIT, LOOSE, PAIRS, Waiting, fill, full_backlog, tcp_pair, times_out, udp};
use shotclock::{
    Address, Canceller, Error, Family, Kind, Lookup, Result, ServerBuilder, Socket, create_connection, create_server,
    shield, socketpair, with_canceller, with_deadline,
};

/// Beyond what anything here takes.
const FAR: Duration = Duration::from_secs(60);

/// A wait under a canceller of its thread, ended from here.
#[track_caller]
fn ends(socket: Socket, wait: impl FnOnce(&Socket) -> Result<()> + Send + 'static) -> Error {
    let (canceller, socket) = (Canceller::new(), Arc::new(socket));
    let theirs = canceller.clone();
    let waiting = Waiting::on(&socket, move |socket| with_canceller(&theirs, || wait(socket)));
    let begun = Instant::now();
    canceller.cancel();
    let error = waiting.ended().unwrap_err();
    assert!(begun.elapsed() < LOOSE, "{:?}", begun.elapsed());
    assert!(error.is_cancelled(), "{error}");
    error
}

#[test]
fn it_ends_every_wait_of_its_thread() {
    let (receives, _silent) = tcp_pair();
    assert_eq!(ends(receives, |socket| socket.recv(1).map(drop)).operation(), "recv");
    let (receives, _silent) = tcp_pair();
    ends(receives, |socket| socket.within(FAR).recv_exact(&mut [0; 9]));
    let (reads, _silent) = tcp_pair();
    ends(reads, |socket| socket.makefile_reader()?.readline().map(drop));
    let (reads, _silent) = tcp_pair();
    ends(reads, |mut socket| Ok(socket.read(&mut [0; 9]).map(drop)?));
    let (sends, _never_reads) = tcp_pair();
    sends.set_timeout(LIMIT);
    fill(&sends);
    sends.set_timeout(None);
    ends(sends, |socket| socket.sendall(&[0; 1 << 20]));
    ends(create_server(("127.0.0.1", 0)).unwrap(), |socket| socket.accept().map(drop));
    ends(create_server(("127.0.0.1", 0)).unwrap(), |socket| {
        socket.incoming().next().map_or_else(cancelled, |_| Ok(()))
    });
    let full = full_backlog();
    let address = full.address;
    ends(Socket::new(Family::INET, Kind::STREAM).unwrap(), move |socket| socket.connect(address));
    ends(udp(), move |_| create_connection(address, None).map(drop));
    ends(udp(), |_| Canceller::new().pause(FAR));
}

/// What an iterator that ends says in other words.
fn cancelled() -> Result<()> {
    let canceller = Canceller::new();
    canceller.cancel();
    canceller.pause(FAR)
}

#[test]
fn each_of_those_around_counts_and_a_view_s_own_too() {
    let [outer, inner, own] = [(); 3].map(|()| Canceller::new());
    for which in [&outer, &inner, &own] {
        let (socket, _silent) = socketpair(PAIRS, Kind::STREAM).unwrap();
        let socket = Arc::new(socket);
        let all = [outer.child(), inner.child(), own.child()];
        let child = [&outer, &inner, &own].iter().position(|one| std::ptr::eq(*one, which)).unwrap();
        let ends = all[child].clone();
        let waiting = Waiting::on(&socket, move |socket| {
            let [outer, inner, own] = &all;
            with_canceller(outer, || with_canceller(inner, || socket.cancelled_by(own).recv(1).map(drop)))
        });
        ends.cancel();
        assert!(waiting.ended().unwrap_err().is_cancelled());
    }
}

#[test]
fn once_used_nothing_is_tried_any_more() {
    let (ours, theirs) = socketpair(PAIRS, Kind::STREAM).unwrap();
    theirs.sendall(b"waits").unwrap();
    let canceller = Canceller::new();
    canceller.cancel();
    with_canceller(&canceller, || {
        assert!(ours.recv(9).unwrap_err().is_cancelled(), "though something is there");
        ours.set_nonblocking(true);
        assert!(ours.recv(9).unwrap_err().is_cancelled());
        assert!(ours.send(b"x").unwrap_err().is_cancelled());
        assert!(Lookup::new().gethostbyname("localhost").unwrap_err().is_cancelled());
        assert!(Socket::new(Family::INET, Kind::STREAM).unwrap().bind(("localhost", 0)).unwrap_err().is_cancelled());
        let listening = ServerBuilder::new().listen(("localhost", 0));
        assert!(listening.unwrap_err().is_cancelled());
        // Clean-up goes on under a limit of its own.
        shield(|| with_deadline(FAR, || ours.sendall(b"goodbye"))).unwrap();
        // What needs no lookup and no wait is no business of it.
        assert!(create_server(("127.0.0.1", 0)).is_ok());
    });
    assert_eq!(ours.recv(9).unwrap(), b"waits", "nothing was lost");
    assert_eq!(theirs.recv(9).unwrap(), b"goodbye");
}

#[test]
fn other_limits_hold_beside_it_and_other_threads_are_outside() {
    let canceller = Canceller::new();
    let (ours, _silent) = socketpair(PAIRS, Kind::STREAM).unwrap();
    ours.set_timeout(LIMIT);
    with_canceller(&canceller, || times_out(LIMIT, || ours.recv(1)));
    with_canceller(&canceller, || times_out(LIMIT, || ours.within(LIMIT).recv(1)));
    ours.set_timeout(None);
    with_canceller(&canceller, || with_deadline(LIMIT, || times_out(LIMIT, || ours.recv(1))));
    canceller.cancel();
    ours.set_timeout(LIMIT);
    with_canceller(&canceller, || {
        std::thread::scope(|threads| threads.spawn(|| times_out(LIMIT, || ours.recv(1))).join().unwrap())
    });
}

#[test]
fn a_view_binds_and_a_server_listens_within_its_limits() {
    let passed = Duration::ZERO;
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let error = socket.within(passed).bind(("localhost", 0)).unwrap_err();
    assert!(error.is_timeout() && error.target() == Some("localhost:0"), "{error}");
    let error = ServerBuilder::new().within(passed).listen(("localhost", 0)).unwrap_err();
    assert!(error.is_timeout() && error.operation() == "create_server", "{error}");
    let error = ServerBuilder::new().timeout(passed).listen(("localhost", 0)).unwrap_err();
    assert!(error.is_would_block(), "{error}");
    // Addresses need no lookup, and so no time.
    socket.within(FAR).bind(Address::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = ServerBuilder::new().timeout(LIMIT).listen(("127.0.0.1", 0)).unwrap();
    times_out(LIMIT, || listener.accept());
}
