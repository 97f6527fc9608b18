//! The connections of a listener, one after another, with descriptors to spare and without.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use peers::in_own_process;
use peers::{LIMIT, LOOSE, PAIRS, Waiting, thread_time, times_out};
use shotclock::{
    Canceller, Kind, MessageFlags, SharedSocket, SocketFile, create_connection, create_server, socketpair,
    with_deadline,
};

/// Beyond what anything here takes.
const FAR: Duration = Duration::from_secs(60);

#[test]
fn it_ends_when_the_listener_is_closed_or_cancelled() {
    let listener = Arc::new(create_server("127.0.0.1:0").unwrap());
    let address = listener.getsockname().unwrap();
    let waiting = Waiting::on(&listener, |listener| listener.incoming().filter(Result::is_ok).count());
    let _one = create_connection(address, FAR).unwrap();
    let _other = create_connection(address, FAR).unwrap();
    while listener.with_flags(MessageFlags::DONTWAIT).wait_ready(shotclock::Ready::READABLE).is_ok() {
        thread::yield_now(); // until both have been taken
    }
    listener.close().unwrap();
    assert_eq!(waiting.ended(), 2);
    assert!(listener.incoming().next().is_none(), "and never begins again");

    let (listener, canceller) = (Arc::new(create_server("127.0.0.1:0").unwrap()), Canceller::new());
    let theirs = canceller.clone();
    let waiting = Waiting::on(&listener, move |listener| listener.cancelled_by(&theirs).incoming().count());
    canceller.cancel();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn what_passes_is_an_item_and_what_stays_is_the_last_one() {
    let listener = create_server("127.0.0.1:0").unwrap();
    listener.set_timeout(LIMIT);
    let mut incoming = listener.incoming();
    times_out(LIMIT, || incoming.next().unwrap());
    times_out(LIMIT, || incoming.next().unwrap());
    let _client = create_connection(listener.getsockname().unwrap(), FAR).unwrap();
    assert!(incoming.next().unwrap().is_ok());
    listener.set_nonblocking(true);
    let mut incoming = listener.incoming();
    assert!(incoming.next().unwrap().unwrap_err().is_would_block() && incoming.next().is_some());
    listener.set_timeout(None);
    with_deadline(LIMIT, || {
        let mut incoming = listener.incoming();
        assert!(incoming.next().unwrap().unwrap_err().scope().is_some());
        assert!(incoming.next().is_none());
    });
    let (no_listener, _) = socketpair(PAIRS, Kind::STREAM).unwrap();
    let mut incoming = no_listener.incoming();
    assert!(incoming.next().unwrap().is_err());
    assert!(incoming.next().is_none(), "a loop over it would never end");
}

#[cfg(unix)]
#[test]
fn a_shortage_of_descriptors_is_told_once_and_waited_out() {
    if !in_own_process("a_shortage_of_descriptors_is_told_once_and_waited_out") {
        return;
    }
    let listener = create_server("127.0.0.1:0").unwrap();
    let clients = [(); 3].map(|()| create_connection(listener.getsockname().unwrap(), FAR).unwrap());
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    // In time it gives up, and says what was short.
    let error = times_out(LIMIT, || listener.within(LIMIT).incoming().next().unwrap());
    assert_eq!(error.attempts()[0].raw_os_error(), Some(libc::EMFILE), "{error}");
    listener.set_nonblocking(true);
    let mut incoming = listener.incoming();
    assert_eq!(incoming.next().unwrap().unwrap_err().raw_os_error(), Some(libc::EMFILE));
    assert!(incoming.next().is_some(), "it may pass");
    listener.set_timeout(None);

    let (tell, told) = mpsc::channel();
    let accepted = thread::scope(|threads| {
        let listener = &listener;
        let accepting = threads.spawn(move || {
            let incoming = listener.within(FAR).incoming();
            let incoming = incoming.on_shortage(|error| tell.send(error.clone()).unwrap());
            let accepted: Vec<_> = incoming.take(3).collect::<shotclock::Result<_>>().unwrap();
            (accepted.len(), thread_time())
        });
        let error = told.recv_timeout(LOOSE * 3).unwrap();
        assert_eq!((error.raw_os_error(), error.operation()), (Some(libc::EMFILE), "accept"));
        let _some_tries = Canceller::new().pause(Duration::from_millis(300));
        drop(std::mem::take(&mut hoard));
        accepting.join().unwrap()
    });
    assert_eq!(accepted.0, 3, "none was lost");
    assert!(accepted.1 < Duration::from_millis(150), "it burnt {:?} of a processor", accepted.1);
    assert_eq!(told.try_iter().count(), 0, "one shortage, told once");
    drop(clients);
}

#[test]
fn a_shared_socket_is_one_socket_with_std_s_traits() {
    let (ours, theirs) = socketpair(PAIRS, Kind::STREAM).unwrap();
    let ours = SharedSocket::from(ours);
    let mut copy = ours.clone();
    ours.set_timeout(LIMIT);
    assert_eq!(times_out(LIMIT, || Ok(copy.read(&mut [0])?)).operation(), "recv");
    write!(copy, "one {}", "call".to_owned()).unwrap();
    assert_eq!(theirs.recv(100).unwrap(), b"one call");
    theirs.sendall(b"a line\nanother\n").unwrap();
    let mut lines = BufReader::new(ours.clone()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "a line");
    let mut file = SocketFile::new(ours.clone()).unwrap();
    theirs.sendall(b"for the file\n").unwrap();
    assert_eq!(file.readline().unwrap(), b"for the file\n");
    drop(file);
    ours.close().unwrap();
    assert!(shotclock::Error::from(copy.write_all(b"x").unwrap_err()).is_closed(), "a close is for all");
    let arc: Arc<shotclock::Socket> = ours.into();
    assert!(SharedSocket::from(arc).is_acknowledged().unwrap_err().is_closed());
}

#[test]
fn a_peek_takes_nothing_and_has_the_limits() {
    let (ours, theirs) = socketpair(PAIRS, Kind::STREAM).unwrap();
    let mut buffer = [0; 3];
    let error = times_out(LIMIT, || ours.within(LIMIT).peek(&mut buffer));
    assert_eq!(error.operation(), "peek");
    theirs.sendall(b"hello").unwrap();
    assert_eq!((ours.peek(&mut buffer).unwrap(), &buffer), (3, b"hel"));
    assert_eq!(ours.with_flags(MessageFlags::PEEK & !MessageFlags::PEEK).recv(9).unwrap(), b"hello");
    drop(theirs);
    assert_eq!(ours.peek(&mut buffer).unwrap(), 0, "the end of the data");
    let datagrams = peers::udp();
    let own = datagrams.getsockname().unwrap();
    times_out(LIMIT, || datagrams.within(LIMIT).peek_from(&mut buffer));
    datagrams.sendto(b"hello", own).unwrap();
    assert_eq!(datagrams.peek_from(&mut buffer).unwrap(), (3, Some(own)));
    assert_eq!(datagrams.recvfrom(9).unwrap(), (b"hello".to_vec(), Some(own)));
}
