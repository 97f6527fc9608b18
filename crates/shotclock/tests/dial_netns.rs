//! `create_connection` to names with addresses that never answer, in a network namespace of the test's own.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use shotclock::{
    Connector, Error, Family, Kind, Result, ServerBuilder, Socket, bind_datagram, create_connection, create_server,
    with_deadline,
};

mod netns;
mod peers;

use peers::open_descriptors;

/// Packets to the first three go out by loopback, come back, and are nobody's.
const HOSTS: &str = "192.0.2.9 holes.test
192.0.2.10 holes.test
192.0.2.11 holes.test
::1 both.test
127.0.0.1 both.test
192.0.2.9 last.test
192.0.2.10 last.test
192.0.2.20 last.test
::1 only6.test
2001:db8::5 far6.test
";
const HOLES: usize = 3;
const BUDGET: Duration = Duration::from_millis(900);
const FAR: Duration = Duration::from_secs(20);

fn with_black_holes(test: &str, body: impl FnOnce()) {
    netns::run("dial_netns", test, &[], HOSTS, || {
        for words in ["addr add 192.0.2.20/32 dev lo", "route add 192.0.2.8/30 dev lo src 192.0.2.20"] {
            assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "ip {words}");
        }
        body();
    });
}

/// Whether this machine has IPv6 on loopback; says so if not.
fn has_ipv6(test: &str) -> bool {
    let has = create_server(("::1", 0)).is_ok();
    if !has {
        let _ = writeln!(std::io::stderr(), "SKIP dial_netns::{test}: no IPv6 on loopback");
    }
    has
}

/// Connects until the listener's queue is full, and the system drops what asks for more.
fn fill(listener: &Socket) -> Vec<Socket> {
    let address = listener.getsockname().unwrap();
    let client = || {
        let client = Socket::new(address.family(), Kind::STREAM).unwrap();
        client.within(Duration::from_millis(100)).connect(address).map(|()| client)
    };
    let clients: Vec<_> = (0..10).map_while(|_| client().ok()).collect();
    assert!(clients.len() < 10, "the queue would not fill up");
    clients
}

/// The outcome and its time; but for a socket that it gives, no descriptor may be left.
#[track_caller]
fn without_leak(call: impl FnOnce() -> Result<Socket>) -> (Result<String>, Duration) {
    let (before, begun) = (open_descriptors(), Instant::now());
    let outcome = call().map(|socket| socket.getpeername().unwrap().to_string());
    let took = begun.elapsed();
    assert_eq!(open_descriptors(), before, "a descriptor is left");
    (outcome, took)
}

#[track_caller]
fn all_timed_out(error: &Error) {
    assert!(error.is_timeout() && error.attempts().len() == HOLES, "{error}");
    for (attempt, last) in error.attempts().iter().zip(9..) {
        assert!(attempt.is_timeout() && attempt.target() == Some(&*format!("192.0.2.{last}:80")), "{error}");
    }
}

#[test]
fn a_live_address_behind_a_dead_one_is_reached() {
    let test = "a_live_address_behind_a_dead_one_is_reached";
    if !has_ipv6(test) {
        return;
    }
    with_black_holes(test, || {
        let live = create_server(("127.0.0.1", 0)).unwrap();
        let port = live.getsockname().unwrap().port().unwrap();
        let dead = ServerBuilder::new().backlog(0).listen(("::1", port)).unwrap();
        let _full = fill(&dead);
        // The system's order is IPv6 first.
        let (peer, took) = without_leak(|| create_connection(("both.test", port), FAR));
        assert_eq!(peer.unwrap(), format!("127.0.0.1:{port}"));
        assert!(took >= Duration::from_millis(250) && took < FAR / 4, "{took:?}");
        let (peer, took) = without_leak(|| with_deadline(FAR, || create_connection(("both.test", port), None)));
        assert_eq!(peer.unwrap(), format!("127.0.0.1:{port}"));
        assert!(took < FAR / 4, "{took:?}");
    });
}

#[test]
fn three_black_holes_end_at_the_deadline() {
    with_black_holes("three_black_holes_end_at_the_deadline", || {
        let (outcome, took) = without_leak(|| create_connection(("holes.test", 80), BUDGET));
        assert!(took >= BUDGET && took < FAR / 4, "{took:?}");
        all_timed_out(&outcome.unwrap_err());
        let (outcome, took) = without_leak(|| with_deadline(BUDGET, || create_connection(("holes.test", 80), None)));
        let error = outcome.unwrap_err();
        assert!(took >= BUDGET && error.scope().is_some(), "{took:?}: {error}");
        all_timed_out(&error);
        let one_by_one = Connector::new().timeout(BUDGET).attempt_delay(None);
        let (outcome, _) = without_leak(|| one_by_one.connect(("holes.test", 80)));
        assert_eq!(outcome.unwrap_err().attempts().len(), 1, "the first takes the whole budget");
    });
}

#[test]
fn a_server_takes_the_first_address_of_a_name_that_can_be_had() {
    with_black_holes("a_server_takes_the_first_address_of_a_name_that_can_be_had", || {
        let ip = |socket: &Socket| socket.getsockname().unwrap().ip().unwrap().to_string();
        let listener = create_server(("last.test", 0)).unwrap();
        assert_eq!(ip(&listener), "192.0.2.20", "the first two are not this machine's");
        let port = listener.getsockname().unwrap().port().unwrap();
        let error = create_server(("last.test", port)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse, "and not that of the others: {error}");
        let error = create_server(("holes.test", port)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable, "{error}");
        assert_eq!(error.target(), Some(&*format!("holes.test:{port}")));

        let datagrams = bind_datagram(("last.test", 0)).unwrap();
        assert_eq!((ip(&datagrams), datagrams.kind().unwrap()), ("192.0.2.20".to_owned(), Kind::DGRAM));
        let both = bind_datagram(("both.test", 0)).unwrap();
        assert_eq!(both.family().unwrap(), Family::INET, "IPv4 before IPv6");
        if has_ipv6("a_server_takes_the_first_address_of_a_name_that_can_be_had") {
            assert_eq!(ip(&create_server(("only6.test", 0)).unwrap()), "::1");
            assert_eq!(bind_datagram(("only6.test", 0)).unwrap().family().unwrap(), Family::INET6);
            let error = ServerBuilder::new().family(Family::INET).listen(("far6.test", 0)).unwrap_err();
            assert!(error.is_lookup(), "{error}");
        }
    });
}
