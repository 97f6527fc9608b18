//! Threads in plain calls of the system, as a library in C makes them, and the end of what they sit on.
#![allow(clippy::disallowed_methods, reason = "calls as libraries make them are what is tested")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use super::*;
use crate::sys::{PollFd, Readiness, poll};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// A thread that makes a call, and its number once it sits in it.
fn sitting<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> (u32, JoinHandle<T>) {
    let (tell, told): (_, Receiver<u32>) = channel();
    let thread = thread::spawn(move || {
        tell.send(own_number()).unwrap();
        call()
    });
    let number = told.recv().unwrap();
    while Call::of(number).is_none_or(|call| call.numbers().is_empty()) {
        thread::yield_now();
    }
    (number, thread)
}

#[test]
fn a_receive_is_ended_and_its_peer_is_told() {
    if !is_known() {
        println!("SKIP stuck: /proc does not say what threads sit in");
        return;
    }
    let (mut ours, mut peer) = pair();
    let (number, thread) = sitting(move || ours.read(&mut [0; 1]).map_err(|error| error.kind()));
    assert!(is_at_connection(number) && !is_at_set_of_events(number));
    assert_eq!(end_connections(number, |_| true), 1);
    assert_ne!(thread.join().unwrap(), Ok(1));
    // A reset, or the end.
    assert_eq!(peer.read(&mut [0; 1]).unwrap_or(0), 0);
}

#[test]
fn a_thread_in_poll_sits_on_what_it_polls_for() {
    if !is_known() {
        println!("SKIP stuck: /proc does not say what threads sit in");
        return;
    }
    let (ours, _peer) = pair();
    let copy = ours.try_clone().unwrap();
    let (number, thread) = sitting(move || {
        let mut wanted = [PollFd::from_borrowed_fd(ours.as_fd(), Readiness::IN)];
        poll(&mut wanted, Some(20_000_000_000)) == Ok(1)
    });
    assert_eq!(end_connections(number, |number| number != copy.as_raw_fd()), 1);
    assert!(thread.join().unwrap());
}

#[test]
fn a_unix_stream_is_shut_down() {
    if !is_known() {
        println!("SKIP stuck: /proc does not say what threads sit in");
        return;
    }
    let (mut ours, _peer) = UnixStream::pair().unwrap();
    let (number, thread) = sitting(move || ours.read(&mut [0; 1]).unwrap());
    assert_eq!(end_connections(number, |_| true), 1);
    assert_eq!(thread.join().unwrap(), 0);
}

#[test]
fn neither_listeners_nor_what_is_refused_nor_what_others_sit_on_is_ended() {
    if !is_known() {
        println!("SKIP stuck: /proc does not say what threads sit in");
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    assert!(kind_of(listener.as_fd()).is_none());

    let (ours, mut peer) = pair();
    let (mut first, mut second) = (ours.try_clone().unwrap(), ours.try_clone().unwrap());
    let (one, thread) = sitting(move || first.read(&mut [0; 1]).unwrap());
    assert_eq!(end_connections(one, |_| false), 0);
    let (other, beside) = sitting(move || second.read(&mut [0; 1]).unwrap());
    assert_eq!(end_connections(one, |_| true) + end_connections(other, |_| true), 0);
    peer.write_all(b"ab").unwrap();
    assert_eq!(thread.join().unwrap() + beside.join().unwrap(), 2);
    drop(TcpStream::connect(address).unwrap());
}

#[test]
fn what_the_system_says_is_read() {
    let call = |said: &str| Call::parse(said.to_owned());
    assert!(call("running\n").is_none() && call("-1 0x7ffd 0x7f\n").is_none() && call("").is_none());
    let read = call("0 0x5 0x7f00 0x1 0x0 0x0 0x0 0x7ffd 0x7f11\n").unwrap();
    assert_eq!((read.number, read.arguments[0]), (0, 5));
    assert!(memory(0, 8).is_none(), "what is not there is not read");
    let list = [libc::pollfd { fd: 7, events: 0, revents: 0 }, libc::pollfd { fd: -1, events: 0, revents: 0 }];
    assert_eq!(of_list(list.as_ptr() as u64, 2), [7, -1]);
    let set: [u64; 2] = [1 << 3, 1 << 1];
    assert_eq!(of_sets(70, &[set.as_ptr() as u64, 0, 0]), [3, 65]);
}
