//! Deadline scopes over real sockets, files and lookups.
#![cfg_attr(windows, allow(unused_imports, dead_code, reason = "what only Unix systems have is left out there"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use peers::{LIMIT, LOOSE, PAIRS, full_backlog, in_own_process, tcp_pair, times_out, udp};
use shotclock::{
    Connector, DeadlineScope, Error, Family, Kind, LimitKind, Result, Scope, Socket, SocketOption, SocketWriter,
    create_connection, create_server, remaining, shield, socketpair, unstable, with_deadline,
};

/// The call must end by a scope around it, which then knows.
#[track_caller]
fn ends_by_scope<T>(name: &str, call: impl FnOnce() -> Result<T>) -> Error {
    let mut scope = None;
    // Its time runs from where it is entered, so that is timed, too.
    let error = times_out(LIMIT, || {
        let guard = DeadlineScope::enter(LIMIT);
        let result = call();
        scope = Some((guard.scope().id(), guard.scope().expired()));
        result
    });
    let (id, expired) = scope.expect("it was entered");
    assert_eq!(error.limit(), Some(LimitKind::Scope(id)), "{name}: {error}");
    assert_eq!(error.scope(), Some(id));
    assert!(expired, "{name}");
    error
}

#[test]
fn a_scope_ends_every_receive() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let (client, _silent) = tcp_pair();
    let datagrams = udp();
    // A socket's own timeout, if it is longer, changes nothing.
    client.set_timeout(Duration::from_secs(60));
    ends_by_scope("accept", || listener.accept());
    ends_by_scope("recv", || client.recv(1));
    ends_by_scope("recv_into", || client.recv_into(&mut [0]));
    ends_by_scope("recv_exact", || client.recv_exact(&mut [0]));
    ends_by_scope("recvmsg", || client.recvmsg(1, 0));
    ends_by_scope("recv_fds", || client.recv_fds(1, 1));
    ends_by_scope("recvfrom", || datagrams.recvfrom(1));
    ends_by_scope("recvfrom_into", || datagrams.recvfrom_into(&mut [0]));
    ends_by_scope("readline", || client.makefile().unwrap().readline());
    let mut file = client.makefile_reader().unwrap();
    let ended = |error: std::io::Error| Error::find_in(&error).unwrap().scope().is_some();
    assert!(ended(with_deadline(LIMIT, || file.read(&mut [0])).unwrap_err()));
    assert!(ended(with_deadline(LIMIT, || file.read_exact(&mut [0])).unwrap_err()));
    assert!(ended(with_deadline(LIMIT, || (&client).read_to_end(&mut Vec::new())).unwrap_err()));
    let error = ends_by_scope("a view", || client.within(Duration::from_secs(60)).recv(1));
    assert!(error.to_string().contains(&format!("scope {}", error.scope().unwrap())), "{error}");
}

#[test]
fn a_scope_ends_every_send() {
    let (client, _never_reads) = tcp_pair();
    let data = vec![7; 16 << 20];
    let error = ends_by_scope("sendall", || client.sendall(&data));
    assert!(error.bytes_moved() > 0, "{error}");
    ends_by_scope("send", || client.send(&data));
    ends_by_scope("sendto", || client.sendto(&data, client.getpeername().unwrap()));
    ends_by_scope("sendmsg", || client.sendmsg(&[std::io::IoSlice::new(&data)], &[], None));
    let program = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    ends_by_scope("sendfile", || client.sendfile(&program, 0, None));
    let mut writer = SocketWriter::new(&client).unwrap();
    let error = with_deadline(LIMIT, || writer.write_all(&data)).unwrap_err();
    assert!(Error::find_in(&error).unwrap().scope().is_some());

    let (client, _never_reads) = tcp_pair();
    client.setsockopt(SocketOption::LINGER, Some(Duration::from_secs(30))).unwrap();
    let _full = with_deadline(LIMIT, || client.sendall(&data)).unwrap_err();
    ends_by_scope("a lingering close", || client.close());
}

#[test]
fn a_scope_ends_a_connect() {
    let full = full_backlog();
    let address = full.address;
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    ends_by_scope("connect", || client.connect(address));
    let error = ends_by_scope("create_connection", || create_connection(address, None));
    assert_eq!(error.attempts()[0].scope(), error.scope());
    ends_by_scope("Connector", || Connector::new().timeout(Duration::from_secs(60)).connect(address));
}

#[test]
fn a_scope_that_has_passed_ends_even_what_is_ready() {
    let (client, server) = tcp_pair();
    server.sendall(b"x").unwrap();
    let error = with_deadline(Duration::ZERO, || client.recv(1)).unwrap_err();
    assert!(error.is_timeout() && error.scope().is_some());
    assert_eq!(client.recv(1).unwrap(), b"x", "and nothing was taken");
}

#[test]
fn a_flood_without_end_is_ended_by_a_scope() {
    let (client, server) = tcp_pair();
    let flood = thread::spawn(move || while server.sendall(&[7; 4096]).is_ok() {});
    ends_by_scope("recv_into in a loop", || -> Result<()> {
        loop {
            client.recv_into(&mut [0])?;
        }
    });
    // It goes on being over, however much there is.
    with_deadline(Duration::ZERO, || {
        for _ in 0..100 {
            assert!(client.recv_into(&mut [0]).unwrap_err().is_timeout());
        }
    });
    let mut file = client.makefile_reader().unwrap();
    file.set_line_limit(usize::MAX);
    ends_by_scope("an endless line", || file.readline());
    drop(file);
    client.close().unwrap();
    flood.join().unwrap();
}

#[test]
fn a_drip_does_not_stretch_a_scope() {
    let (client, server) = tcp_pair();
    let drip = thread::spawn(move || {
        let pace = udp();
        while server.send(b"x").is_ok() {
            let _pause = pace.within(LIMIT / 4).recv(1);
        }
    });
    // Each recv is short and succeeds; the scope bounds them together.
    ends_by_scope("a dripped exchange", || -> Result<()> {
        loop {
            client.recv(1)?;
        }
    });
    client.close().unwrap();
    drip.join().unwrap();
}

#[test]
fn nested_scopes_end_with_the_earliest() {
    let (client, _silent) = tcp_pair();
    let mut guards = None;
    let error = times_out(LIMIT, || {
        guards = Some((DeadlineScope::enter(LIMIT), DeadlineScope::enter(Duration::from_secs(60))));
        client.recv(1)
    });
    let (outer, inner) = guards.expect("they were entered");
    assert_eq!(error.scope(), Some(outer.scope().id()));
    assert!(outer.scope().expired() && !inner.scope().expired());
    drop(outer);
    client.set_timeout(LIMIT);
    let error = times_out(LIMIT, || client.recv(1));
    assert_eq!(error.limit(), Some(LimitKind::SocketTimeout(LIMIT.into())), "the inner one, still there, is later");
    drop(inner);
    assert_eq!(times_out(LIMIT, || client.recv(1)).scope(), None);
}

#[test]
fn a_shield_lets_cleanup_through() {
    let (client, server) = tcp_pair();
    with_deadline(Duration::ZERO, || {
        client.sendall(b"bye").unwrap_err();
        shield(|| {
            client.sendall(b"bye").unwrap();
            ends_by_scope("a limit of its own", || client.recv(1));
        });
        assert!(client.sendall(b"bye").unwrap_err().is_timeout());
    });
    assert_eq!(server.recv(9).unwrap(), b"bye");
}

#[test]
fn threads_begin_outside_and_a_scope_is_carried_on_purpose() {
    let (client, server) = tcp_pair();
    let far = Duration::from_secs(20);
    with_deadline(LIMIT, || {
        let scope = Scope::current().unwrap();
        thread::scope(|threads| {
            let outside = threads.spawn(|| {
                assert!(Scope::current().is_none());
                client.within(far).recv(1).unwrap()
            });
            let (silent, _peer) = socketpair(PAIRS, Kind::STREAM).unwrap();
            let carried = scope.clone();
            let inside = threads.spawn(move || carried.carry(|| silent.recv(1).unwrap_err()));
            assert_eq!(inside.join().unwrap().scope(), Some(scope.id()));
            assert!(scope.expired() && scope.deadline().has_passed());
            // Only now, when the scope has long passed.
            shield(|| server.sendall(b"x").unwrap());
            assert_eq!(outside.join().unwrap(), b"x");
        });
    });
}

#[test]
fn a_socket_that_never_waits_is_left_alone() {
    let (client, server) = tcp_pair();
    client.set_nonblocking(true);
    let guard = DeadlineScope::enter(Duration::ZERO);
    assert!(client.recv(1).unwrap_err().is_would_block());
    assert!(client.recv_exact(&mut [0]).unwrap_err().is_would_block());
    shield(|| server.sendall(b"xy").unwrap());
    assert_eq!(client.recv(1).unwrap(), b"x");
    assert_eq!(server.with_flags(shotclock::MessageFlags::DONTWAIT).send(b"z").unwrap(), 1);
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true);
    assert!(listener.accept().unwrap_err().is_would_block());
    let connecting = Socket::new(Family::INET, Kind::STREAM).unwrap();
    connecting.set_nonblocking(true);
    connecting.connect_ex(listener.getsockname().unwrap()).unwrap();
    assert!(!guard.scope().expired());
}

#[test]
fn a_cancelled_or_closed_wait_says_so_inside_a_scope() {
    let (client, _silent) = tcp_pair();
    let canceller = shotclock::Canceller::new();
    canceller.cancel();
    let guard = DeadlineScope::enter(Duration::from_secs(20));
    assert!(client.cancelled_by(&canceller).recv(1).unwrap_err().is_cancelled());
    thread::scope(|threads| {
        let waiting = threads.spawn(|| guarded_recv(&client));
        let _pause = udp().within(LIMIT).recv(1);
        client.close().unwrap();
        assert!(waiting.join().unwrap().is_closed());
    });
    assert!(!guard.scope().expired());
}

#[test]
fn a_destructor_of_a_thread_s_own_values_is_bounded() {
    struct Goodbye(Socket, #[expect(dead_code, reason = "silent")] Socket);
    impl Drop for Goodbye {
        fn drop(&mut self) {
            times_out(LIMIT, || with_deadline(LIMIT, || self.0.recv(1)));
        }
    }
    thread_local! {
        static POOL: RefCell<Option<Goodbye>> = const { RefCell::new(None) };
    }
    let thread = thread::spawn(|| {
        let (ours, silent) = socketpair(PAIRS, Kind::STREAM).unwrap();
        // Made before the thread's first scope, so destroyed after what that has made.
        POOL.with(|pool| *pool.borrow_mut() = Some(Goodbye(ours, silent)));
        with_deadline(LIMIT, || ());
    });
    thread.join().unwrap();
}

fn guarded_recv(client: &Socket) -> Error {
    with_deadline(Duration::from_secs(20), || client.recv(1)).unwrap_err()
}

#[test]
fn the_time_left_is_known() {
    let far = Duration::from_secs(20);
    assert_eq!(remaining().duration(), None);
    with_deadline(far, || {
        let left = remaining().duration().unwrap();
        assert!(left <= far && left + LOOSE > far);
        assert!(!Scope::current().unwrap().deadline().has_passed());
    });
}

#[test]
fn the_count_of_open_scopes_comes_back_to_zero() {
    if !in_own_process("the_count_of_open_scopes_comes_back_to_zero") {
        return;
    }
    let counted = |expected: u32| assert_eq!(unstable::open_scopes(), expected);
    counted(0);
    with_deadline(LIMIT, || {
        counted(1);
        mem::forget(DeadlineScope::enter(LIMIT));
        shield(|| with_deadline(None, || counted(3)));
        counted(2);
    });
    counted(0);
    let unwound = catch_unwind(AssertUnwindSafe(|| with_deadline(LIMIT, || std::panic::resume_unwind(Box::new(())))));
    assert!(unwound.is_err());
    counted(0);
    let (one, two) = (DeadlineScope::enter(LIMIT), DeadlineScope::enter(LIMIT));
    drop(one);
    counted(1);
    drop(two);
    counted(0);
    // What a thread forgets ends with it.
    thread::spawn(|| mem::forget(DeadlineScope::enter(LIMIT))).join().unwrap();
    counted(0);
}
