//! Limits on real sockets: never early, and one for the whole of a call.
#![cfg_attr(windows, allow(unused_imports, dead_code, reason = "what only Unix systems have is left out there"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use peers::{LIMIT, LOOSE, PAIRS, Waiting, fill, full_backlog, in_own_process, tcp_pair, thread_time, times_out, udp};
use shotclock::{
    Canceller, Connector, Deadline, Family, Kind, LimitKind, Lookup, MessageFlags, Ready, ServerBuilder, Socket,
    SocketOption, SocketWriter, Timeout, UnixAddress, create_connection, create_server, socketpair, with_deadline,
};

#[cfg(unix)]
use libc::{EAGAIN, ECONNREFUSED, EINPROGRESS, EISCONN};
/// Winsock's.
#[cfg(windows)]
const EAGAIN: i32 = 10035;
#[cfg(windows)]
const EINPROGRESS: i32 = 10036;
#[cfg(windows)]
const ECONNREFUSED: i32 = 10061;
#[cfg(windows)]
const EISCONN: i32 = 10056;

#[test]
fn every_wait_ends_at_the_sockets_timeout() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let (client, _silent) = tcp_pair();
    let datagrams = udp();
    for socket in [&listener, &client, &datagrams] {
        socket.set_timeout(LIMIT);
    }
    times_out(LIMIT, || listener.accept());
    times_out(LIMIT, || client.recv(1));
    times_out(LIMIT, || client.recv_into(&mut [0]));
    times_out(LIMIT, || client.recv_exact(&mut [0]));
    times_out(LIMIT, || client.recvmsg(1, 0));
    times_out(LIMIT, || client.recv_fds(1, 1));
    times_out(LIMIT, || datagrams.recvfrom(1));
    times_out(LIMIT, || datagrams.recvfrom_into(&mut [0]));
    let error = times_out(LIMIT, || client.makefile().unwrap().readline());
    assert_eq!(error.limit(), Some(LimitKind::SocketTimeout(LIMIT.into())));
    assert_eq!(error.raw_os_error(), None);
    assert_eq!(error.target(), Some(&*client.getpeername().unwrap().to_string()));
}

#[test]
fn every_send_to_a_peer_that_never_reads_ends() {
    let (client, _never_reads) = tcp_pair();
    client.set_timeout(LIMIT);
    let data = vec![7; 16 << 20];
    let error = times_out(LIMIT, || client.sendall(&data));
    assert!(error.bytes_moved() > 0 && error.bytes_moved() < data.len() as u64, "{error}");
    fill(&client);
    times_out(LIMIT, || client.send(&data));
    times_out(LIMIT, || client.sendto(&data, client.getpeername().unwrap()));
    times_out(LIMIT, || client.sendmsg(&[std::io::IoSlice::new(&data)], &[], None));
    let file = temporary_file(&data);
    let error = times_out(LIMIT, || client.sendfile(&file, 0, None));
    assert_eq!(error.bytes_moved(), 0, "the queue was full before");
    let mut writer = client.makefile_writer().unwrap();
    assert_eq!(writer.write_all(&data).unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(writer.buffered(), data.len());
    let begun = Instant::now();
    drop(writer);
    assert!(begun.elapsed() < LIMIT, "a drop must not wait again for what has failed");
}

#[test]
fn connect_ends_in_time_and_goes_on_when_asked_again() {
    let full = full_backlog();
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    client.set_timeout(LIMIT);
    times_out(LIMIT, || client.connect(full.address));
    let error = times_out(LIMIT, || client.connect(full.address));
    assert_eq!(error.target(), Some(&*full.address.to_string()));
    assert_eq!(client.connect_ex(full.address).unwrap(), EAGAIN, "EAGAIN, as in Python");
    // Room in the queue: the same attempt succeeds, at the system's next try.
    for _ in 0..2 {
        full.listener.within(Duration::from_secs(10)).accept().unwrap();
    }
    client.set_timeout(Duration::from_secs(20));
    client.connect(full.address).unwrap();
}

#[test]
fn create_connection_has_one_budget() {
    let full = full_backlog();
    let budget = LIMIT * 3;
    let error = times_out(budget, || create_connection(full.address, budget));
    assert_eq!(error.attempts().len(), 1);
    assert_eq!(error.limit(), Some(LimitKind::SocketTimeout(budget.into())));
    times_out(LIMIT, || Connector::new().within(LIMIT).connect(full.address));
    assert!(create_connection(full.address, Duration::ZERO).unwrap_err().to_string().contains("timeout of 0"));
}

#[test]
fn a_drip_does_not_stretch_a_call_of_many_parts() {
    let (client, server) = tcp_pair();
    client.set_timeout(LIMIT * 3);
    let (stop, stopped) = mpsc::channel::<()>();
    let drip = thread::spawn(move || {
        while stopped.recv_timeout(LIMIT / 3) == Err(mpsc::RecvTimeoutError::Timeout) {
            if server.send(b"x").is_err() {
                break;
            }
        }
    });
    let error = times_out(LIMIT * 3, || client.recv_exact(&mut [0; 1000]));
    assert!(error.bytes_moved() > 0);
    times_out(LIMIT * 3, || client.makefile().unwrap().readline());
    let begun = Instant::now();
    let error = (&client).read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(begun.elapsed() >= LIMIT * 3);
    stop.send(()).unwrap();
    drip.join().unwrap();
}

#[test]
fn a_sip_does_not_stretch_sendall() {
    let (client, server) = tcp_pair();
    client.setsockopt(SocketOption::SNDBUF, 4096).unwrap();
    let reader = thread::spawn(move || {
        while let Ok(bytes) = server.recv(512) {
            if bytes.is_empty() {
                break;
            }
        }
    });
    let data = vec![0; 1 << 30];
    times_out(LIMIT, || client.within(LIMIT).sendall(&data));
    client.close().unwrap();
    reader.join().unwrap();
}

#[cfg(unix)]
#[test]
fn formatted_text_is_one_call_with_one_limit() {
    // The peer takes each piece within the limit, and all of them long after it.
    let (one, other) = socketpair(PAIRS, Kind::STREAM).unwrap();
    let limit = LIMIT * 4;
    one.set_timeout(limit);
    let sip = thread::spawn(move || {
        let silent = udp();
        while other.recv(1 << 16).is_ok_and(|data| !data.is_empty()) {
            let _a_pause = silent.within(LIMIT / 2).recv(1);
        }
    });
    let piece = "x".repeat(300_000);
    let text = format_args!("{piece}{piece}{piece}{piece}{piece}{piece}{piece}{piece}").to_string();
    let write = |writer: &mut dyn Write| {
        let error = write!(writer, "{piece}{piece}{piece}{piece}{piece}{piece}{piece}{piece}").unwrap_err();
        *error.into_inner().unwrap().downcast::<shotclock::Error>().unwrap()
    };
    let error = times_out(limit, || Err::<(), _>(write(&mut &one)));
    assert!(error.bytes_moved() > 0 && error.bytes_moved() < text.len() as u64, "{error}");
    times_out(limit, || Err::<(), _>(write(&mut one.idle(Duration::from_secs(60)))));
    times_out(limit, || Err::<(), _>(write(&mut one.makefile_writer().unwrap())));
    one.close().unwrap();
    sip.join().unwrap();
}

#[test]
fn a_flood_without_end_is_ended_by_a_deadline() {
    let (client, server) = tcp_pair();
    let flood = thread::spawn(move || while server.sendall(&[7; 4096]).is_ok() {});
    let view = client.within(LIMIT);
    let begun = Instant::now();
    let error = loop {
        if let Err(error) = view.recv_into(&mut [0]) {
            break error;
        }
    };
    assert!(error.is_timeout() && begun.elapsed() >= LIMIT, "{error}");
    assert_eq!(error.limit(), Some(LimitKind::CallDeadline));

    let mut file = client.makefile_reader().unwrap();
    let error = file.readline().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "an endless line: {error}");
    file.set_line_limit(usize::MAX);
    client.set_timeout(LIMIT);
    times_out(LIMIT, || file.readline());
    drop(file);
    client.close().unwrap();
    flood.join().unwrap();
}

#[cfg(unix)]
#[test]
fn waits_on_spurious_readiness_burn_no_core() {
    // Poll says "writable" for ever: a full backlog and a full datagram queue of AF_UNIX.
    let name = UnixAddress::from_abstract_name(format!("shotclock-spurious-{}", std::process::id())).unwrap();
    let listener = ServerBuilder::new().backlog(0).listen(name).unwrap();
    let first = Socket::new(Family::UNIX, Kind::STREAM).unwrap();
    first.connect(name).unwrap();
    let second = Socket::new(Family::UNIX, Kind::STREAM).unwrap();
    let limit = Duration::from_millis(300);
    let before = thread_time();
    times_out(limit, || second.within(limit).connect(name));
    assert!(thread_time() - before < limit / 4, "a spinning connect: {:?}", thread_time() - before);
    let accepts = thread::spawn(move || (listener.accept().unwrap(), listener));
    second.within(Duration::from_secs(20)).connect(name).unwrap();
    accepts.join().unwrap();

    let receiver = Socket::new(Family::UNIX, Kind::DGRAM).unwrap();
    let name = UnixAddress::from_abstract_name(format!("shotclock-queue-{}", std::process::id())).unwrap();
    receiver.bind(name).unwrap();
    let sender = Socket::new(Family::UNIX, Kind::DGRAM).unwrap();
    let full = sender.with_flags(MessageFlags::DONTWAIT);
    while full.sendto(b"x", name).is_ok() {}
    let before = thread_time();
    times_out(limit, || sender.within(limit).sendto(b"x", name));
    assert!(thread_time() - before < limit / 4, "a spinning sendto: {:?}", thread_time() - before);
}

#[cfg(unix)]
#[test]
fn a_pending_error_queue_burns_no_core() {
    let socket = udp();
    socket.setsockopt(SocketOption::RECVERR, true).unwrap();
    // Nobody is there: the refusal comes back and stays in the error queue, which poll announces for ever.
    let nobody = udp();
    let address = nobody.getsockname().unwrap();
    drop(nobody);
    socket.sendto(b"x", address).unwrap();
    let refused = socket.within(Duration::from_secs(10)).recv(1).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(111), "{refused}");
    let limit = Duration::from_millis(300);
    let before = thread_time();
    times_out(limit, || socket.within(limit).recv(1));
    assert!(thread_time() - before < limit / 4, "a spinning recv: {:?}", thread_time() - before);
    let queued = socket.with_flags(MessageFlags::ERRQUEUE).recvmsg(100, 512).unwrap();
    assert!(queued.flags.contains(MessageFlags::ERRQUEUE) && queued.ancillary.len() == 1, "{queued:?}");
    times_out(LIMIT, || socket.within(LIMIT).with_flags(MessageFlags::ERRQUEUE).recvmsg(100, 512));
}

#[test]
fn zero_is_one_try_and_none_is_for_ever() {
    let (client, server) = tcp_pair();
    client.set_timeout(Timeout::ZERO);
    let error = client.recv(1).unwrap_err();
    assert!(error.is_would_block() && !error.is_timeout());
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert!(client.until(Deadline::now()).recv(1).unwrap_err().is_would_block(), "a deadline does not concern it");
    server.sendall(b"x").unwrap();
    client.set_timeout(None);
    assert_eq!(client.recv(1).unwrap(), b"x");
    assert!(client.with_flags(MessageFlags::DONTWAIT).recv(1).unwrap_err().is_would_block());
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true);
    assert!(listener.accept().unwrap_err().is_would_block());
    let full = full_backlog();
    let connecting = Socket::new(Family::INET, Kind::STREAM).unwrap();
    connecting.set_nonblocking(true);
    assert_eq!(connecting.connect_ex(full.address).unwrap(), EINPROGRESS, "EINPROGRESS, as in Python");
    client.set_timeout(Duration::from_secs(100 * 365 * 86400));
    server.sendall(b"y").unwrap();
    assert_eq!(client.recv(1).unwrap(), b"y");
}

#[test]
fn a_passed_deadline_is_a_timeout_even_with_data_there() {
    let (client, server) = tcp_pair();
    server.sendall(b"x").unwrap();
    assert!(client.until(Deadline::now()).recv(1).unwrap_err().is_timeout());
    assert_eq!(client.recv(1).unwrap(), b"x", "and nothing was taken");
}

#[test]
fn accepted_sockets_take_the_default_never_the_listeners() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    listener.set_timeout(Duration::from_secs(7));
    let _client = create_connection(listener.getsockname().unwrap(), Duration::from_secs(9)).unwrap();
    assert_eq!(_client.timeout(), Timeout::from(Duration::from_secs(9)), "as in Python");
    assert_eq!(listener.accept().unwrap().0.timeout(), shotclock::default_timeout());
}

#[cfg(unix)]
#[test]
fn a_descriptor_that_others_make_blocking_does_not_block_us() {
    // Foreign descriptors come in blocking mode, and duplicates share it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = Socket::from(listener);
    times_out(LIMIT, || ours.within(LIMIT).accept());
    let copy = ours.dup().unwrap();
    drop(std::net::TcpListener::from(copy));
    times_out(LIMIT, || ours.within(LIMIT).accept());

    // So does whoever borrowed the descriptor and duplicated it, by this crate's own calls too.
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    drop(Socket::fromfd(&listener).unwrap().detach());
    times_out(LIMIT, || listener.within(LIMIT).accept());
    let (one, _never_reads) = socketpair(PAIRS, Kind::STREAM).unwrap();
    drop(Socket::fromfd(&one).unwrap().detach());
    let file = temporary_file(&vec![7; 16 << 20]);
    times_out(LIMIT, || one.within(LIMIT).sendfile(&file, 0, None));
    let theirs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = Socket::from(theirs.try_clone().unwrap());
    times_out(LIMIT, || ours.within(LIMIT).accept());
    theirs.set_nonblocking(false).unwrap();
    times_out(LIMIT, || ours.within(LIMIT).accept());

    let (client, server) = tcp_pair();
    let theirs: TcpStream = client.dup().unwrap().into();
    times_out(LIMIT, || client.within(LIMIT).recv(1));
    times_out(LIMIT, || client.within(LIMIT).sendall(&vec![0; 32 << 20]));
    drop((theirs, server));
}

#[cfg(unix)]
#[test]
fn a_descriptor_that_others_make_blocking_in_mid_wait_does_not_block_us() {
    let limit = Duration::from_millis(1500);
    let listener = Arc::new(create_server(("127.0.0.1", 0)).unwrap());
    let accept = move |listener: &Socket| {
        let begun = Instant::now();
        let accepted = listener.within(limit).accept();
        (accepted.is_ok(), begun.elapsed())
    };
    let acceptors: Vec<_> = (0..3).map(|_| Waiting::on(&listener, accept)).collect();
    let copy: std::net::TcpListener = listener.dup().unwrap().into();
    // All are woken, and one has it.
    let _client = create_connection(copy.local_addr().unwrap(), None).unwrap();
    let results: Vec<_> = acceptors.into_iter().map(Waiting::ended).collect();
    assert_eq!(results.iter().filter(|(accepted, _)| *accepted).count(), 1);
    for (_, elapsed) in results.iter().filter(|(accepted, _)| !accepted) {
        assert!(*elapsed >= limit && *elapsed < limit + LOOSE, "{elapsed:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_sendfile_does_not_block_when_others_make_the_descriptor_blocking_in_mid_wait() {
    let (one, other) = socketpair(PAIRS, Kind::STREAM).unwrap();
    let one = Arc::new(one);
    let limit = Duration::from_millis(1500);
    let file = temporary_file(&vec![7; 16 << 20]);
    let sends = Waiting::on(&one, move |one| times_out(limit, || one.within(limit).sendfile(&file, 0, None)));
    let copy: std::os::unix::net::UnixStream = one.dup().unwrap().into();
    // Room for a part of it, and no more.
    other.recv_exact(&mut vec![0; 256 << 10]).unwrap();
    assert!(sends.ended().bytes_moved() > 256 << 10);
    drop(copy);
}

#[cfg(unix)]
#[test]
fn a_descriptor_that_a_forked_child_makes_blocking_does_not_block_us() {
    if !in_own_process("a_descriptor_that_a_forked_child_makes_blocking_does_not_block_us") {
        return;
    }
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    // SAFETY: the child changes a flag of the shared file, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let _blocks = listener.detach();
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: the child was started above.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    times_out(LIMIT, || listener.within(LIMIT).accept());
}

#[test]
fn a_connect_never_takes_the_connection_of_another_for_its_own() {
    let full = full_backlog();
    let (other, client) = (create_server(("127.0.0.1", 0)).unwrap(), Socket::new(Family::INET, Kind::STREAM).unwrap());
    times_out(LIMIT, || client.within(LIMIT).connect(full.address));
    let to = other.getsockname().unwrap();
    times_out(LIMIT, || client.within(LIMIT).connect(to));
    // Room in the queue: the first attempt succeeds, at the system's next try, and the second says what became of it.
    for _ in 0..2 {
        full.listener.within(Duration::from_secs(10)).accept().unwrap();
    }
    let error = client.within(Duration::from_secs(20)).connect(to).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(EISCONN), "{error}");
    assert_eq!(client.getpeername().unwrap(), full.address);

    // The system tells the next call of a connection that was made, whatever address that names.
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    client.connect(full.address).unwrap();
    assert_eq!(client.connect_ex(to).unwrap(), EISCONN);
    // A datagram socket may have one peer after the other, and any host that is this one.
    let datagrams = udp();
    for port in [9, 10] {
        datagrams.connect(([0, 0, 0, 0], port)).unwrap();
        datagrams.connect(([127, 0, 0, 1], port)).unwrap();
    }
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let here = ([0, 0, 0, 0], to.port().unwrap());
    client.connect(here).unwrap();
    client.connect(here).unwrap();
}

#[test]
fn a_refused_connect_can_be_made_again() {
    let gone = create_server(("127.0.0.1", 0)).unwrap();
    let address = gone.getsockname().unwrap();
    gone.close().unwrap();
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    for _ in 0..3 {
        assert_eq!(client.connect_ex(address).unwrap(), ECONNREFUSED);
    }
    let again = create_server(address).unwrap();
    client.connect(address).unwrap();
    again.accept().unwrap();
}

#[test]
fn conversions_to_std_block_as_std_expects() {
    let (client, server) = tcp_pair();
    let mut stream = TcpStream::from(client);
    let writer = thread::spawn(move || {
        times_out(LIMIT, || server.within(LIMIT).recv(1));
        server.sendall(b"late").unwrap();
    });
    let mut data = [0; 4];
    stream.read_exact(&mut data).unwrap();
    assert_eq!(&data, b"late");
    writer.join().unwrap();
}

#[cfg(unix)]
#[test]
#[allow(clippy::disallowed_methods, reason = "std's own timeouts are what this is about")]
fn timeouts_of_stds_types_hold_here_and_ours_there() {
    use std::net::UdpSocket;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    let (short, long) = (Duration::from_millis(100), Duration::from_secs(60));
    let (listener, mut accepted) = (TcpListener::bind("127.0.0.1:0").unwrap(), Vec::new());
    let mut stream = || {
        let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
        client.connect(listener.local_addr().unwrap()).unwrap();
        accepted.push(listener.accept().unwrap());
        TcpStream::from(client)
    };
    // Each for its direction; where there is none, the default.
    for (read, write) in [
        (Some(short), Some(long)),
        (Some(long), Some(short)),
        (None, Some(short)),
        (Some(short), None),
        (Some(short), Some(short)),
        (None, None),
    ] {
        let theirs = stream();
        theirs.set_read_timeout(read).unwrap();
        theirs.set_write_timeout(write).unwrap();
        let copy = Socket::fromfd(&theirs).unwrap();
        let ours = Socket::from(theirs);
        for socket in [&ours, &copy, &ours.dup().unwrap()] {
            assert_eq!((socket.read_timeout().duration(), socket.write_timeout().duration()), (read, write));
        }
        let theirs = TcpStream::from(ours);
        assert_eq!((theirs.read_timeout().unwrap(), theirs.write_timeout().unwrap()), (read, write));
    }
    // Where one direction never waits, the other keeps its time.
    let ours = Socket::from(stream());
    ours.set_timeout(long);
    ours.set_read_timeout(Timeout::ZERO);
    let theirs = TcpStream::from(ours);
    assert!(theirs.read_timeout().unwrap().is_some_and(|time| time < short));
    assert_eq!(theirs.write_timeout().unwrap(), Some(long));
    let theirs = UnixStream::pair().unwrap();
    theirs.0.set_read_timeout(Some(short)).unwrap();
    times_out(short, || Socket::from(theirs.0).recv(1));

    let ours = Socket::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    ours.set_timeout(short);
    assert_eq!(UdpSocket::from(ours).read_timeout().unwrap(), Some(short));
    let ours = Socket::from(UnixDatagram::unbound().unwrap());
    ours.set_timeout(Duration::from_nanos(1));
    let theirs = UnixDatagram::from(ours);
    assert!(
        theirs.read_timeout().unwrap().is_some_and(|time| time < long),
        "too short for the system, and not for ever"
    );
    let ours = Socket::from(theirs);
    ours.set_timeout(None);
    assert_eq!(UnixDatagram::from(ours).write_timeout().unwrap(), None, "and not the one from before");

    // Whose timeout is zero never waits, there as here.
    let ours = Socket::from(stream());
    ours.set_nonblocking(true);
    assert_eq!(TcpStream::from(ours).read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    // A listener of std's has no timeout, which its connections would inherit.
    let ours = Socket::from(TcpListener::bind("127.0.0.1:0").unwrap());
    ours.set_timeout(short);
    let theirs = TcpListener::from(ours);
    let _client = create_connection(theirs.local_addr().unwrap(), None).unwrap();
    assert_eq!(theirs.accept().unwrap().0.read_timeout().unwrap(), None);
}

#[cfg(unix)]
#[test]
fn sendfile_waits_for_its_peer_and_stops_at_the_limit() {
    let (client, server) = tcp_pair();
    let data: Vec<u8> = (0..8_u32 << 20).map(|n| n as u8).collect();
    let file = temporary_file(&data);
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        (&server).read_to_end(&mut received).unwrap();
        received
    });
    assert_eq!(client.sendfile(file.as_fd(), 0, None).unwrap(), data.len() as u64);
    assert_eq!(client.sendfile(file.as_fd(), 5, Some(10)).unwrap(), 10);
    assert_eq!(client.sendfile(file.as_fd(), 1 << 40, None).unwrap(), 0, "beyond the end");
    client.close().unwrap();
    let received = reader.join().unwrap();
    assert_eq!(received.len(), data.len() + 10);
    assert!(received[..data.len()] == data && received[data.len()..] == data[5..15]);

    // What the system cannot send by itself is read and sent; a pipe cannot be read from an offset.
    let (one, other) = socketpair(PAIRS, Kind::STREAM).unwrap();
    let proc = std::fs::File::open("/proc/self/cmdline").unwrap();
    let sent = one.sendfile(&proc, 0, None).unwrap();
    assert_eq!(other.recv(100_000).unwrap().len() as u64, sent);
    let (pipe, _writer) = std::io::pipe().unwrap();
    assert_eq!(one.within(LIMIT).sendfile(&pipe, 0, None).unwrap_err().raw_os_error(), Some(29), "ESPIPE");
}

#[test]
fn a_lingering_close_is_bounded() {
    let (client, _never_reads) = tcp_pair();
    client.setsockopt(SocketOption::LINGER, Some(Duration::from_secs(30))).unwrap();
    client.with_flags(MessageFlags::DONTWAIT).sendall(&vec![0; 16 << 20]).unwrap_err();
    let begun = Instant::now();
    let error = client.within(LIMIT).close().unwrap_err();
    assert!(error.is_timeout() && begun.elapsed() >= LIMIT && begun.elapsed() < Duration::from_secs(10), "{error}");
    assert!(client.send(b"x").unwrap_err().is_closed());
    let begun = Instant::now();
    drop(client);
    assert!(begun.elapsed() < Duration::from_secs(10), "the drop must not linger again");

    // With everything acknowledged it ends at once, and without an error.
    let (client, server) = tcp_pair();
    client.setsockopt(SocketOption::LINGER, Some(Duration::from_secs(30))).unwrap();
    client.set_timeout(Duration::from_secs(20));
    client.sendall(b"x").unwrap();
    client.close().unwrap();
    assert_eq!(server.recv(9).unwrap(), b"x");
    assert_eq!(server.recv(9).unwrap(), b"");
}

fn temporary_file(content: &[u8]) -> std::fs::File {
    let path = std::env::temp_dir().join(format!("shotclock-{}-{:?}", std::process::id(), thread::current().id()));
    let mut file = std::fs::File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(content).unwrap();
    file
}

#[test]
fn a_wait_ends_when_what_it_waits_for_comes() {
    let far = Duration::from_secs(20);
    // Runs `late` after a pause in which the wait has most likely begun; the outcome is the same if it has not.
    let in_time = |name: &str, wait: &dyn Fn(), late: &(dyn Fn() + Sync)| {
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _pause = udp().within(LIMIT).recv(1);
                late();
            });
            wait();
        });
        assert!(begun.elapsed() < far / 2, "{name} was not woken: {:?}", begun.elapsed());
    };
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let address = listener.getsockname().unwrap();
    let accepts = || drop(listener.within(far).accept().unwrap());
    in_time("accept", &accepts, &|| drop(create_connection(address, far).unwrap()));

    let (one, other) = tcp_pair();
    let sends = || other.sendall(b"x").unwrap();
    in_time("recv", &|| drop(one.within(far).recv(1).unwrap()), &sends);
    in_time("recv_into", &|| assert_eq!(one.within(far).recv_into(&mut [0]).unwrap(), 1), &sends);
    in_time("recv_exact", &|| one.within(far).recv_exact(&mut [0]).unwrap(), &sends);
    in_time("recvfrom", &|| drop(one.within(far).recvfrom(1).unwrap()), &sends);
    in_time("recvmsg", &|| drop(one.within(far).recvmsg(1, 0).unwrap()), &sends);
    in_time("readline", &|| drop(one.makefile().unwrap().readline().unwrap()), &|| other.sendall(b"x\n").unwrap());

    let data = vec![7; 1 << 20];
    let file = temporary_file(&data);
    let sending: [(&str, &dyn Fn()); 6] = [
        ("send", &|| assert!(one.within(far).send(&data).unwrap() > 0)),
        ("sendall", &|| one.within(far).sendall(&data).unwrap()),
        ("sendto", &|| assert!(one.within(far).sendto(&data, one.getpeername().unwrap()).unwrap() > 0)),
        ("sendmsg", &|| assert!(one.within(far).sendmsg(&[std::io::IoSlice::new(&data)], &[], None).unwrap() > 0)),
        ("sendfile", &|| assert_eq!(one.within(far).sendfile(&file, 0, None).unwrap(), data.len() as u64)),
        ("write_all", &|| SocketWriter::new(one.within(far)).unwrap().write_all(&data).unwrap()),
    ];
    for (name, send) in sending {
        while one.with_flags(MessageFlags::DONTWAIT).send(&data).is_ok() {}
        // Reads until nothing more comes, which makes room.
        in_time(name, send, &|| while other.within(LIMIT * 3).recv(1 << 20).is_ok() {});
    }
}

#[test]
fn each_canceller_that_was_named_counts() {
    let (socket, _silent) = socketpair(PAIRS, Kind::STREAM).unwrap();
    let each: Vec<Canceller> = (0..5).map(|_| Canceller::new()).collect();
    each[0].cancel();
    let view = socket.cancelled_by(&each[0]).cancelled_by(&each[1]);
    assert!(view.recv(1).unwrap_err().is_cancelled(), "the first counts still");
    let view = socket.cancelled_by(&each[1]).cancelled_by(&each[2]).cancelled_by(&each[3]).cancelled_by(&each[0]);
    assert!(view.recv(1).unwrap_err().is_cancelled(), "there is room for four");
    let view = view.cancelled_by(&each[4]);
    assert!(view.recv(1).unwrap_err().is_cancelled(), "what was cancelled is said first");
    let (one, other) = (&each[1], &each[2]);
    let five =
        socket.cancelled_by(one).cancelled_by(other).cancelled_by(one).cancelled_by(other).cancelled_by(&each[4]);
    assert!(five.recv(1).unwrap_err().to_string().contains("more than 4 cancellers"));

    let lookup = Lookup::new().cancelled_by(&each[0]).cancelled_by(one);
    assert!(lookup.gethostbyname("example.invalid").unwrap_err().is_cancelled());
    let connector = Connector::new().cancelled_by(&each[0]).cancelled_by(one);
    assert!(connector.connect(("example.invalid", 1)).unwrap_err().is_cancelled());
}

#[test]
fn waiting_for_readiness_takes_nothing_and_has_all_limits() {
    let (client, server) = tcp_pair();
    let view = client.within(LIMIT);
    let error = times_out(LIMIT, || view.wait_ready(Ready::READABLE));
    assert_eq!(error.target(), Some(&*client.getpeername().unwrap().to_string()));
    assert_eq!(client.wait_ready(Ready::READABLE | Ready::WRITABLE).unwrap(), Ready::WRITABLE);
    client.set_timeout(Timeout::ZERO);
    assert!(client.wait_ready(Ready::READABLE).unwrap_err().is_would_block());
    server.sendall(b"x").unwrap();
    client.set_timeout(LOOSE);
    for _twice in 0..2 {
        assert_eq!(client.wait_ready(Ready::READABLE).unwrap(), Ready::READABLE);
    }
    client.set_timeout(Timeout::ZERO);
    assert_eq!(client.wait_ready(Ready::READABLE).unwrap(), Ready::READABLE, "zero is a look");
    let error = times_out(LIMIT, || with_deadline(LIMIT, || server.wait_ready(Ready::READABLE)));
    assert!(matches!(error.limit(), Some(LimitKind::Scope(_))));
    let canceller = Canceller::new();
    canceller.cancel();
    assert!(server.cancelled_by(&canceller).wait_ready(Ready::READABLE).unwrap_err().is_cancelled());
    let error = times_out(LIMIT, || server.idle(LIMIT).wait_ready(Ready::NONE));
    assert_eq!(error.limit(), Some(LimitKind::Idle(LIMIT.into())));
    server.set_timeout(LIMIT);
    fill(&server);
    times_out(LIMIT, || server.wait_ready(Ready::WRITABLE));
}

#[test]
fn the_end_of_a_connection_is_readiness_that_was_not_asked_for() {
    let (client, server) = tcp_pair();
    let client = Arc::new(client);
    let waiting = Waiting::on(&client, |client| client.wait_ready(Ready::NONE));
    server.shutdown(shotclock::Shutdown::WRITE).unwrap();
    client.wait_ready(Ready::READABLE).unwrap();
    times_out(LIMIT, || client.within(LIMIT).wait_ready(Ready::NONE));
    server.setsockopt(SocketOption::LINGER, Some(Duration::ZERO)).unwrap();
    server.close().unwrap();
    assert!(waiting.ended().unwrap().contains(Ready::ENDED));

    let (client, _server) = tcp_pair();
    let client = Arc::new(client);
    let waiting = Waiting::on(&client, |client| client.wait_ready(Ready::READABLE));
    client.close().unwrap();
    assert!(waiting.ended().unwrap_err().is_closed());
    assert!(client.wait_ready(Ready::READABLE).unwrap_err().is_closed());
}

#[test]
fn a_pause_is_as_long_as_it_is_to_be_unless_something_ends_it() {
    let canceller = Canceller::new();
    let begun = Instant::now();
    canceller.pause(LIMIT).unwrap();
    assert!((LIMIT..LIMIT + LOOSE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    canceller.pause(Duration::ZERO).unwrap();
    let error = times_out(LIMIT, || with_deadline(LIMIT, || canceller.pause(None)));
    assert!(matches!(error.limit(), Some(LimitKind::Scope(_))));
    let (theirs, (tell, told)) = (canceller.clone(), mpsc::channel());
    let thread = thread::spawn(move || {
        tell.send(()).unwrap();
        theirs.pause(Timeout::NEVER)
    });
    told.recv().unwrap();
    canceller.cancel();
    assert!(thread.join().unwrap().unwrap_err().is_cancelled());
    assert!(canceller.pause(Duration::ZERO).unwrap_err().is_cancelled());
}
