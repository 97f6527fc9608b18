//! Each fault, as a client meets it: in its order, never early, bounded, and gone when its peer is dropped.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../../shotclock/tests/peers/mod.rs"]
mod peers;

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use peers::{LIMIT, in_own_process, open_descriptors, times_out};
use shotclock::{Family, Kind, Shutdown, Socket, SocketOption, create_connection, set_default_timeout};
use shotclock_faults::{DatagramFault, Event, EventKind, Fault, NameServerFault, Peer, PeerBuilder, StreamFault};

/// How long anything may take before a test calls it hung.
const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(20);
/// What a peer sends if nobody says what.
const CONTENT: &[u8] = b"0123456789abcde\n0123456789abcde\n";

#[track_caller]
fn connect(peer: &Peer) -> Socket {
    create_connection(peer.address(), PATIENCE).unwrap()
}

#[track_caller]
fn datagram_client() -> Socket {
    let socket = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    socket.set_timeout(PATIENCE);
    socket.bind(("127.0.0.1", 0)).unwrap();
    socket
}

#[track_caller]
fn receive(client: &Socket, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    client.recv_exact(&mut bytes).unwrap();
    bytes
}

/// A peer, and what it tells.
#[track_caller]
fn told(builder: PeerBuilder) -> (Peer, Receiver<Event>) {
    let (tell, told) = channel();
    (builder.on_event(move |event| drop(tell.send(event))).start().unwrap(), told)
}

#[track_caller]
fn next(told: &Receiver<Event>) -> Event {
    told.recv_timeout(PATIENCE).unwrap()
}

#[track_caller]
fn expect(told: &Receiver<Event>, kinds: &[EventKind]) -> Vec<Event> {
    let events: Vec<Event> = kinds.iter().map(|_| next(told)).collect();
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), kinds, "{events:#?}");
    events
}

#[test]
fn silent_never_answers_not_even_to_the_end_of_the_data() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::Silent));
    let client = connect(&peer);
    client.sendall(&vec![7; 4 << 20]).unwrap();
    client.shutdown(Shutdown::WRITE).unwrap();
    times_out(LIMIT, || client.within(LIMIT).recv(1));
    expect(&told, &[EventKind::Opened, EventKind::Stalled]);
    drop(peer);
    let closed = &expect(&told, &[EventKind::Closed])[0];
    assert_eq!((closed.sent, closed.received, &closed.error), (0, 4 << 20, &None));
}

#[test]
fn full_backlog_lets_a_connect_hang() {
    let peer = Peer::start(Fault::FullBacklog).unwrap();
    for _ in 0..3 {
        let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
        times_out(LIMIT, || client.within(LIMIT).connect(peer.address()));
    }
    let address = peer.address();
    drop(peer);
    let refused = Socket::new(Family::INET, Kind::STREAM).unwrap().connect(address).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn drip_sends_a_byte_each_interval_and_then_the_end() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::Drip { interval: INTERVAL }).content(b"drops"));
    let begun = Instant::now();
    let client = connect(&peer);
    assert_eq!(receive(&client, 5), b"drops");
    assert!(begun.elapsed() >= 4 * INTERVAL, "early: {:?}", begun.elapsed());
    assert_eq!(client.recv(1).unwrap(), b"");
    client.close().unwrap();
    let mut kinds = vec![EventKind::Opened];
    kinds.extend([EventKind::Dripped; 5]);
    kinds.push(EventKind::Closed);
    let events = expect(&told, &kinds);
    assert_eq!(events.iter().map(|event| event.sent).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 5]);
}

#[test]
fn sip_reads_a_byte_each_interval() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::Sip { interval: INTERVAL }));
    let client = connect(&peer);
    let data = vec![7; 16 << 20];
    let error = times_out(LIMIT, || client.within(LIMIT).sendall(&data));
    assert!(error.bytes_moved() < data.len() as u64);
    expect(&told, &[EventKind::Opened, EventKind::Sipped]);
    let begun = Instant::now();
    // One may have been told of already when the clock was read.
    let events = expect(&told, &[EventKind::Sipped; 12]);
    assert!(begun.elapsed() >= INTERVAL, "early: {:?}", begun.elapsed());
    assert_eq!(events.last().unwrap().received, 13);
}

#[test]
fn stall_sends_so_many_bytes_and_stays() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::Stall { after: 20 }));
    let client = connect(&peer);
    assert_eq!(receive(&client, 20), CONTENT[..20]);
    times_out(LIMIT, || client.within(LIMIT).recv(1));
    let events = expect(&told, &[EventKind::Opened, EventKind::Stalled]);
    assert_eq!((events[1].number, events[1].sent, events[1].client), (1, 20, client.getsockname().unwrap().as_inet()));
}

#[test]
fn a_number_beyond_the_content_is_its_end() {
    let peer = PeerBuilder::new(StreamFault::Stall { after: usize::MAX }).content(b"all").start().unwrap();
    let client = connect(&peer);
    assert_eq!(receive(&client, 3), b"all");
    times_out(LIMIT, || client.within(LIMIT).recv(1));
}

#[test]
fn reset_loses_none_of_the_bytes_before_it() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::Reset { after: 50_000 }).when_asked(true));
    for _ in 0..20 {
        let client = connect(&peer);
        client.sendall(b"it had something to say").unwrap();
        receive(&client, 50_000);
        assert_eq!(client.recv(1).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        let events = expect(&told, &[EventKind::Opened, EventKind::Reset, EventKind::Closed]);
        assert_eq!((events[1].sent, &events[2].error), (50_000, &None));
    }
}

#[test]
fn an_unasked_reset_waits_for_all_bytes_to_arrive() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::Reset { after: 50_000 }));
    for _ in 0..20 {
        let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
        // Less than the peer sends, so that they arrive only as they are read: after the connect, that is.
        client.setsockopt(SocketOption::RCVBUF, 8192).unwrap();
        client.within(PATIENCE).connect(peer.address()).unwrap();
        receive(&client, 50_000);
        assert_eq!(client.recv(1).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        let events = expect(&told, &[EventKind::Opened, EventKind::Reset, EventKind::Closed]);
        assert_eq!((events[1].sent, &events[2].error), (50_000, &None));
    }
}

#[test]
fn when_asked_it_begins_with_the_first_byte() {
    for skipped in [0, 1] {
        let builder = PeerBuilder::new(StreamFault::Stall { after: 4 }).skip(skipped).content(b"more").when_asked(true);
        let (peer, told) = told(builder);
        let client = connect(&peer);
        times_out(LIMIT, || client.within(LIMIT).recv(1));
        client.sendall(b"?").unwrap();
        assert_eq!(receive(&client, 4), b"more");
        client.shutdown(Shutdown::WRITE).unwrap();
        expect(&told, &[EventKind::Opened]);
        drop(peer);
        let last = told.into_iter().last().unwrap();
        assert_eq!((last.kind, last.sent, &last.error), (EventKind::Closed, 4, &None));
    }
}

#[test]
fn when_asked_the_end_of_the_data_will_do() {
    let peer = PeerBuilder::new(StreamFault::HalfClose { after: 4 }).when_asked(true).start().unwrap();
    let client = connect(&peer);
    client.shutdown(Shutdown::WRITE).unwrap();
    assert_eq!((receive(&client, 4), client.recv(1).unwrap()), (b"0123".to_vec(), Vec::new()));
}

#[test]
fn a_peer_that_nobody_asks_ends_all_the_same() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::NeverRead).when_asked(true));
    let client = connect(&peer);
    expect(&told, &[EventKind::Opened]);
    drop(peer);
    let closed = &expect(&told, &[EventKind::Closed])[0];
    assert_eq!((closed.received, &closed.error), (0, &None));
    assert_eq!(client.recv(1).unwrap(), b"");
}

#[test]
fn half_close_ends_the_data_and_reads_on() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::HalfClose { after: 3 }));
    let client = connect(&peer);
    assert_eq!(client.recv_exact(&mut [0; 4]).unwrap_err().bytes_moved(), 3);
    client.sendall(&vec![7; 1 << 20]).unwrap();
    client.close().unwrap();
    let events = expect(&told, &[EventKind::Opened, EventKind::HalfClosed, EventKind::Closed]);
    assert_eq!((events[2].sent, events[2].received), (3, 1 << 20));
}

#[test]
fn never_read_lets_a_long_send_hang() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::NeverRead));
    let client = connect(&peer);
    times_out(LIMIT, || client.within(LIMIT).sendall(&vec![7; 16 << 20]));
    times_out(LIMIT, || client.within(LIMIT).recv(1));
    expect(&told, &[EventKind::Opened, EventKind::Stalled]);
    drop(peer);
    assert_eq!(expect(&told, &[EventKind::Closed])[0].received, 0);
}

#[test]
fn garbage_is_the_same_for_the_same_seed() {
    let received = |seed| {
        let peer = PeerBuilder::new(StreamFault::Garbage { after: 16 }).seed(seed).start().unwrap();
        let client = connect(&peer);
        let bytes = receive(&client, 65_536);
        assert_eq!(client.recv(1).unwrap(), b"");
        bytes
    };
    let (one, same, other) = (received(1), received(1), received(2));
    assert_eq!(one[..16], CONTENT[..16]);
    assert!(one == same && one != other && one[16..32] != CONTENT[16..32]);
}

#[test]
fn flood_ends_by_the_bound_on_bytes() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::Flood).max_bytes(200_000));
    let client = connect(&peer);
    receive(&client, 200_000);
    assert_eq!(client.recv(1).unwrap(), b"");
    let closed = &expect(&told, &[EventKind::Opened, EventKind::Closed])[1];
    assert!(closed.sent == 200_000 && closed.error.as_ref().unwrap().contains("200000"), "{closed}");
}

#[test]
fn a_handshake_stalls_after_so_many_bytes() {
    // A record with a handshake message; what is in it nobody reads.
    let hello = [&[22, 3, 1, 2, 0][..], &[1; 512]].concat();
    for (after, expected) in [(0, 0), (9, 9), (usize::MAX, 94)] {
        let (peer, told) = told(PeerBuilder::new(StreamFault::TlsStall { after }));
        let client = connect(&peer);
        client.sendall(&hello[..100]).unwrap();
        times_out(LIMIT, || client.within(LIMIT).recv(1));
        client.sendall(&hello[100..]).unwrap();
        let answer = receive(&client, expected);
        assert!(answer.is_empty() || answer.starts_with(&[22, 3, 3]), "{answer:?}");
        times_out(LIMIT, || client.within(LIMIT).recv(1));
        let events = expect(&told, &[EventKind::Opened, EventKind::ClientHello, EventKind::Stalled]);
        assert_eq!((events[1].received, events[2].sent), (517, expected as u64));
    }
}

#[test]
fn a_tls_client_waits_for_the_rest_of_the_handshake() {
    let peer = Peer::start(StreamFault::TlsStall { after: 40 }).unwrap();
    let roots = rustls::RootCertStore::empty();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let client = connect(&peer);
    client.set_timeout(LIMIT);
    let mut stream = &client;
    let error = session.complete_io(&mut stream).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
    assert!(session.is_handshaking());
}

#[test]
fn a_fault_befalls_whom_it_is_to_befall() {
    let builder = PeerBuilder::new(StreamFault::Reset { after: 0 }).skip(1).take(2).content(b"well");
    let (peer, _told) = told(builder);
    // A client may meet the reset while it still connects.
    let talk = || create_connection(peer.address(), PATIENCE)?.recv(100);
    let went_well = |_| talk().is_ok_and(|data| data == b"well");
    assert_eq!((0..5).map(went_well).collect::<Vec<_>>(), [true, false, false, true, true]);
}

#[test]
fn at_the_bound_the_next_connection_waits_for_one_to_go() {
    let (peer, told) = told(PeerBuilder::new(StreamFault::Stall { after: 1 }).max_connections(2));
    let (first, second, third) = (connect(&peer), connect(&peer), connect(&peer));
    assert_eq!((receive(&first, 1), receive(&second, 1)), (b"0".to_vec(), b"0".to_vec()));
    times_out(LIMIT, || third.within(LIMIT).recv(1));
    // A client that just leaves might be one that still listens; one that resets is none.
    first.setsockopt(SocketOption::LINGER, Some(Duration::ZERO)).unwrap();
    drop(first);
    assert_eq!(receive(&third, 1), b"0");
    // At the second, and at the third.
    assert_eq!(told.iter().filter(|event| event.kind == EventKind::Full).take(2).count(), 2);
    drop(peer);
    assert_eq!(second.recv(1).unwrap(), b"");
}

#[test]
fn datagrams_are_dropped_and_duplicated() {
    let (peer, told) = told(PeerBuilder::new(DatagramFault::Drop).take(2));
    let client = datagram_client();
    for data in [b"1", b"2", b"3"] {
        client.sendto(data, peer.address()).unwrap();
    }
    assert_eq!(client.recv(100).unwrap(), b"3");
    expect(&told, &[EventKind::Dropped, EventKind::Dropped, EventKind::Answered]);

    let peer = PeerBuilder::new(DatagramFault::Duplicate).every(2).start().unwrap();
    for data in [b"1", b"2", b"3"] {
        client.sendto(data, peer.address()).unwrap();
    }
    let answers: Vec<u8> = (0..4).map(|_| client.recv(100).unwrap()[0]).collect();
    assert_eq!(answers, b"1223");
    times_out(LIMIT, || client.within(LIMIT).recv(100));
}

#[test]
fn datagrams_change_their_order() {
    let (peer, told) = told(PeerBuilder::new(DatagramFault::Reorder));
    let client = datagram_client();
    client.sendto(b"1", peer.address()).unwrap();
    times_out(LIMIT, || client.within(LIMIT).recv(100));
    for data in [b"2", b"3", b"4"] {
        client.sendto(data, peer.address()).unwrap();
    }
    let answers: Vec<u8> = (0..4).map(|_| client.recv(100).unwrap()[0]).collect();
    assert_eq!(answers, b"2143");
    expect(&told, &[EventKind::HeldBack, EventKind::Answered, EventKind::HeldBack, EventKind::Answered]);
}

#[test]
fn datagrams_come_late_never_early_and_in_their_order() {
    let peer = Peer::start(DatagramFault::Late { delay: LIMIT }).unwrap();
    let client = datagram_client();
    let begun = Instant::now();
    for data in [b"1", b"2", b"3"] {
        client.sendto(data, peer.address()).unwrap();
    }
    let answers: Vec<u8> = (0..3).map(|_| client.recv(100).unwrap()[0]).collect();
    assert!(begun.elapsed() >= LIMIT, "early: {:?}", begun.elapsed());
    assert_eq!(answers, b"123");
}

#[test]
fn late_answers_are_bounded() {
    let (peer, told) = told(PeerBuilder::new(DatagramFault::Late { delay: PATIENCE }));
    let client = datagram_client();
    let kinds: Vec<EventKind> = (0..1026)
        .map(|_| {
            client.sendto(b"x", peer.address()).unwrap();
            next(&told).kind
        })
        .collect();
    assert!(kinds[..1024].iter().all(|kind| *kind == EventKind::Delayed));
    assert_eq!(kinds[1024..], [EventKind::Full; 2]);
}

#[test]
fn datagrams_answered_are_bounded_by_their_bytes() {
    let (peer, told) = told(PeerBuilder::new(DatagramFault::Duplicate).max_bytes(8));
    let client = datagram_client();
    client.sendto(b"four", peer.address()).unwrap();
    client.sendto(b"none", peer.address()).unwrap();
    expect(&told, &[EventKind::Duplicated, EventKind::Full]);
    assert_eq!((client.recv(100).unwrap(), client.recv(100).unwrap()), (b"four".to_vec(), b"four".to_vec()));
    times_out(LIMIT, || client.within(LIMIT).recv(100));
}

const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x04test\0\0\x01\0\x01";

#[track_caller]
fn ask(client: &Socket, server: SocketAddr) -> Vec<u8> {
    client.sendto(QUERY, server).unwrap();
    client.recv(512).unwrap()
}

#[track_caller]
fn ask_by_stream(server: &Peer) -> Socket {
    let client = connect(server);
    client.sendall(&[&[0, QUERY.len().to_le_bytes()[0]], QUERY].concat()).unwrap();
    client
}

#[test]
fn a_name_server_is_dead_for_so_many_queries() {
    let (server, told) = told(PeerBuilder::new(NameServerFault::Dead).take(2));
    let client = datagram_client();
    client.sendto(QUERY, server.address()).unwrap();
    times_out(LIMIT, || client.within(LIMIT).recv(512));
    let stream = ask_by_stream(&server);
    times_out(LIMIT, || stream.within(LIMIT).recv(2));
    let answer = ask(&client, server.address());
    assert!(answer.starts_with(b"\x12\x34\x85\x80") && answer.ends_with(&[127, 0, 0, 1]), "{answer:?}");
    let stream = ask_by_stream(&server);
    assert_eq!(receive(&stream, 2 + answer.len())[2..], answer);
    stream.close().unwrap();
    // Each is told once it is done, by the thread that did it.
    let mut events: Vec<Event> =
        std::iter::repeat_with(|| next(&told)).filter(|event| event.query.is_some()).take(4).collect();
    events.sort_by_key(|event| event.number);
    let told_of = |event: &Event| (event.number, event.kind, event.query.clone().unwrap());
    let queries: Vec<_> = events.iter().map(told_of).collect();
    let (dropped, answered) = (EventKind::Dropped, EventKind::Answered);
    let expected = [(1, dropped), (2, dropped), (3, answered), (4, answered)];
    assert_eq!(queries, expected.map(|(number, kind)| (number, kind, "www.test A".to_owned())));
}

#[test]
fn a_name_server_is_slow_never_early() {
    let server = Peer::start(NameServerFault::Slow { delay: LIMIT }).unwrap();
    let begun = Instant::now();
    let answer = ask(&datagram_client(), server.address());
    assert!(begun.elapsed() >= LIMIT && answer.ends_with(&[127, 0, 0, 1]), "{:?} {answer:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(receive(&ask_by_stream(&server), 2 + answer.len())[2..], answer);
    assert!(begun.elapsed() >= LIMIT, "early: {:?}", begun.elapsed());
}

#[test]
fn a_name_server_truncates_and_is_silent_by_stream() {
    let server = Peer::start(NameServerFault::Truncated).unwrap();
    let answer = ask(&datagram_client(), server.address());
    assert_eq!((answer.len(), answer[2] & 2), (QUERY.len(), 2), "the TC bit, and no answers");
    let stream = ask_by_stream(&server);
    times_out(LIMIT, || stream.within(LIMIT).recv(2));
}

#[test]
fn a_name_server_answers_with_garbage() {
    let received = |seed| {
        let server = PeerBuilder::new(NameServerFault::Garbage).seed(seed).start().unwrap();
        ask(&datagram_client(), server.address())
    };
    let (one, same, other) = (received(1), received(1), received(2));
    assert!(one.starts_with(b"\x12\x34") && one[2] & 0x80 != 0 && one.len() == 64, "{one:?}");
    assert!(one == same && one != other);
}

#[test]
fn what_is_no_query_is_not_answered() {
    let (server, told) = told(PeerBuilder::new(NameServerFault::Slow { delay: Duration::ZERO }));
    let client = datagram_client();
    for strange in [&b""[..], b"x", &[0xff; 600]] {
        client.sendto(strange, server.address()).unwrap();
    }
    let answer = ask(&client, server.address());
    assert!(answer.ends_with(&[127, 0, 0, 1]));
    expect(&told, &[EventKind::Dropped, EventKind::Dropped, EventKind::Dropped, EventKind::Delayed]);
}

fn every_fault() -> Vec<Fault> {
    let (interval, delay, after) = (INTERVAL, PATIENCE, 100);
    let streams = [
        StreamFault::Silent,
        StreamFault::Drip { interval },
        StreamFault::Sip { interval },
        StreamFault::Stall { after },
        StreamFault::Reset { after },
        StreamFault::HalfClose { after },
        StreamFault::NeverRead,
        StreamFault::Garbage { after },
        StreamFault::Flood,
        StreamFault::TlsStall { after },
    ];
    let datagrams =
        [DatagramFault::Drop, DatagramFault::Duplicate, DatagramFault::Reorder, DatagramFault::Late { delay }];
    let name_servers =
        [NameServerFault::Dead, NameServerFault::Slow { delay }, NameServerFault::Truncated, NameServerFault::Garbage];
    let faults = streams.map(Fault::from).into_iter().chain(datagrams.map(Fault::from));
    faults.chain(name_servers.map(Fault::from)).chain([Fault::FullBacklog]).collect()
}

/// Meets a peer once, and lets it be in the midst of what it does when it is dropped.
fn meet(fault: Fault) {
    let peer = Peer::start(fault).unwrap();
    let address = peer.address();
    if matches!(fault, Fault::Datagram(_) | Fault::NameServer(_)) {
        datagram_client().sendto(QUERY, address).unwrap();
    }
    let clients: Vec<Socket> = match fault {
        // It may come while the client still connects.
        Fault::Stream(StreamFault::Reset { .. }) => create_connection(address, PATIENCE).into_iter().collect(),
        Fault::Stream(_) => (0..3).map(|_| connect(&peer)).collect(),
        Fault::NameServer(_) => vec![ask_by_stream(&peer)],
        _ => Vec::new(),
    };
    let begun = Instant::now();
    drop(peer);
    assert!(begun.elapsed() < Duration::from_secs(3), "{fault:?}: its end took {:?}", begun.elapsed());
    drop(clients);
    // Only where it was: the same port of the other protocol may be anybody's.
    if matches!(fault, Fault::Datagram(_) | Fault::NameServer(_)) {
        let free = Socket::new(Family::INET, Kind::DGRAM).unwrap();
        free.bind(address).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
    }
    if !matches!(fault, Fault::Datagram(_)) {
        shotclock::create_server(address).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
    }
}

#[test]
fn a_dropped_peer_leaves_nothing_behind() {
    if !in_own_process("a_dropped_peer_leaves_nothing_behind") {
        return;
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = (threads(), open_descriptors());
    for fault in every_fault() {
        meet(fault);
        // A thread that was joined may still be listed for a moment.
        let begun = Instant::now();
        while (threads(), open_descriptors()) != before {
            assert!(begun.elapsed() < PATIENCE, "{fault:?} leaves threads or descriptors");
            std::thread::yield_now();
        }
    }
}

#[test]
fn the_default_timeout_is_none_of_its_business() {
    if !in_own_process("the_default_timeout_is_none_of_its_business") {
        return;
    }
    set_default_timeout(Duration::from_millis(1));
    let (drips, told_of_drips) = told(PeerBuilder::new(StreamFault::Drip { interval: LIMIT }).content(b"abc"));
    let (sips, told_of_sips) = told(PeerBuilder::new(StreamFault::Sip { interval: INTERVAL }));
    let (late, told_of_late) = told(PeerBuilder::new(DatagramFault::Late { delay: LIMIT }));
    let full = Peer::start(Fault::FullBacklog).unwrap();
    let client = connect(&sips);
    assert_eq!(receive(&connect(&drips), 3), b"abc");
    client.sendall(b"x").unwrap();
    expect(&told_of_sips, &[EventKind::Opened, EventKind::Sipped]);
    let other = datagram_client();
    other.sendto(b"late", late.address()).unwrap();
    assert_eq!(other.recv(100).unwrap(), b"late");
    let other = Socket::new(Family::INET, Kind::STREAM).unwrap();
    other.set_timeout(LIMIT);
    times_out(LIMIT, || other.connect(full.address()));
    drop((drips, sips, late));
    assert!(told_of_drips.iter().chain(told_of_sips).chain(told_of_late).all(|event| event.error.is_none()));
}

#[test]
fn a_forked_child_ends_nothing_and_does_not_hang() {
    if !in_own_process("a_forked_child_ends_nothing_and_does_not_hang") {
        return;
    }
    let peer = Peer::start(StreamFault::Stall { after: 1 }).unwrap();
    // A client's thread is there too when the process forks.
    let client = connect(&peer);
    assert_eq!(receive(&client, 1), b"0");
    // SAFETY: the child only drops what it has, which must work there, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(peer);
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: the child was started above.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(status, 0);
    assert_eq!(receive(&connect(&peer), 1), b"0", "the parent's peer goes on");
}

#[test]
fn its_threads_take_no_signals() {
    if !in_own_process("its_threads_take_no_signals") {
        return;
    }
    let peer = Peer::start(StreamFault::Stall { after: 1 }).unwrap();
    let client = connect(&peer);
    receive(&client, 1);
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let of_peer = tasks.filter(|task| std::fs::read_to_string(task.join("comm")).unwrap().trim() == "faults");
    let masks: Vec<String> = of_peer
        .map(|task| std::fs::read_to_string(task.join("status")).unwrap())
        .map(|status| status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim().to_owned())
        .collect();
    assert_eq!(masks.len(), 2, "the acceptor's and the client's");
    for mask in masks {
        let blocked = u64::from_str_radix(&mask, 16).unwrap();
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGALRM] {
            assert_ne!(blocked & (1 << (signal - 1)), 0, "signal {signal} is not blocked: {mask}");
        }
    }
}

#[test]
fn the_same_client_meets_the_same_events() {
    let run = || {
        let (peer, told) = told(PeerBuilder::new(StreamFault::HalfClose { after: 30 }).every(2));
        let mut events = Vec::new();
        for number in 1..=4 {
            let client = connect(&peer);
            client.sendall(b"hello").unwrap();
            while !client.recv(1 << 16).unwrap().is_empty() {}
            client.close().unwrap();
            while events.last() != Some(&(EventKind::Closed, number, if number % 2 == 0 { 30 } else { 65_536 }, 5)) {
                let event = next(&told);
                // What has come by the time the first is told of is a matter of chance.
                let received = if event.kind == EventKind::Closed { event.received } else { 0 };
                events.push((event.kind, event.number, event.sent, received));
            }
        }
        events
    };
    assert_eq!(run(), run());
}
