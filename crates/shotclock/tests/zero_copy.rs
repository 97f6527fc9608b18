//! Sends without a copy: when the buffer is free, and what becomes of it when a limit passes before.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{
    Canceller, Family, Kind, PageBuffer, Socket, SocketOption, create_connection, socketpair, with_deadline,
};

const PATIENCE: Duration = Duration::from_secs(20);
const LONG: usize = 16 << 20;
const SHORT: Duration = Duration::from_millis(200);
/// SO_ZEROCOPY.
const ALLOWED: SocketOption<bool> = SocketOption::new(1, 60);

fn connected() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = create_connection(listener.local_addr().unwrap(), PATIENCE).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    ours.set_timeout(PATIENCE);
    (ours, theirs)
}

/// Bytes that say where they stand.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 251) as u8 ^ at as u8).collect()
}

#[test]
fn all_arrives_and_the_buffer_is_free_when_the_call_returns() {
    let (ours, mut theirs) = connected();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        all
    });
    let mut buffer = PageBuffer::new(LONG).unwrap();
    let mut sender = ours.zero_copy().unwrap();
    for round in 0..3_u8 {
        buffer.fill(round);
        sender.sendall(&mut buffer, ..).unwrap();
    }
    buffer.fill(99);
    sender.sendall(&mut buffer, 5..8).unwrap();
    drop(sender);
    ours.close().unwrap();
    let all = reader.join().unwrap();
    assert_eq!(all.len(), 3 * LONG + 3);
    for (round, part) in (0..3_u8).zip(all.chunks_exact(LONG)) {
        assert!(part.iter().all(|byte| *byte == round), "{round}");
    }
    assert_eq!(all[3 * LONG..], [99; 3]);
}

/// Has a send to a peer that does not read ended in this way; what arrives then is what was in the buffer.
fn is_ended_by(end: impl FnOnce(&Socket, &mut PageBuffer) -> shotclock::Error) -> shotclock::Error {
    let (ours, mut theirs) = connected();
    let mut buffer = PageBuffer::new(LONG).unwrap();
    buffer.copy_from_slice(&pattern(LONG));
    let error = end(&ours, &mut buffer);
    let sent = usize::try_from(error.bytes_moved()).unwrap();
    assert!(sent > 0 && sent < LONG, "{error}");
    assert_eq!(buffer[..], pattern(LONG)[..], "the buffer has what it had");
    buffer.fill(0);
    ours.close().unwrap();
    let mut all = Vec::new();
    theirs.read_to_end(&mut all).unwrap();
    assert!(all == pattern(LONG)[..sent], "what was sent is what was there");
    error
}

#[test]
fn a_limit_leaves_the_pages_to_the_system_and_a_copy_to_us() {
    let began = Instant::now();
    let error = is_ended_by(|ours, buffer| ours.within(SHORT).zero_copy().unwrap().sendall(buffer, ..).unwrap_err());
    assert!(error.is_timeout() && began.elapsed() >= SHORT, "{error}");
    let error = is_ended_by(|ours, buffer| {
        let mut sender = ours.zero_copy().unwrap();
        with_deadline(SHORT, || sender.sendall(buffer, ..)).unwrap_err()
    });
    assert!(error.scope().is_some(), "{error}");
}

#[test]
fn a_canceller_and_a_close_end_it_as_well() {
    let stop = Canceller::new();
    let error = is_ended_by(|ours, buffer| {
        thread::scope(|scope| {
            scope.spawn(|| stop.pause(SHORT).map(|()| stop.clone().cancel()));
            ours.cancelled_by(&stop).zero_copy().unwrap().sendall(buffer, ..).unwrap_err()
        })
    });
    assert!(error.is_cancelled(), "{error}");
    let (ours, _theirs) = connected();
    let mut buffer = PageBuffer::new(LONG).unwrap();
    thread::scope(|scope| {
        let sender = scope.spawn(|| ours.zero_copy().unwrap().sendall(&mut buffer, ..).unwrap_err());
        Canceller::new().pause(SHORT).unwrap();
        ours.close().unwrap();
        assert!(sender.join().unwrap().is_closed());
    });
}

#[test]
fn a_send_goes_on_after_a_limit_with_the_rest() {
    let (ours, mut theirs) = connected();
    let mut buffer = PageBuffer::new(LONG).unwrap();
    buffer.copy_from_slice(&pattern(LONG));
    let mut sender = ours.zero_copy().unwrap();
    let error = with_deadline(SHORT, || sender.sendall(&mut buffer, ..)).unwrap_err();
    let sent = usize::try_from(error.bytes_moved()).unwrap();
    let reader = thread::spawn(move || {
        let mut all = vec![0; LONG];
        theirs.read_exact(&mut all).unwrap();
        all
    });
    sender.sendall(&mut buffer, sent..).unwrap();
    assert!(reader.join().unwrap() == pattern(LONG));
}

#[test]
fn a_peer_that_is_gone_is_an_error_or_an_end_never_a_hang() {
    let (ours, theirs) = connected();
    let mut buffer = PageBuffer::new(LONG).unwrap();
    let mut sender = ours.zero_copy().unwrap();
    thread::scope(|scope| {
        let sending = scope.spawn(|| sender.sendall(&mut buffer, ..).unwrap_err());
        Canceller::new().pause(SHORT).unwrap();
        drop(theirs);
        let error = sending.join().unwrap();
        assert!(matches!(error.raw_os_error(), Some(32 | 104)), "EPIPE or ECONNRESET: {error}");
    });
}

#[test]
fn bytes_that_a_connection_has_not_delivered_when_it_fails_are_an_error() {
    const LEN: usize = 300_000;
    let (ours, theirs) = connected();
    // So much is taken at once, and does not fit at the other end, which reads nothing.
    ours.setsockopt(SocketOption::SNDBUF, 1 << 20).unwrap();
    Socket::fromfd(theirs.as_fd()).unwrap().setsockopt(SocketOption::RCVBUF, 4096).unwrap();
    let mut buffer = PageBuffer::new(LEN).unwrap();
    let mut sender = ours.zero_copy().unwrap();
    thread::scope(|scope| {
        let sending = scope.spawn(|| sender.sendall(&mut buffer, ..).unwrap_err());
        Canceller::new().pause(SHORT).unwrap();
        drop(theirs);
        let error = sending.join().unwrap();
        assert!(matches!(error.raw_os_error(), Some(32 | 104)), "EPIPE or ECONNRESET: {error}");
    });
}

#[test]
fn where_the_system_has_no_such_thing_bytes_are_copied() {
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    one.set_timeout(PATIENCE);
    let mut buffer = PageBuffer::new(LONG).unwrap();
    buffer.copy_from_slice(&pattern(LONG));
    let mut sender = one.zero_copy().unwrap();
    let reader = thread::spawn(move || {
        let mut all = vec![0; LONG];
        other.within(PATIENCE).recv_exact(&mut all).unwrap();
        all
    });
    sender.sendall(&mut buffer, ..).unwrap();
    assert!(sender.is_copied());
    assert!(reader.join().unwrap() == pattern(LONG));
}

#[test]
fn what_cannot_be_sent_so_is_refused() {
    let (ours, _theirs) = connected();
    let mut buffer = PageBuffer::new(100).unwrap();
    let mut sender = ours.zero_copy().unwrap();
    let error = sender.sendall(&mut buffer, 50..101).unwrap_err();
    assert!(error.to_string().contains("bytes 50 to 101 of a buffer of 100"), "{error}");
    let error = ours.zero_copy().unwrap_err();
    assert!(error.to_string().contains("SO_ZEROCOPY is set"), "{error}");
    drop(sender);
    assert!(!ours.getsockopt(ALLOWED).unwrap(), "as it was");
    let (datagrams, _other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    assert!(datagrams.zero_copy().unwrap_err().to_string().contains("expected a stream"));
    ours.close().unwrap();
    assert!(ours.zero_copy().unwrap_err().is_closed());
}

#[test]
fn a_descriptor_that_somebody_makes_blocking_keeps_the_limit() {
    let (ours, theirs) = connected();
    let other_end = Socket::fromfd(theirs.as_fd()).unwrap();
    theirs.set_nonblocking(false).unwrap();
    let mut buffer = PageBuffer::new(LONG).unwrap();
    let error = other_end.within(SHORT).zero_copy().unwrap().sendall(&mut buffer, ..).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    drop(ours);
}
