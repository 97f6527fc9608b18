//! What threads of a Python program share in this crate, with Rust threads in the interpreter's place: the scopes that are
//! looked after, the counts of what is open, what is remembered of numbers, and tries that need O_NONBLOCK. `cargo xtask
//! sanitize` looks for races in it.
//!
//! A thread does with the interpreter held what it does so in Python, and all else beside the others.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(unsafe_code, reason = "numbers are turned into descriptors, as the Python crate does")]
#![allow(dead_code, reason = "not all of it is tested without an interpreter")]

#[path = "../src/socket/habit.rs"]
mod habit;
#[path = "../src/socket/open.rs"]
mod open;
#[path = "../src/wait/open_scopes.rs"]
mod open_scopes;
#[path = "../src/socket/unblocked.rs"]
mod unblocked;

/// What stands for the interpreter's declarations.
mod ffi {
    pub(crate) mod capi {
        /// An object that nobody looks into.
        pub(crate) struct PyObject;
    }
}

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use ffi::capi::PyObject;
use open_scopes::{Due, Inside, Key, NOT_YET, Table};
use shotclock::unstable::{deadline_nanos, syscall};
use shotclock::{Deadline, Family, Kind};

const THREADS: usize = 4;
const ROUNDS: usize = 3000;

/// The interpreter's lock. It spins: the sanitizer sees all of its order, which of the standard library's it does not.
struct Interpreter(AtomicBool);

static INTERPRETER: Interpreter = Interpreter(AtomicBool::new(false));

struct Held;

impl Interpreter {
    fn hold(&self) -> Held {
        while self.0.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            thread::yield_now();
        }
        Held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        INTERPRETER.0.store(false, Ordering::Release);
    }
}

/// How often the watcher was woken.
static WOKEN: AtomicUsize = AtomicUsize::new(0);

fn wake(_: &'static Table) {
    WOKEN.fetch_add(1, Ordering::Relaxed);
}

fn blocking_pair() -> [OwnedFd; 2] {
    syscall::socketpair(Family::UNIX.0, Kind::STREAM.0, 0).unwrap().into()
}

/// How many scopes the watcher has met that were over and not left.
static MET: AtomicUsize = AtomicUsize::new(0);

/// What the watcher does with the interpreter and without, until it is told to end.
fn watch(ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) {
        let now = deadline_nanos(Deadline::now());
        let Due::Look(late) = open_scopes::table().due(now) else {
            thread::yield_now();
            continue;
        };
        for one in late {
            let _held = INTERPRETER.hold();
            if !open_scopes::table().stands(one.key) || one.seat.has_ended() || one.seat.is_inside() {
                continue;
            }
            assert!(!one.link.is_null());
            open_scopes::table().note_ended(one.key, now);
            open_scopes::table().note_warned(one.key);
            MET.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Waits until the watcher has met another one, as it must where a scope is over.
fn until_met() {
    let before = MET.load(Ordering::Relaxed);
    while MET.load(Ordering::Relaxed) == before {
        thread::yield_now();
    }
}

/// A block in a scope or under a canceller that a thread enters, waits in, and leaves.
fn block(round: usize, link: *mut PyObject, canceller: *mut PyObject, wait: impl FnOnce()) {
    let key = {
        let _held = INTERPRETER.hold();
        open::count_opened();
        // Long over, so that it is looked at as soon as it stands.
        let end = if canceller.is_null() { 1 } else { NOT_YET };
        open_scopes::enter(link, canceller, end, round.is_multiple_of(2))
    };
    assert!(open::is_any_open());
    let inside = round.is_multiple_of(3).then(Inside::enter);
    wait();
    drop(inside);
    if canceller.is_null() && round % 64 == 1 {
        until_met();
    }
    let _held = INTERPRETER.hold();
    if !canceller.is_null() && round.is_multiple_of(5) {
        open_scopes::cancelled(canceller);
    }
    open_scopes::leave(key);
    open::count_closed();
}

/// A wait and its tries on a number that others use as well, beside them.
fn try_on(fd: &OwnedFd, peer: &OwnedFd) {
    let number = fd.as_raw_fd();
    let before = unblocked::Before::now();
    {
        let _held = INTERPRETER.hold();
        let begun = unblocked::Unblocked::on(number);
        begun.make_sure(fd.as_fd()).unwrap();
        assert!(syscall::is_nonblocking(fd.as_fd()).unwrap());
    }
    before.was_in_the_way_of(fd.as_fd());
    let sending = habit::Sending::on(number);
    if habit::waits_first(number) {
        habit::was_ready(number);
    } else {
        habit::had_to_wait(number);
    }
    habit::woken(peer.as_raw_fd(), peer.as_fd());
    habit::is_contested(number, habit::wakes_this_process(number));
    drop(sending);
    habit::forget(peer.as_raw_fd());
}

/// What one thread does, again and again, beside the others.
fn work(worker: usize, shared: &OwnedFd, peer: &OwnedFd) {
    for round in 0..ROUNDS {
        let mut objects = [PyObject, PyObject];
        let [link, canceller] = objects.each_mut().map(ptr::from_mut);
        let canceller = if (round + worker).is_multiple_of(2) { canceller } else { ptr::null_mut() };
        block(round, link, canceller, || try_on(shared, peer));
        if round.is_multiple_of(100) {
            // One whose seat goes with it.
            let link = link.expose_provenance();
            let short = move || block(round, ptr::with_exposed_provenance_mut(link), ptr::null_mut(), || {});
            thread::spawn(short).join().unwrap();
        }
    }
}

#[test]
fn what_threads_share_is_theirs_in_turns() {
    open_scopes::want(true, wake);
    let [shared, peer] = blocking_pair();
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&ends));
        let (shared, peer) = (&shared, &peer);
        let workers: Vec<_> = (0..THREADS).map(|worker| scope.spawn(move || work(worker, shared, peer))).collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        ends.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
    assert!(MET.load(Ordering::Relaxed) > 0 && WOKEN.load(Ordering::Relaxed) > 0);
    assert_eq!((open::links(), open::is_any_open()), (0, false));
    assert!(open_scopes::table().is_empty());
    assert!(!syscall::is_nonblocking(shared.as_fd()).unwrap(), "a try has left the file non-blocking");
    assert!(!open_scopes::table().stands(Key::NONE));
}
