//! What a close and a shutdown have done when they return, whoever waits, lingers or has a copy.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use peers::{LIMIT, Waiting, full_backlog, in_own_process, kept_dead_descriptor, tcp_pair, times_out, udp};
use shotclock::{
    Address, Canceller, Family, Kind, MessageFlags, Result, Shutdown, Socket, SocketOption, UnixAddress, create_server,
    socketpair,
};

/// Long enough never to be the reason.
const FAR: Duration = Duration::from_secs(50);
/// Less than a wait for something that never comes.
const SOON: Duration = Duration::from_secs(10);

/// A loopback address of this process's own: no other program takes a port there that has just become free.
fn own_host() -> String {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    format!("127.{}.{middle}.{low}", 1 + (high & 0x7f))
}

#[test]
fn an_address_can_be_bound_again_when_close_returns() {
    // A program that is being started has copies of all descriptors for a moment.
    if !in_own_process("an_address_can_be_bound_again_when_close_returns") {
        return;
    }
    for _ in 0..50 {
        let listener = Arc::new(create_server((own_host(), 0)).unwrap());
        let address = listener.getsockname().unwrap();
        let accepts = Waiting::on(&listener, |listener| listener.accept().map(drop));
        listener.close().unwrap();
        create_server(address).unwrap();
        assert!(accepts.ended().unwrap_err().is_closed());

        let datagrams = Arc::new(Socket::new(Family::INET, Kind::DGRAM).unwrap());
        datagrams.bind((own_host(), 0)).unwrap();
        let address = datagrams.getsockname().unwrap();
        let receives: Vec<_> = (0..2).map(|_| Waiting::on(&datagrams, |socket| socket.recvfrom(1).map(drop))).collect();
        datagrams.within(FAR).close().unwrap();
        Socket::new(Family::INET, Kind::DGRAM).unwrap().bind(address).unwrap();
        receives.into_iter().for_each(|receives| assert!(receives.ended().unwrap_err().is_closed()));
    }
}

#[test]
fn two_closes_at_once_are_one() {
    // A program that is being started has copies of all descriptors for a moment.
    if !in_own_process("two_closes_at_once_are_one") {
        return;
    }
    for _ in 0..50 {
        let datagrams = Arc::new(Socket::new(Family::INET, Kind::DGRAM).unwrap());
        datagrams.bind((own_host(), 0)).unwrap();
        let address = datagrams.getsockname().unwrap();
        let receives = Waiting::on(&datagrams, |socket| socket.recv(1).map(drop));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    datagrams.close().unwrap();
                    // The other may have it by now.
                    let again = Socket::new(Family::INET, Kind::DGRAM).unwrap();
                    again.setsockopt(SocketOption::REUSEADDR, true).unwrap();
                    again.bind(address).unwrap();
                });
            }
        });
        assert!(receives.ended().unwrap_err().is_closed());
    }
    let (client, _never_reads) = lingering();
    let results = thread::scope(|scope| {
        let closes: Vec<_> = (0..2).map(|_| scope.spawn(|| client.within(LIMIT).close())).collect();
        closes.into_iter().map(|close| close.join().unwrap()).collect::<Vec<_>>()
    });
    let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert!(errors.len() == 1 && errors[0].is_timeout(), "who lingers says so: {errors:?}");
}

/// The client of a connection that has much to send, to nobody who reads, and lingers.
fn lingering() -> (Socket, Socket) {
    let (client, never_reads) = tcp_pair();
    client.setsockopt(SocketOption::LINGER, Some(Duration::from_secs(30))).unwrap();
    client.with_flags(MessageFlags::DONTWAIT).sendall(&vec![0; 16 << 20]).unwrap_err();
    (client, never_reads)
}

#[test]
fn a_lingering_close_is_bounded_whoever_has_seen_the_number() {
    // A program that is being started has copies of all descriptors for a moment.
    if !in_own_process("a_lingering_close_is_bounded_whoever_has_seen_the_number") {
        return;
    }
    let touches: [fn(Socket) -> Socket; 5] = [
        |socket| socket,
        |socket| {
            assert!(socket.fileno() > 0 && socket.as_raw_fd() > 0);
            socket
        },
        |socket| {
            drop(socket.dup().unwrap());
            socket
        },
        |socket| {
            assert!(!format!("{socket:?}").is_empty());
            socket
        },
        |socket| Socket::from(std::net::TcpStream::from(socket)),
    ];
    for touch in touches {
        let (client, _never_reads) = lingering();
        let client = touch(client);
        times_out(LIMIT, || client.within(LIMIT).close());
        let begun = Instant::now();
        drop(client);
        assert!(begun.elapsed() < SOON, "the drop must not linger again");
    }
    let (client, _never_reads) = lingering();
    client.set_timeout(LIMIT);
    let file = client.makefile_reader().unwrap();
    client.close().unwrap();
    let begun = Instant::now();
    drop(file);
    assert!(begun.elapsed() >= LIMIT && begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_close_beside_a_copy_neither_lingers_nor_touches_it() {
    let (client, server) = tcp_pair();
    client.setsockopt(SocketOption::LINGER, Some(Duration::from_secs(30))).unwrap();
    server.setsockopt(SocketOption::RCVBUF, 1).unwrap();
    let copy = client.dup().unwrap();
    client.within(FAR).close().unwrap();
    copy.sendall(b"still here").unwrap();
    assert_eq!(server.recv(100).unwrap(), b"still here");
    assert_eq!(copy.getsockopt(SocketOption::LINGER).unwrap(), Some(Duration::from_secs(30)));

    let (client, _never_reads) = lingering();
    let copy = client.dup().unwrap();
    let begun = Instant::now();
    client.within(FAR).close().unwrap();
    assert!(begun.elapsed() < SOON, "nothing is to be waited for: {:?}", begun.elapsed());
    copy.setsockopt(SocketOption::LINGER, None).unwrap();
}

#[test]
fn a_lingering_close_is_not_left_to_a_call_that_waits() {
    // A program that is being started has copies of all descriptors for a moment.
    if !in_own_process("a_lingering_close_is_not_left_to_a_call_that_waits") {
        return;
    }
    let (client, _never_reads) = lingering();
    let client = Arc::new(client);
    let receives = Waiting::on(&client, |socket| socket.within(FAR).recv(1).map(drop));
    times_out(LIMIT, || client.within(LIMIT).close());
    assert!(receives.ended().unwrap_err().is_closed());
}

#[test]
fn a_number_above_a_lowered_limit_is_closed_all_the_same() {
    if !in_own_process("a_number_above_a_lowered_limit_is_closed_all_the_same") {
        return;
    }
    let hoard: Vec<_> = (0..100).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    let (socket, peer) = tcp_pair();
    let receives = Arc::new(socket.dup().unwrap());
    drop(hoard);
    let limit = libc::rlimit { rlim_cur: 50, rlim_max: 50 };
    // SAFETY: the limit is ours and initialised.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    let waits = Waiting::on(&receives, |socket| socket.within(FAR).recv(1).map(drop));
    socket.close().unwrap();
    socket.close().unwrap();
    assert!(socket.recv(1).unwrap_err().is_closed());
    assert_eq!(peer.within(FAR).recv(1).unwrap(), b"", "the peer sees the end");
    drop(waits);
    receives.close().unwrap();
}

#[test]
fn a_close_without_a_descriptor_to_spare_ends_each_wait_as_any_close_does() {
    if !in_own_process("a_close_without_a_descriptor_to_spare_ends_each_wait_as_any_close_does") {
        return;
    }
    // All numbers below the limit are taken. It is not 0: poll(2) takes no more descriptors than that.
    let _hoard: Vec<_> = (0..100).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    let ((receives, _silent), (sends, _never_reads)) = (tcp_pair(), tcp_pair());
    let full = full_backlog();
    let address = full.address;
    type Wait = fn(&Socket, Address) -> Result<()>;
    let cases: [(Socket, Wait); 5] = [
        (receives, |socket, _| socket.within(FAR).recv(1).map(drop)),
        (sends, |socket, _| socket.within(FAR).sendall(&vec![0; 16 << 20])),
        (create_server(("127.0.0.1", 0)).unwrap(), |socket, _| socket.within(FAR).accept().map(drop)),
        (unix_listener(Kind::STREAM), |socket, _| socket.within(FAR).accept().map(drop)),
        (Socket::new(Family::INET, Kind::STREAM).unwrap(), |socket, address| socket.within(FAR).connect(address)),
    ];
    let waits = cases.map(|(socket, wait)| {
        let (socket, address) = (Arc::new(socket), address);
        let waits = Waiting::on(&socket, move |socket| wait(socket, address));
        (socket, waits)
    });
    let limit = libc::rlimit { rlim_cur: 50, rlim_max: 50 };
    // SAFETY: the limit is ours and initialised.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    for (index, (socket, waits)) in waits.into_iter().enumerate() {
        socket.close().unwrap();
        let error = waits.ended().unwrap_err();
        assert!(error.is_closed(), "{index}: {error}");
    }
}

/// Closes a listener, and says what has its number then, by name.
fn closed_number() -> String {
    let socket = create_server(("127.0.0.1", 0)).unwrap();
    let address = socket.getsockname().unwrap();
    socket.close().unwrap();
    create_server(address).expect("the address is free when close returns");
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.fileno())).unwrap();
    link.to_str().unwrap().to_owned()
}

#[test]
#[cfg_attr(shotclock_bsd, ignore = "there no dead descriptor is kept")]
fn after_a_first_close_the_next_need_no_descriptor_to_spare() {
    if !in_own_process("after_a_first_close_the_next_need_no_descriptor_to_spare") {
        return;
    }
    assert_eq!(closed_number(), "/dev/null");
    let socket = create_server(("127.0.0.1", 0)).unwrap();
    let address = socket.getsockname().unwrap();
    let again = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let mut hoard = Vec::new();
    while let Ok(copy) = again.dup() {
        hoard.push(copy);
    }
    let closed = socket.close();
    let bound = again.bind(address);
    drop(hoard);
    closed.unwrap();
    bound.expect("the address is free when close returns, before the socket is dropped");
}

#[test]
#[cfg_attr(shotclock_bsd, ignore = "there no dead descriptor is kept")]
fn a_dead_descriptor_that_a_stranger_closed_is_put_over_no_number() {
    if !in_own_process("a_dead_descriptor_that_a_stranger_closed_is_put_over_no_number") {
        return;
    }
    assert_eq!(closed_number(), "/dev/null");
    let kept = kept_dead_descriptor();
    let (file, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    // SAFETY: plain numbers; that it is not ours to take is the point.
    assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), kept) }, kept);
    let theirs = std::fs::read_link(format!("/proc/self/fd/{kept}")).unwrap();
    for _ in 0..3 {
        assert_eq!(closed_number(), "/", "one is opened each time");
    }
    assert_eq!(std::fs::read_link(format!("/proc/self/fd/{kept}")).unwrap(), theirs, "theirs is left alone");

    // SAFETY: as above.
    assert_eq!(unsafe { libc::close(kept) }, 0);
    assert_eq!(closed_number(), "/");
}

#[test]
fn a_forked_child_goes_on_accepting_and_closes_without_waiting_for_threads_it_has_not() {
    if !in_own_process("a_forked_child_goes_on_accepting_and_closes_without_waiting_for_threads_it_has_not") {
        return;
    }
    let listener = Arc::new(create_server(("127.0.0.1", 0)).unwrap());
    let address = listener.getsockname().unwrap();
    let accepts = Waiting::on(&listener, |listener| listener.within(FAR).accept().map(drop));
    let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    // SAFETY: the child uses only this crate's calls, which must work there, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let told = theirs.within(FAR).recv(1).is_ok();
        let accepted = listener.within(FAR).accept().is_ok();
        let begun = Instant::now();
        let closed = listener.close().is_ok() && begun.elapsed() < Duration::from_millis(500);
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(if told && accepted && closed { 0 } else { 1 }) };
    }
    listener.close().unwrap();
    assert!(accepts.ended().unwrap_err().is_closed());
    ours.sendall(b"x").unwrap();
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    client.within(FAR).connect(address).unwrap();
    let mut status = 0;
    // SAFETY: the child was started above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child could not accept, or its close took too long");
}

#[test]
fn who_closes_or_cancels_alone_wakes_nobody() {
    if !in_own_process("who_closes_or_cancels_alone_wakes_nobody") {
        return;
    }
    // More than there are bells, so that each bell is somebody's.
    let idle: Vec<_> = (0..300).map(|_| socketpair(Family::UNIX, Kind::STREAM).unwrap()).collect();
    let (sockets, _silent): (Vec<_>, Vec<_>) = idle.into_iter().map(|(one, other)| (Arc::new(one), other)).unzip();
    let waits: Vec<_> = sockets.iter().map(|socket| Waiting::on(socket, |socket| socket.recv(1).map(drop))).collect();
    let before: Vec<_> = waits.iter().map(Waiting::sleeps).collect();
    for _ in 0..200 {
        let (one, _other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
        assert!(
            one.within(Duration::from_nanos(1)).recv(1).unwrap_err().is_timeout(),
            "it has waited, and does no more"
        );
        one.close().unwrap();
        Canceller::new().cancel();
    }
    assert_eq!(waits.iter().map(Waiting::sleeps).collect::<Vec<_>>(), before);
    sockets.iter().for_each(|socket| socket.close().unwrap());
    waits.into_iter().for_each(|waits| assert!(waits.ended().unwrap_err().is_closed()));
}

fn unix_listener(kind: Kind) -> Socket {
    let listener = Socket::new(Family::UNIX, kind).unwrap();
    listener.bind(UnixAddress::UNNAMED).unwrap();
    listener.listen(1).unwrap();
    listener
}

#[test]
fn shutdown_ends_a_wait_as_it_ends_a_blocking_call() {
    let connected = || {
        let (one, other) = (udp(), udp());
        one.connect(other.getsockname().unwrap()).unwrap();
        (one, other)
    };
    let datagrams = || socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    let receives: [fn(&Socket) -> Result<usize>; 5] = [
        |socket| socket.recv_into(&mut [0; 9]),
        |socket| socket.recv(9).map(|data| data.len()),
        |socket| socket.recvfrom(9).map(|(data, from)| data.len() + usize::from(from.is_some())),
        |socket| socket.recvmsg(9, 0).map(|message| message.data.len() + usize::from(message.address.is_some())),
        |socket| socket.with_flags(MessageFlags::PEEK).recv_into(&mut [0; 9]),
    ];
    for receive in receives {
        for how in [Shutdown::READ, Shutdown::BOTH] {
            for (socket, _peer) in [connected(), datagrams()] {
                let socket = Arc::new(socket);
                let waits = Waiting::on(&socket, receive);
                socket.shutdown(how).unwrap();
                assert_eq!(waits.ended().unwrap(), 0);
                assert_eq!(receive(&socket).unwrap(), 0, "and who comes later");
            }
        }
    }
    for listener in
        [create_server(("127.0.0.1", 0)).unwrap(), unix_listener(Kind::STREAM), unix_listener(Kind::SEQPACKET)]
    {
        let listener = Arc::new(listener);
        let waits = Waiting::on(&listener, |listener| listener.accept().map(drop));
        listener.shutdown(Shutdown::READ).unwrap();
        assert_eq!(waits.ended().unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}

#[test]
fn a_peer_that_hangs_up_is_not_a_shutdown_of_one_s_own() {
    let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    other.shutdown(Shutdown::BOTH).unwrap();
    times_out(LIMIT, || one.within(LIMIT).recv(1));
    drop(other);
    times_out(LIMIT, || one.within(LIMIT).recv(1));
    one.shutdown(Shutdown::WRITE).unwrap();
    times_out(LIMIT, || one.within(LIMIT).recv(1));
    // What had come before the end is handed over first.
    let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    other.send(b"last").unwrap();
    one.shutdown(Shutdown::READ).unwrap();
    assert_eq!(one.recv(9).unwrap(), b"last");
    assert_eq!(one.recv(9).unwrap(), b"");
    let listener = unix_listener(Kind::STREAM);
    listener.shutdown(Shutdown::WRITE).unwrap();
    times_out(LIMIT, || listener.within(LIMIT).accept());
}

#[test]
fn shutdown_ends_a_connect_that_is_under_way() {
    let full = peers::full_backlog();
    let client = Arc::new(Socket::new(Family::INET, Kind::STREAM).unwrap());
    let to = full.address;
    let connects = Waiting::on(&client, move |client| client.within(FAR).connect(to));
    client.shutdown(Shutdown::BOTH).unwrap();
    assert_eq!(connects.ended().unwrap_err().raw_os_error(), Some(libc::ECONNRESET), "as the blocking call says");
    assert!(client.getpeername().is_err(), "and no new attempt is made");
}
