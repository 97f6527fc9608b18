//! Each fault of a proxy, as a client and a server meet it on its two sides.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../../shotclock/tests/peers/mod.rs"]
mod peers;

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use peers::{LIMIT, open_descriptors, times_out};
use shotclock::{Shutdown, Socket, create_connection, create_server};
use shotclock_faults::{Event, EventKind, Peer, PeerBuilder, ProxyFault, Side, StreamFault};

/// How long anything may take before a test calls it hung.
const PATIENCE: Duration = Duration::from_secs(20);
const DELAY: Duration = Duration::from_millis(60);

/// A proxy with a client before it and the server behind it, and what it tells.
struct Through {
    proxy: Peer,
    client: Socket,
    server: Socket,
    listener: Socket,
    told: Receiver<Event>,
}

#[track_caller]
fn through(builder: PeerBuilder) -> Through {
    let listener = create_server(([127, 0, 0, 1], 0)).unwrap();
    listener.set_timeout(PATIENCE);
    let (tell, told) = channel();
    let to = listener.getsockname().unwrap().as_inet().unwrap();
    let proxy = builder.to(to).on_event(move |event| drop(tell.send(event))).start().unwrap();
    let (client, server) = pair(&proxy, &listener);
    Through { proxy, client, server, listener, told }
}

#[track_caller]
fn pair(proxy: &Peer, listener: &Socket) -> (Socket, Socket) {
    let client = create_connection(proxy.address(), PATIENCE).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_timeout(PATIENCE);
    (client, server)
}

#[track_caller]
fn receive(socket: &Socket, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    socket.recv_exact(&mut bytes).unwrap();
    bytes
}

/// Both sides end their data, and see the other's end.
#[track_caller]
fn end(one: &Socket, other: &Socket) {
    one.shutdown(Shutdown::WRITE).unwrap();
    assert_eq!(other.recv(1).unwrap(), b"");
    other.shutdown(Shutdown::WRITE).unwrap();
    assert_eq!(one.recv(1).unwrap(), b"");
}

#[track_caller]
fn expect(told: &Receiver<Event>, kinds: &[EventKind]) -> Vec<Event> {
    let events: Vec<Event> = kinds.iter().map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), kinds, "{events:#?}");
    events
}

#[test]
fn what_nothing_befalls_is_passed_on_as_it_is() {
    let Through { proxy: _proxy, client, server, told, .. } =
        through(PeerBuilder::new(ProxyFault::Stall { after: 0 }).take(0));
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| client.sendall(&data).unwrap());
        assert!(receive(&server, data.len()) == data);
        scope.spawn(|| server.sendall(&data).unwrap());
        assert!(receive(&client, data.len()) == data);
    });
    end(&client, &server);
    let events = expect(&told, &[EventKind::Opened, EventKind::Closed]);
    assert_eq!((events[1].sent, events[1].received, &events[1].error), (3_000_000, 3_000_000, &None));
}

#[test]
fn late_passes_everything_on_after_the_delay() {
    let Through { proxy: _proxy, client, server, .. } = through(PeerBuilder::new(ProxyFault::Late { delay: DELAY }));
    let begun = Instant::now();
    server.sendall(b"one").unwrap();
    server.sendall(&vec![7; 1 << 20]).unwrap();
    server.shutdown(Shutdown::WRITE).unwrap();
    assert_eq!(receive(&client, 3), b"one");
    assert!(begun.elapsed() >= DELAY, "early: {:?}", begun.elapsed());
    assert_eq!(receive(&client, 1 << 20).len(), 1 << 20);
    assert_eq!(client.recv(1).unwrap(), b"");
    client.sendall(b"at once").unwrap();
    assert_eq!(receive(&server, 7), b"at once");
}

#[test]
fn late_holds_no_more_up_than_it_delays() {
    let Through { proxy: _proxy, client, server, .. } = through(PeerBuilder::new(ProxyFault::Late { delay: DELAY }));
    let begun = Instant::now();
    // Each for itself would take a hundred delays.
    std::thread::scope(|scope| {
        scope.spawn(|| (0..100_u8).for_each(|number| server.sendall(&[number; 1000]).unwrap()));
        assert_eq!(receive(&client, 100_000)[99_999], 99);
    });
    assert!(begun.elapsed() < 50 * DELAY, "{:?}", begun.elapsed());
}

#[test]
fn slow_passes_so_many_bytes_a_second() {
    let Through { proxy: _proxy, client, server, .. } = through(PeerBuilder::new(ProxyFault::Slow { rate: 10_000 }));
    server.sendall(&[7; 5_000]).unwrap();
    let begun = Instant::now();
    receive(&client, 2_000);
    // All but the last piece has been waited for; pieces have a twentieth of a second's bytes.
    assert!(begun.elapsed() >= Duration::from_millis(140), "early: {:?}", begun.elapsed());
    let Through { proxy: _proxy, client, server, told, .. } = through(PeerBuilder::new(ProxyFault::Slow { rate: 0 }));
    server.sendall(&[7; 5_000]).unwrap();
    times_out(LIMIT, || client.within(LIMIT).recv(1));
    expect(&told, &[EventKind::Opened, EventKind::Stalled]);
}

#[test]
fn slices_come_one_by_one() {
    let Through { proxy: _proxy, client, server, .. } = through(PeerBuilder::new(ProxyFault::Slice { size: 3 }));
    server.sendall(b"0123456789").unwrap();
    let mut came = Vec::new();
    let begun = Instant::now();
    while came.len() < 10 {
        let more = client.recv(100).unwrap();
        assert!(!more.is_empty(), "{came:?}");
        came.extend(more);
    }
    assert_eq!(came, b"0123456789");
    assert!(begun.elapsed() >= Duration::from_millis(2), "early: {:?}", begun.elapsed());
    end(&server, &client);
}

#[test]
fn a_late_end_comes_after_the_data() {
    let Through { proxy: _proxy, client, server, told, .. } =
        through(PeerBuilder::new(ProxyFault::LateEnd { delay: DELAY }));
    server.sendall(b"all").unwrap();
    server.shutdown(Shutdown::WRITE).unwrap();
    let begun = Instant::now();
    assert_eq!(receive(&client, 3), b"all");
    expect(&told, &[EventKind::Opened, EventKind::Delayed]);
    assert_eq!(client.recv(1).unwrap(), b"");
    assert!(begun.elapsed() >= DELAY - Duration::from_millis(20), "early: {:?}", begun.elapsed());
}

#[test]
fn a_stall_keeps_the_connection_and_holds_no_sender_up() {
    let Through { proxy: _proxy, client, server, told, .. } = through(PeerBuilder::new(ProxyFault::Stall { after: 5 }));
    server.sendall(&vec![7; 8 << 20]).unwrap();
    assert_eq!(receive(&client, 5), [7; 5]);
    times_out(LIMIT, || client.within(LIMIT).recv(1));
    client.sendall(b"still there").unwrap();
    assert_eq!(receive(&server, 11), b"still there");
    let events = expect(&told, &[EventKind::Opened, EventKind::Stalled]);
    assert_eq!(events[1].sent, 5);
    drop((client, server));
    assert_eq!(expect(&told, &[EventKind::Closed])[0].error, None);
}

#[test]
fn a_hold_ends_the_connection_after_the_delay() {
    let Through { proxy: _proxy, client, server, told, .. } =
        through(PeerBuilder::new(ProxyFault::Hold { delay: DELAY }));
    let begun = Instant::now();
    server.sendall(b"never comes").unwrap();
    assert!(!matches!(client.recv(1), Ok(data) if !data.is_empty()));
    assert!(begun.elapsed() >= DELAY - Duration::from_millis(20), "early: {:?}", begun.elapsed());
    expect(&told, &[EventKind::Opened, EventKind::Stalled, EventKind::CutOff, EventKind::Closed]);
    assert!(!matches!(server.recv(1), Ok(data) if !data.is_empty()));
}

#[test]
fn a_reset_comes_after_the_bytes_on_both_sides() {
    let Through { proxy: _proxy, client, server, told, .. } = through(PeerBuilder::new(ProxyFault::Reset { after: 5 }));
    server.sendall(b"0123456789").unwrap();
    assert_eq!(receive(&client, 5), b"01234");
    for side in [&client, &server] {
        assert_eq!(side.recv(1).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    }
    let events = expect(&told, &[EventKind::Opened, EventKind::Reset, EventKind::Closed]);
    assert_eq!((events[1].sent, &events[2].error), (5, &None));
}

#[test]
fn a_limit_befalls_the_side_that_is_chosen() {
    let builder = PeerBuilder::new(ProxyFault::Limit { after: 5 }).side(Side::Client);
    let Through { proxy, client, server, listener, told } = through(builder);
    server.sendall(b"much more than five").unwrap();
    assert_eq!(receive(&client, 19), b"much more than five");
    client.sendall(b"01234").unwrap();
    assert_eq!(receive(&server, 5), b"01234");
    assert_eq!(server.recv(1).unwrap(), b"");
    let events = expect(&told, &[EventKind::Opened, EventKind::CutOff, EventKind::Closed]);
    assert_eq!((events[1].sent, events[1].received), (19, 5));
    let (client, server) = pair(&proxy, &listener);
    client.sendall(b"0123").unwrap();
    assert_eq!(receive(&server, 4), b"0123");
    end(&client, &server);
}

#[test]
fn what_a_connection_may_move_is_bounded() {
    let Through { proxy: _proxy, client, server, told, .. } =
        through(PeerBuilder::new(ProxyFault::Late { delay: DELAY }).take(0).max_bytes(100_000));
    let sent = server.sendall(&vec![7; 64 << 20]);
    assert!(!sent.unwrap_err().is_timeout());
    drop(client);
    let closed = &expect(&told, &[EventKind::Opened, EventKind::Closed])[1];
    assert!(closed.error.as_ref().is_some_and(|error| error.contains("100000 bytes")), "{closed}");
}

#[test]
fn a_server_that_is_not_there_closes_the_client() {
    let nobody = create_server(([127, 0, 0, 1], 0)).unwrap();
    let to = nobody.getsockname().unwrap().as_inet().unwrap();
    drop(nobody);
    let (tell, told) = channel();
    let proxy = PeerBuilder::new(ProxyFault::Stall { after: 0 }).to(to).on_event(move |event| drop(tell.send(event)));
    let proxy = proxy.start().unwrap();
    let client = create_connection(proxy.address(), PATIENCE).unwrap();
    assert_eq!(client.recv(1).unwrap(), b"");
    let closed = &expect(&told, &[EventKind::Opened, EventKind::Closed])[1];
    assert!(closed.error.as_ref().is_some_and(|error| error.contains("refused")), "{closed}");
}

#[test]
fn a_proxy_has_a_server_and_nobody_else_has() {
    let error = Peer::start(ProxyFault::Stall { after: 0 }).unwrap_err();
    assert!(error.to_string().contains("needs a server"), "{error}");
    let error = PeerBuilder::new(StreamFault::Silent).to(([127, 0, 0, 1], 1)).start().unwrap_err();
    assert!(error.to_string().contains("only a proxy"), "{error}");
}

#[test]
fn a_dropped_proxy_ends_whatever_is_under_way_and_leaves_nothing() {
    let faults = [
        ProxyFault::Late { delay: PATIENCE },
        ProxyFault::Slow { rate: 1 },
        ProxyFault::Stall { after: 1 },
        ProxyFault::Hold { delay: PATIENCE },
        ProxyFault::LateEnd { delay: PATIENCE },
    ];
    let run = |fault| {
        let Through { proxy, client, server, listener, told } = through(PeerBuilder::new(fault).side(Side::Both));
        server.sendall(b"hello").unwrap();
        client.sendall(b"hello").unwrap();
        server.shutdown(Shutdown::WRITE).unwrap();
        let begun = Instant::now();
        drop(proxy);
        assert!(begun.elapsed() < PATIENCE / 4, "{fault:?}: {:?}", begun.elapsed());
        let closed = told.iter().last().unwrap();
        assert_eq!((closed.kind, closed.error), (EventKind::Closed, None), "{fault:?}");
        drop((client, server, listener));
    };
    // The first makes what a process keeps.
    faults.into_iter().for_each(run);
    let before = open_descriptors();
    faults.into_iter().for_each(run);
    assert!(open_descriptors() <= before + 8, "{before}, {}", open_descriptors());
}
