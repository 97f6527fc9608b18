//! Server policies and the idle limit on real sockets: each of the limits, in each direction, in single calls and in
//! those of many steps, in files; what inherits them, and what drops them. The slow sides are the crate's own.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use peers::{LIMIT, Waiting, tcp_pair, times_out};
use shotclock::{
    Error, LimitKind, ServerPolicy, Socket, SocketFile, Timeout, create_connection, create_server, with_deadline,
};
use shotclock_faults::{Peer, PeerBuilder, StreamFault};

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);
/// What a peer that moves a byte now and then must not meet, though the machine be busy.
const PATIENT: Duration = Duration::from_millis(600);

fn is_idle(error: &Error) -> bool {
    error.limit() == Some(LimitKind::Idle(LIMIT.into()))
}

fn idle() -> ServerPolicy {
    ServerPolicy::new().idle(LIMIT)
}

/// A connection that was accepted under a policy, its client, and a moment before the accept.
fn accepted(policy: ServerPolicy) -> (Socket, Socket, Instant) {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    listener.set_policy(policy);
    let client = create_connection(listener.getsockname().unwrap(), LONG).unwrap();
    let begun = Instant::now();
    (listener.accept().unwrap().0, client, begun)
}

#[test]
fn every_wait_to_receive_ends_by_the_idle_limit() {
    let (server, _client, _) = accepted(idle());
    assert!(is_idle(&times_out(LIMIT, || server.recv(1))));
    assert!(is_idle(&times_out(LIMIT, || server.recv_into(&mut [0]))));
    assert!(is_idle(&times_out(LIMIT, || server.recv_exact(&mut [0]))));
    assert!(is_idle(&times_out(LIMIT, || server.recvfrom_into(&mut [0]))));
    assert!(is_idle(&times_out(LIMIT, || server.recvmsg_into(&mut [IoSliceMut::new(&mut [0])], 0))));
    assert!(is_idle(&times_out(LIMIT, || server.recv_fds(1, 1))));
    let mut file = server.makefile().unwrap();
    assert!(is_idle(&times_out(LIMIT, || file.readline())));
    let read = |result: std::io::Result<usize>| result.map_err(|error| error.downcast::<Error>().unwrap());
    assert!(is_idle(&times_out(LIMIT, || read(file.read_to_end(&mut Vec::new())))));
    assert!(is_idle(&times_out(LIMIT, || read((&server).read_to_end(&mut Vec::new())))));
}

#[test]
fn every_wait_to_send_ends_by_the_idle_limit() {
    let (server, never_reads, _) = accepted(idle());
    let data = vec![7; 16 << 20];
    let error = server.sendall(&data).unwrap_err();
    assert!(is_idle(&error) && error.bytes_moved() > 0, "{error}");
    assert!(is_idle(&times_out(LIMIT, || server.send(&data))));
    assert!(is_idle(&times_out(LIMIT, || server.sendall(&data))));
    assert!(is_idle(&times_out(LIMIT, || server.sendto(&data, never_reads.getsockname().unwrap()))));
    assert!(is_idle(&times_out(LIMIT, || server.sendmsg(&[IoSlice::new(&data)], &[], None))));
    let program = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    assert!(is_idle(&times_out(LIMIT, || server.sendfile(&program, 0, None))));
    let mut writer = server.makefile_writer().unwrap();
    writer.write_all(b"a little").unwrap();
    assert!(is_idle(&times_out(LIMIT, || writer.close())));
}

/// A misbehaving peer's connection, put under a policy here, as an accepted one would be.
fn slow(fault: StreamFault) -> (Socket, Peer) {
    let peer = PeerBuilder::new(fault).content(vec![b'x'; 1 << 16]).start().unwrap();
    (create_connection(peer.address(), LONG).unwrap(), peer)
}

#[test]
fn a_peer_that_drips_is_not_idle_and_meets_the_total() {
    let (socket, _peer) = slow(StreamFault::Drip { interval: LIMIT / 2 });
    let begun = Instant::now();
    let total = PATIENT + LIMIT;
    socket.set_policy(ServerPolicy::new().idle(PATIENT).total(total));
    let error = socket.recv_exact(&mut [0; 1000]).unwrap_err();
    assert_eq!(error.limit(), Some(LimitKind::Total(total.into())));
    assert!(begun.elapsed() >= total && error.bytes_moved() >= 3, "{error}");
    let error = socket.recv(1).unwrap_err();
    assert_eq!(error.limit(), Some(LimitKind::Total(total.into())), "and every call after it");
}

#[test]
fn a_view_s_idle_limit_lets_a_slow_peer_finish() {
    let (socket, _peer) = slow(StreamFault::Drip { interval: LIMIT / 2 });
    let begun = Instant::now();
    socket.idle(PATIENT).recv_exact(&mut [0; 25]).unwrap();
    assert!(begun.elapsed() > PATIENT, "the whole took longer than the limit");
    let begun = Instant::now();
    let error = socket.within(LIMIT).idle(PATIENT).recv_exact(&mut [0; 1000]).unwrap_err();
    assert_eq!(error.limit(), Some(LimitKind::CallDeadline));
    assert!(begun.elapsed() >= LIMIT);
    let begun = Instant::now();
    let mut file = SocketFile::new(socket.idle(PATIENT)).unwrap();
    file.read_exact(&mut [0; 25]).unwrap();
    assert!(begun.elapsed() > PATIENT, "in a file as well");
}

#[test]
fn a_silent_peer_ends_a_view_s_idle_limit_in_each_call() {
    let (client, silent) = tcp_pair();
    silent.sendall(b"hel").unwrap();
    let mut buffer = [0; 5];
    let error = client.idle(LIMIT).recv_exact(&mut buffer).unwrap_err();
    assert!(is_idle(&error) && error.bytes_moved() == 3, "{error}");
    assert!(is_idle(&times_out(LIMIT, || client.idle(LONG).idle(LIMIT).recv(1))), "the shorter counts");
    let error = client.idle(LIMIT).sendall(&vec![0; 16 << 20]).unwrap_err();
    assert!(is_idle(&error) && error.bytes_moved() > 0, "{error}");
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    assert!(is_idle(&times_out(LIMIT, || listener.idle(LIMIT).accept())), "what moves nothing has been idle all along");
}

#[test]
fn a_peer_that_never_reads_is_idle() {
    let (socket, _peer) = slow(StreamFault::NeverRead);
    socket.set_policy(idle());
    let begun = Instant::now();
    assert!(is_idle(&socket.sendall(&vec![0; 16 << 20]).unwrap_err()));
    assert!(begun.elapsed() >= LIMIT);
}

#[test]
fn the_first_byte_counts_from_accept() {
    let first_byte = Some(LimitKind::FirstByte(LIMIT.into()));
    let (server, client, begun) = accepted(ServerPolicy::new().first_byte(LIMIT).idle(LONG));
    // The server turns to it late, or for a short time; the client is later.
    assert_eq!(server.within(LIMIT / 2).recv(1).unwrap_err().limit(), Some(LimitKind::CallDeadline));
    assert_eq!(server.recv(1).unwrap_err().limit(), first_byte);
    assert!(begun.elapsed() >= LIMIT && begun.elapsed() < LIMIT + LIMIT / 2 + Duration::from_millis(250));
    assert_eq!(server.makefile().unwrap().readline().unwrap_err().limit(), first_byte);
    client.sendall(b"xy").unwrap();
    assert_eq!(server.within(LONG).recv(1).unwrap(), b"x", "late as it is, it need not be waited for");
    server.set_policy(ServerPolicy::new().first_byte(LIMIT).idle(LIMIT));
    assert_eq!(server.recv(1).unwrap(), b"y");
    assert!(is_idle(&times_out(LIMIT, || server.recv(1))), "it has come");
}

#[test]
fn a_flood_does_not_outrun_the_total() {
    let (server, client, begun) = accepted(ServerPolicy::new().total(LIMIT));
    let flood = thread::spawn(move || {
        client.set_timeout(LONG);
        while client.sendall(&[0; 1 << 16]).is_ok() {}
    });
    let mut buffer = vec![0; 1 << 16];
    let error = loop {
        if let Err(error) = server.recv_into(&mut buffer) {
            break error;
        }
    };
    assert_eq!(error.limit(), Some(LimitKind::Total(LIMIT.into())));
    assert!(begun.elapsed() >= LIMIT);
    assert!((&server).read_to_end(&mut Vec::new()).is_err(), "in a call of many parts as well");
    drop(server);
    flood.join().unwrap();
}

#[test]
fn what_is_accepted_inherits_and_may_change() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let address = listener.getsockname().unwrap();
    let accept = || {
        let client = create_connection(address, LONG).unwrap();
        (listener.accept().unwrap().0, client)
    };
    let (before, _client) = accept();
    listener.set_policy(idle());
    let (server, _client) = accept();
    assert_eq!((before.policy(), server.policy(), listener.policy()), (None, Some(idle()), Some(idle())));
    listener.set_policy(ServerPolicy::new().total(LONG));
    assert_eq!((server.policy(), accept().0.policy()), (Some(idle()), Some(ServerPolicy::new().total(LONG))));
    listener.set_policy(None);
    assert_eq!((listener.policy(), accept().0.policy()), (None, None));

    let copy = server.dup().unwrap();
    assert!(is_idle(&times_out(LIMIT, || copy.recv(1))));
    server.set_policy(None);
    server.set_timeout(LIMIT);
    assert_eq!(times_out(LIMIT, || server.recv(1)).limit(), Some(LimitKind::SocketTimeout(LIMIT.into())));
    server.set_policy(ServerPolicy::new().first_byte(LIMIT / 2).idle(LIMIT / 2));
    let error = times_out(LIMIT / 2, || server.recv(1));
    assert_eq!(error.limit(), Some(LimitKind::Idle((LIMIT / 2).into())), "what was removed waits for no first byte");

    let plain = Socket::from(TcpStream::from(copy));
    assert_eq!(plain.policy(), None, "std's types know of none");
}

#[test]
fn a_limit_that_is_taken_away_ends_no_call_under_way() {
    let (server, client, _) = accepted(ServerPolicy::new().idle(PATIENT).first_byte(PATIENT).total(PATIENT));
    let server = Arc::new(server);
    let receives = Waiting::on(&server, |server| server.within(LONG).recv_exact(&mut [0; 2]));
    server.set_policy(None);
    client.sendall(b"1").unwrap();
    times_out(PATIENT * 2, || client.within(PATIENT * 2).recv(1));
    client.sendall(b"2").unwrap();
    receives.ended().unwrap();
}

#[test]
fn accept_and_connect_are_not_bounded_by_it() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let tiny = Duration::from_nanos(1);
    listener.set_policy(ServerPolicy::new().first_byte(tiny).idle(tiny).total(tiny));
    listener.set_timeout(LIMIT);
    let error = times_out(LIMIT, || listener.accept());
    assert_eq!(error.limit(), Some(LimitKind::SocketTimeout(LIMIT.into())));
    let client = Socket::new(shotclock::Family::INET, shotclock::Kind::STREAM).unwrap();
    client.set_policy(ServerPolicy::new().total(tiny));
    client.connect(listener.getsockname().unwrap()).unwrap();
    assert!(listener.accept().unwrap().0.recv(1).unwrap_err().is_timeout());
}

#[test]
fn the_earliest_of_all_limits_counts() {
    let (server, _client, _) = accepted(ServerPolicy::new().idle(LONG).total(LONG));
    assert_eq!(times_out(LIMIT, || server.within(LIMIT).recv(1)).limit(), Some(LimitKind::CallDeadline));
    assert!(times_out(LIMIT, || with_deadline(LIMIT, || server.recv(1))).scope().is_some());
    assert!(is_idle(&times_out(LIMIT, || server.idle(LIMIT).recv(1))));
    server.set_nonblocking(true);
    server.set_policy(ServerPolicy::new().total(Timeout::ZERO));
    assert!(server.recv(1).unwrap_err().is_would_block(), "it does not wait");
}

#[test]
fn a_thread_that_sends_keeps_one_that_receives_from_being_idle() {
    let (server, client, _) = accepted(ServerPolicy::new().idle(PATIENT));
    let server = Arc::new(server);
    let sender = thread::spawn({
        let server = Arc::clone(&server);
        move || {
            let (silent, _peer) = tcp_pair();
            times_out(PATIENT / 2, || silent.within(PATIENT / 2).recv(1));
            let before = Instant::now();
            server.sendall(b"x").unwrap();
            before
        }
    });
    let error = server.recv(1).unwrap_err();
    let ended = Instant::now();
    let sent = sender.join().unwrap();
    assert_eq!(error.limit(), Some(LimitKind::Idle(PATIENT.into())));
    assert!(ended - sent >= PATIENT, "{:?} after the last byte", ended - sent);
    drop(client);
}

#[test]
fn close_under_a_policy_still_ends_a_wait() {
    let (server, _client, _) = accepted(ServerPolicy::new().idle(LONG));
    let server = Arc::new(server);
    let waiting = Arc::clone(&server);
    let thread = thread::spawn(move || waiting.recv(1).unwrap_err());
    server.close().unwrap();
    assert!(thread.join().unwrap().is_closed());
    assert!(server.recv(1).unwrap_err().is_closed());
}
