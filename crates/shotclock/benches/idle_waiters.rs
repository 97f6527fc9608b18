//! What a close costs beside thousands of threads that wait for something else: the processor time of the whole process,
//! which counts whoever is woken for nothing, for a pair of sockets that is made and closed; a drop beside it.
//!
//! `--waiters N` changes how many wait. The goal is a time, and a miss is only said.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run is to stop there")]

use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use shotclock::{Family, Kind, Socket, socketpair};

/// So many wait, unless another number is asked for.
const WAITERS: usize = 4000;
/// So many pairs are made and closed at a time, so many times each way, in turns.
const PAIRS: usize = 400;
const ROUNDS: usize = 11;
/// The most of the median of a close, in microseconds.
const GOAL: f64 = 15.0;
/// Little, since a waiter needs little and there are many.
const STACK: usize = 64 << 10;
/// Whatever hangs is ended after so many seconds.
const WHOLE_LIMIT: u32 = 120;

fn main() -> ExitCode {
    // SAFETY: it has no preconditions.
    unsafe { libc::alarm(WHOLE_LIMIT) };
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let waiters = match words[..] {
        [] => Some(WAITERS),
        ["--waiters", number] => number.parse().ok(),
        _ => None,
    };
    let Some(waiters) = waiters else {
        eprintln!("idle_waiters: {words:?}: expected --waiters N");
        return ExitCode::from(2);
    };
    let idle = Idle::of(waiters);
    let (mut closes, mut drops) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        closes.push(each_costs(|socket| socket.close().unwrap()));
        drops.push(each_costs(drop));
    }
    idle.end();
    let (closed, dropped) = (median(closes), median(drops));
    println!("{waiters} idle waiters; medians of {ROUNDS} x {PAIRS} pairs, processor time of the process");
    println!("socketpair + close: {closed:.2} us\nsocketpair + drop:  {dropped:.2} us");
    let verdict = if closed <= GOAL { "met" } else { "MISSED" };
    println!("{verdict}: socketpair + close: {closed:.2} us, at most {GOAL} (a time)");
    ExitCode::SUCCESS
}

/// Threads that wait on a socket each, more of them than there are bells, so that each bell is somebody's.
struct Idle {
    sockets: Vec<(Arc<Socket>, thread::JoinHandle<bool>)>,
    _silent: Socket,
}

impl Idle {
    fn of(waiters: usize) -> Self {
        // Copies of one, so that two descriptors a waiter are not needed.
        let (one, silent) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
        let (tell, told) = mpsc::channel();
        let all_here = Arc::new(Barrier::new(waiters + 1));
        let sockets = (0..waiters).map(|_| {
            let socket = Arc::new(one.dup().unwrap());
            let (theirs, tell, all_here) = (Arc::clone(&socket), tell.clone(), Arc::clone(&all_here));
            let waits = move || {
                // SAFETY: it has no preconditions.
                tell.send(unsafe { libc::gettid() }).unwrap();
                all_here.wait();
                theirs.recv(1).is_err_and(|error| error.is_closed())
            };
            (socket, thread::Builder::new().stack_size(STACK).spawn(waits).unwrap())
        });
        let sockets: Vec<_> = sockets.collect();
        all_here.wait();
        for thread in told.iter().take(waiters) {
            while !is_asleep(thread) {
                thread::yield_now();
            }
        }
        Self { sockets, _silent: silent }
    }

    fn end(self) {
        self.sockets.iter().for_each(|(socket, _)| socket.close().unwrap());
        assert!(self.sockets.into_iter().all(|(_, waits)| waits.join().unwrap()), "a close ends its wait");
    }
}

/// Whether a thread of this process sleeps in poll(2).
fn is_asleep(thread: libc::pid_t) -> bool {
    let call = std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).unwrap_or_default();
    call.split(' ').next().and_then(|number| number.parse().ok()).is_some_and(|number| WAITS.contains(&number))
}

/// poll(2) is none of some machines' calls: there ppoll(2) stands for it.
#[cfg(target_arch = "x86_64")]
const WAITS: &[libc::c_long] = &[libc::SYS_ppoll, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const WAITS: &[libc::c_long] = &[libc::SYS_ppoll];

/// Microseconds of the process for each pair that is made and one end of it ended so.
fn each_costs(end: impl Fn(Socket)) -> f64 {
    let begun = processor_time();
    for _ in 0..PAIRS {
        let (one, _other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
        end(one);
    }
    (processor_time() - begun).as_nanos() as f64 / 1e3 / PAIRS as f64
}

fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is ours to be written.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
