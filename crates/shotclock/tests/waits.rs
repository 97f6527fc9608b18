//! What waits now is seen: by whom, on what, since when, until when.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{
    Address, Canceller, Family, Kind, LimitKind, Lookup, Phase, Socket, Timeout, Wait, create_connection, socketpair,
    waits, with_deadline,
};

const LONG: Duration = Duration::from_secs(60);

/// The wait of that thread, once there is one.
fn wait_of(thread: &str) -> Wait {
    let began = Instant::now();
    loop {
        if let Some(wait) = waits().into_iter().find(|wait| wait.thread_name() == Some(thread)) {
            return wait;
        }
        assert!(began.elapsed() < LONG, "nothing waits in {thread}");
        thread::yield_now();
    }
}

fn named<'s>(
    scope: &'s thread::Scope<'s, '_>,
    name: &str,
    work: impl FnOnce() + Send + 's,
) -> thread::ScopedJoinHandle<'s, ()> {
    thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work).expect("a thread")
}

#[test]
fn a_receive_says_what_it_waits_for_and_until_when() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = create_connection(address, LONG).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    thread::scope(|scope| {
        let receives = named(scope, "receives", || assert_eq!(client.recv(10).unwrap(), b"x"));
        let wait = wait_of("receives");
        assert_eq!((wait.what(), wait.phase()), ("recv", Some(Phase::Recv)));
        assert_eq!(wait.address(), Some(Address::from(address)));
        assert_eq!(wait.limit(), Some(LimitKind::SocketTimeout(LONG.into())));
        let (elapsed, left) = (wait.elapsed(), wait.remaining().unwrap());
        assert!(left <= LONG && elapsed + left >= LONG - Duration::from_secs(1), "{elapsed:?} {left:?}");
        assert!(wait.to_string().starts_with(&format!("recv {address}, for ")), "{wait}");
        server.write_all(b"x").unwrap();
        receives.join().unwrap();
        assert!(!waits().iter().any(|wait| wait.thread_name() == Some("receives")), "it waits no more");
    });
}

#[test]
fn an_accept_a_send_and_a_wait_without_limit_are_seen() {
    let listener = shotclock::create_server(("127.0.0.1", 0)).unwrap();
    let address = listener.getsockname().unwrap();
    thread::scope(|scope| {
        named(scope, "accepts", || {
            let (server, _) = listener.accept().unwrap();
            let _never_reads = server.sendall(&vec![0; 64 << 20]).unwrap_err();
        });
        let wait = wait_of("accepts");
        assert_eq!((wait.what(), wait.address(), wait.limit()), ("accept", Some(address), None));
        assert!(wait.to_string().ends_with("without a limit"));
        let client = create_connection(address, LONG).unwrap();
        let began = Instant::now();
        while wait_of("accepts").what() != "sendall" {
            assert!(began.elapsed() < LONG);
        }
        assert_eq!(wait_of("accepts").address(), Some(client.getsockname().unwrap()));
    });
}

#[test]
fn a_scope_is_named_as_what_ends_a_wait() {
    let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let mut theirs = std::os::unix::net::UnixStream::from(std::os::fd::OwnedFd::from(theirs));
    thread::scope(|scope| {
        named(scope, "in a scope", || assert_eq!(with_deadline(LONG, || ours.recv(1)).unwrap(), b"x"));
        let wait = wait_of("in a scope");
        assert!(matches!(wait.limit(), Some(LimitKind::Scope(_))), "{wait:?}");
        theirs.write_all(b"x").unwrap();
    });
    drop(ours);
    assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_connect_says_where_to() {
    // A listener whose queue is full answers nobody.
    let listener = Socket::new(Family::INET, Kind::STREAM).unwrap();
    listener.bind(([127, 0, 0, 1], 0)).unwrap();
    listener.listen(0).unwrap();
    let address = listener.getsockname().unwrap();
    let fill = |_| {
        let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
        socket.set_timeout(Timeout::ZERO);
        let _in_progress = socket.connect(address);
        socket
    };
    let _queue: Vec<_> = (0..4).map(fill).collect();
    let (client, stop) = (Socket::new(Family::INET, Kind::STREAM).unwrap(), Canceller::new());
    thread::scope(|scope| {
        named(scope, "connects", || {
            let error = client.within(LONG).cancelled_by(&stop).connect(address).unwrap_err();
            assert!(error.is_cancelled(), "{error}");
        });
        let wait = wait_of("connects");
        assert_eq!((wait.what(), wait.subject()), ("connect", Some(address.to_string().as_str())));
        assert_eq!(wait.address(), None);
        stop.cancel();
    });
}

#[test]
fn a_lookup_says_which_name() {
    // Whether it waits for long is the resolver's business: it is asked until it is seen.
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        named(scope, "looks up", || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _nobody = Lookup::within(LONG).gethostbyname_ex("name.invalid");
            }
        });
        let wait = wait_of("looks up");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!((wait.phase(), wait.subject()), (Some(Phase::Lookup), Some("name.invalid")));
    });
}

#[test]
fn thousands_of_waits_are_seen_and_gone_with_their_threads() {
    const THREADS: usize = 500;
    let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            named(scope, "one of many", || assert_eq!(ours.recv(1).unwrap(), b""));
        }
        let began = Instant::now();
        let seen = || waits().iter().filter(|wait| wait.thread_name() == Some("one of many")).count();
        while seen() != THREADS {
            assert!(began.elapsed() < LONG);
            thread::yield_now();
        }
        drop(theirs);
    });
    assert!(!waits().iter().any(|wait| wait.thread_name() == Some("one of many")));
}
