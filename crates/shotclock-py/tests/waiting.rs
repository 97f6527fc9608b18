//! The table of waiting threads, as a program of Rust's takes it in: no number is used again under a waiter, nothing
//! leaks, and a close that lingers holds nobody up.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(unsafe_code, reason = "numbers are turned into descriptors, as the Python crate does")]

#[path = "../src/socket/waiting.rs"]
mod waiting;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use shotclock::unstable::{Errno, Limit, syscall};
use shotclock::{Family, Kind, SocketOption, create_connection, create_server, socketpair};

/// Long enough never to be the reason.
const FAR: Duration = Duration::from_secs(20);
const ROUNDS: usize = 2000;

/// As the Python face closes a number outside of all scopes.
fn close(number: RawFd) -> Result<(), Errno> {
    waiting::close(number, false, &Limit::NONE).map(drop)
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn spin(times: usize) {
    (0..times).for_each(|_| std::hint::spin_loop());
}

/// A socket as Python has it: its number goes back to the system when it is closed.
struct Numbered(AtomicI32);

impl Numbered {
    /// One blocking call on it, as Python makes them.
    fn recv(&self) -> Result<usize, Errno> {
        let number = self.0.load(Ordering::SeqCst);
        if number < 0 {
            return Err(Errno::BADF);
        }
        let _waiting = waiting::Waiting::on(number);
        if self.0.load(Ordering::SeqCst) != number {
            return Err(Errno::BADF);
        }
        // SAFETY: not negative, and no other file's as long as this thread is counted.
        syscall::recv(unsafe { BorrowedFd::borrow_raw(number) }, &mut [0; 100], 0)
    }

    fn close(&self) -> RawFd {
        let number = self.0.swap(-1, Ordering::SeqCst);
        close(number).unwrap();
        number
    }
}

#[test]
fn stress_a_number_goes_back_when_the_last_waiter_has_left() {
    let stop = AtomicBool::new(false);
    let before = open_descriptors();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
                one.sendall(b"a stranger's").unwrap();
                other.sendall(b"a stranger's").unwrap();
            }
        });
        let (end, ended) = mpsc::channel();
        for round in 0..ROUNDS {
            let (one, _silent) = syscall::socketpair(Family::UNIX.0, Kind::STREAM.0, 0).unwrap();
            let socket = Arc::new(Numbered(AtomicI32::new(one.into_raw_fd())));
            let readers = 3;
            for _ in 0..readers {
                let (socket, end) = (Arc::clone(&socket), end.clone());
                scope.spawn(move || {
                    let first = socket.recv();
                    end.send((first, socket.recv())).unwrap();
                });
            }
            spin(round * 53 % 10_000);
            socket.close();
            for _ in 0..readers {
                let (first, second) = ended.recv_timeout(FAR).expect("a waiter was not woken");
                assert!(matches!(first, Err(Errno::BADF | Errno::INTR)), "{first:?}");
                assert_eq!(second, Err(Errno::BADF));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    // Bells, of which a process keeps 64 at most; and what the tests beside this one have.
    assert!(open_descriptors() <= before + 100, "{} after {before}", open_descriptors());
}

#[test]
fn a_number_stays_taken_until_the_last_waiter_has_left() {
    let (one, other) = syscall::socketpair(Family::UNIX.0, Kind::STREAM.0, 0).unwrap();
    let number = one.into_raw_fd();
    let (first, second) = (waiting::Waiting::on(number), waiting::Waiting::on(number));
    assert_eq!(waiting::waiters(number), 2);
    close(number).unwrap();
    assert_eq!(close(number), Err(Errno::BADF), "it is closed already");
    // SAFETY: it is open still, if dead.
    let dead = unsafe { BorrowedFd::borrow_raw(number) };
    assert_eq!(syscall::recv(dead, &mut [0; 1], 0), Err(Errno::BADF));
    assert_eq!(syscall::recv(other.as_fd(), &mut [0; 1], 0), Ok(0), "the peer is told at once");
    let stranger = socketpair(Family::UNIX, Kind::STREAM).unwrap().0;
    assert_ne!(stranger.as_raw_fd(), number);
    drop(first);
    assert_eq!(waiting::waiters(number), 1);
    drop(second);
    assert_eq!(waiting::waiters(number), 0);
    assert_eq!(close(-1), Err(Errno::BADF));
}

/// A connection whose close waits for a peer that takes nothing more; the peer.
fn lingering(time: Duration) -> (RawFd, impl Sized) {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    listener.setsockopt(SocketOption::RCVBUF, 1).unwrap();
    let client = create_connection(listener.getsockname().unwrap(), None).unwrap();
    let peer = listener.accept().unwrap();
    client.within(Duration::from_millis(50)).sendall(&vec![0; 8 << 20]).unwrap_err();
    client.setsockopt(SocketOption::LINGER, Some(time)).unwrap();
    (OwnedFd::from(client).into_raw_fd(), peer)
}

#[test]
fn a_close_that_lingers_holds_nobody_up_who_waits_elsewhere() {
    let (number, _peer) = lingering(Duration::from_secs(4));
    let (entered, go_on) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    thread::scope(|threads| {
        // It is counted, and in no call that a signal would end.
        threads.spawn(|| {
            let _inside = waiting::Waiting::on(number);
            entered.wait();
            go_on.wait();
        });
        entered.wait();
        let closer = threads.spawn(|| close(number));
        while waiting::waiters(number) < 2 {
            thread::yield_now();
        }
        let begun = Instant::now();
        let (other, _its) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
        let elsewhere = other.as_raw_fd();
        let first = waiting::Waiting::on(elsewhere);
        threads.spawn(move || drop(waiting::Waiting::on(elsewhere))).join().unwrap();
        drop(first);
        assert!(begun.elapsed() < Duration::from_secs(2) && !closer.is_finished());
        go_on.wait();
        closer.join().unwrap().unwrap();
    });
}
