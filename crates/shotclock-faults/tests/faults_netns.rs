//! The faulty name server as the system's own resolver meets it, in a network namespace of the test's own.

#[path = "../../shotclock/tests/netns/mod.rs"]
mod netns;

use std::net::IpAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use shotclock::{AddressInfoHints, Error, Kind, Lookup};
use shotclock_faults::{Event, EventKind, NameServerFault, Peer, PeerBuilder};

const LIMIT: Duration = Duration::from_millis(200);
/// What a lookup under `LIMIT` never takes, however busy the machine; the resolver itself would take a minute.
const MUCH_LATER: Duration = Duration::from_secs(10);
const PATIENT: Duration = Duration::from_secs(20);

/// The body runs beside a name server with this fault, where the system's resolver asks.
fn with_server(test: &str, fault: NameServerFault, take: u64, body: impl FnOnce(&Receiver<Event>)) {
    netns::run("faults_netns", test, &[], "127.0.0.1 localhost\n", || {
        let (tell, told) = channel();
        let server = PeerBuilder::new(fault).take(take).address(([127, 0, 0, 1], 53));
        let _server: Peer = server.on_event(move |event| drop(tell.send(event))).start().expect("port 53 is free");
        body(&told);
    });
}

fn look_up(limit: Duration) -> Result<Vec<IpAddr>, Error> {
    let hints = AddressInfoHints { kind: Kind::STREAM, ..AddressInfoHints::default() };
    let found = Lookup::within(limit).getaddrinfo("www.example.test", 80, &hints)?;
    Ok(found.iter().filter_map(|info| info.address.ip()).collect())
}

#[track_caller]
fn hangs() {
    let begun = Instant::now();
    let error = look_up(LIMIT).expect_err("nobody answers");
    assert!(error.is_timeout(), "{error}");
    assert!((LIMIT..MUCH_LATER).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[test]
fn a_query_that_nothing_befalls_is_answered() {
    with_server("a_query_that_nothing_befalls_is_answered", NameServerFault::Dead, 0, |told| {
        let found = look_up(PATIENT).expect("it answers");
        assert!(found.contains(&IpAddr::from([127, 0, 0, 1])), "{found:?}");
        let event = told.recv().expect("an event");
        assert_eq!(event.kind, EventKind::Answered);
        assert!(event.query.is_some_and(|query| query.starts_with("www.example.test A")));
    });
}

#[test]
fn a_lookup_hangs_at_a_dead_server() {
    with_server("a_lookup_hangs_at_a_dead_server", NameServerFault::Dead, u64::MAX, |_| hangs());
}

#[test]
fn a_lookup_waits_for_a_slow_server() {
    let slow = NameServerFault::Slow { delay: LIMIT };
    with_server("a_lookup_waits_for_a_slow_server", slow, u64::MAX, |_| {
        let begun = Instant::now();
        assert!(!look_up(PATIENT).expect("it answers").is_empty());
        assert!(begun.elapsed() >= LIMIT, "early: {:?}", begun.elapsed());
    });
}

#[test]
fn a_lookup_hangs_by_stream_after_a_truncated_answer() {
    let test = "a_lookup_hangs_by_stream_after_a_truncated_answer";
    with_server(test, NameServerFault::Truncated, u64::MAX, |told| {
        hangs();
        let kinds: Vec<EventKind> = told.try_iter().map(|event| event.kind).collect();
        assert!(kinds.contains(&EventKind::Truncated) && kinds.contains(&EventKind::Opened), "{kinds:?}");
    });
}

#[test]
fn a_lookup_finds_nothing_in_garbage() {
    with_server("a_lookup_finds_nothing_in_garbage", NameServerFault::Garbage, u64::MAX, |told| {
        look_up(LIMIT).expect_err("no answer makes sense");
        assert_eq!(told.recv().expect("an event").kind, EventKind::Garbled);
    });
}
