//! One timeout for receiving and another for sending; views in which the socket's own limits do not count.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io::{BufRead, IoSlice, Write};
use std::time::{Duration, Instant};

use peers::{LIMIT, fill, full_backlog, tcp_pair, times_out, udp};
use shotclock::{
    Deadline, Family, Kind, LimitKind, Lookup, MessageFlags, Ready, ServerPolicy, Socket, Timeout, create_server,
    with_deadline, with_deadline_at,
};

/// Beyond what anything here takes: what waits for it has not the limit it should have.
const FAR: Duration = Duration::from_secs(600);

#[test]
fn receiving_and_sending_have_a_timeout_each() {
    let (socket, _silent) = tcp_pair();
    socket.set_timeout(LIMIT);
    fill(&socket);
    socket.set_timeout(FAR);
    socket.set_read_timeout(LIMIT);
    times_out(LIMIT, || socket.recv(1));
    times_out(LIMIT, || socket.recv_into(&mut [0]));
    times_out(LIMIT, || socket.recv_exact(&mut [0; 9]));
    times_out(LIMIT, || socket.recvmsg(1, 0));
    times_out(LIMIT, || socket.peek(&mut [0]));
    times_out(LIMIT, || socket.wait_ready(Ready::READABLE));
    times_out(LIMIT, || socket.makefile()?.readline());
    let socket_timeout = Some(LimitKind::SocketTimeout(LIMIT.into()));
    assert_eq!(times_out(LIMIT, || socket.within(FAR).recv(1)).limit(), socket_timeout);

    socket.set_read_timeout(FAR);
    socket.set_write_timeout(LIMIT);
    let data = vec![0; 1 << 20];
    let error = times_out(LIMIT, || socket.send(&data));
    assert_eq!(error.limit(), socket_timeout);
    times_out(LIMIT, || socket.sendall(&data));
    times_out(LIMIT, || socket.within(FAR).send(&data));
    times_out(LIMIT, || socket.sendto(&data, socket.getpeername()?));
    times_out(LIMIT, || socket.sendmsg(&[IoSlice::new(&data)], &[], None));
    times_out(LIMIT, || socket.wait_ready(Ready::WRITABLE));
    let many = vec![IoSlice::new(b"x"); 2000];
    times_out(LIMIT, || Ok((&socket).write_vectored(&many)?));
    times_out(LIMIT, || Ok(socket.makefile_writer()?.write_all(&data)?));
    #[cfg(unix)]
    {
        let program = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        times_out(LIMIT, || socket.sendfile(&program, 0, None));
    }
    let full = full_backlog();
    let connects = Socket::new(Family::INET, Kind::STREAM).unwrap();
    connects.set_write_timeout(LIMIT);
    times_out(LIMIT, || connects.connect(full.address));
    let listener = create_server("127.0.0.1:0").unwrap();
    listener.set_write_timeout(FAR);
    listener.set_read_timeout(LIMIT);
    times_out(LIMIT, || listener.accept());
}

#[test]
fn one_is_set_without_the_other_and_both_at_once() {
    let socket = udp();
    let both = || (socket.timeout().duration(), socket.write_timeout().duration());
    let (one, two, three) = (Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3));
    socket.set_timeout(one);
    assert_eq!(both(), (Some(one), Some(one)));
    socket.set_read_timeout(two);
    assert_eq!(both(), (Some(two), Some(one)));
    socket.set_write_timeout(three);
    assert_eq!(both(), (Some(two), Some(three)));
    let copy = socket.dup().unwrap();
    assert_eq!((copy.read_timeout(), copy.write_timeout()), (two.into(), three.into()));
    socket.set_timeout(one);
    assert_eq!(both(), (Some(one), Some(one)));
    socket.set_write_timeout(None);
    assert_eq!(both(), (Some(one), None));
    socket.set_nonblocking(true);
    assert_eq!(both(), (Some(Duration::ZERO), Some(Duration::ZERO)));
    socket.set_write_timeout(Duration::from_nanos(u64::MAX - 1));
    socket.set_read_timeout(one);
    assert!(socket.write_timeout() > Timeout::from(FAR), "a time that nobody waits for is not the same as none");
    assert_eq!(size_of::<Socket>(), 24);
}

#[test]
fn a_view_may_replace_the_socket_s_timeout_and_nothing_else() {
    let (ours, theirs) = tcp_pair();
    ours.set_nonblocking(true);
    let error = times_out(LIMIT, || ours.with_timeout(LIMIT).recv(1));
    assert_eq!(error.limit(), Some(LimitKind::SocketTimeout(LIMIT.into())));
    ours.set_timeout(FAR);
    ours.set_write_timeout(FAR);
    times_out(LIMIT, || ours.with_timeout(LIMIT).recv(1));
    times_out(LIMIT, || ours.with_timeout(LIMIT).sendall(&vec![0; 32 << 20]));
    // Deadlines, scopes and flags are not the socket's.
    let passed = ours.until(Deadline::after(LIMIT)).with_timeout(None);
    assert_eq!(times_out(LIMIT, || passed.recv(1)).limit(), Some(LimitKind::CallDeadline));
    with_deadline(LIMIT, || times_out(LIMIT, || ours.with_timeout(None).recv(1)));
    let dontwait = ours.with_flags(MessageFlags::DONTWAIT).with_timeout(FAR);
    assert!(dontwait.recv(1).unwrap_err().is_would_block());
    // Its own is as before.
    assert_eq!((ours.timeout(), ours.write_timeout()), (FAR.into(), FAR.into()));
    drop(theirs);
}

#[test]
fn a_deadline_may_be_an_instant_of_std_s_or_none() {
    let (ours, theirs) = tcp_pair();
    let soon = || Instant::now() + LIMIT;
    times_out(LIMIT, || ours.until(soon()).recv(1));
    times_out(LIMIT, || ours.until(Some(soon())).recv(1));
    times_out(LIMIT, || ours.until(None).until(soon()).recv(1));
    times_out(LIMIT, || with_deadline_at(soon(), || ours.recv(1)));
    let passed = Instant::now();
    let error = Lookup::until(passed).gethostbyname("localhost").unwrap_err();
    assert!(error.is_timeout(), "{error}");
    theirs.sendall(b"x").unwrap();
    assert_eq!(ours.until(None).recv(1).unwrap(), b"x");
}

#[test]
fn a_policy_and_a_timeout_of_sending_go_together() {
    let (ours, theirs) = tcp_pair();
    ours.set_write_timeout(LIMIT);
    ours.set_policy(ServerPolicy::new().idle(LIMIT));
    assert!(matches!(times_out(LIMIT, || ours.recv(1)).limit(), Some(LimitKind::Idle(_))));
    ours.set_policy(None);
    assert_eq!(ours.write_timeout(), LIMIT.into());
    ours.set_policy(ServerPolicy::new().total(Duration::ZERO));
    theirs.sendall(b"late\n").unwrap();
    assert!(matches!(ours.recv(9).unwrap_err().limit(), Some(LimitKind::Total(_))));
    assert_eq!(ours.without_policy().peek(&mut [0; 9]).unwrap(), 5);
    let mut file = shotclock::SocketFile::new(ours.without_policy()).unwrap();
    let mut line = String::new();
    BufRead::read_line(&mut file, &mut line).unwrap();
    assert_eq!(line, "late\n");
}
