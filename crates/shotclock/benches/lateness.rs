//! How late a wait ends after its limit, on real sockets that never become ready, beside std's `set_read_timeout`.
//!
//! Never early, or this program fails. How late is the scheduler's matter: the goal, 0.2 ms and 0.1 % of the limit, is
//! one for a quiet machine, and a miss is only said. `--long` adds limits of 10 s.
#![allow(clippy::disallowed_methods, reason = "std's own timeout is what is compared with")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run is to stop there")]

mod stalled;

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use shotclock::{Family, Kind, Socket, UnixAddress, create_server};
use stalled::{FullQueue, at, datagrams, ended, local, pair};

/// Limits in milliseconds, and how often each is waited for.
const LIMITS: [(u64, usize); 4] = [(1, 300), (10, 100), (100, 20), (1000, 3)];
const LONG: (u64, usize) = (10_000, 1);
/// Whatever hangs is ended after so many seconds.
const WHOLE_LIMIT: u32 = 900;

/// Waits once, to the limit, which must be what ends it.
type Wait = Box<dyn FnMut(Duration)>;

fn main() -> ExitCode {
    // SAFETY: a plain number; SIGALRM's default action ends the process.
    unsafe { libc::alarm(WHOLE_LIMIT) };
    let long = match std::env::args().skip(1).filter(|word| word != "--bench").collect::<Vec<_>>().as_slice() {
        [] => None,
        [word] if word == "--long" => Some(LONG),
        words => {
            eprintln!("lateness: {words:?}: expected --long or nothing");
            return ExitCode::from(2);
        }
    };
    println!("Microseconds after the limit. Goal, on a quiet machine: at most 200 and 0.1 % of the limit.\n");
    println!("| wait | limit, ms | times | least | median | 99th of 100 | goal |");
    println!("|---|---|---|---|---|---|---|");
    let mut never_early = true;
    for (name, mut wait) in waits() {
        for (limit, times) in LIMITS.into_iter().chain(long) {
            let is_ours = !name.starts_with("std") && !name.starts_with("the system");
            let lateness = (0..times).map(|_| lateness(&mut wait, Duration::from_millis(limit))).collect();
            never_early &= print(name, limit, lateness, is_ours) || !is_ours;
        }
    }
    if never_early {
        println!("\nNever early.");
        return ExitCode::SUCCESS;
    }
    println!("\nEARLY: a wait ended before its limit.");
    ExitCode::FAILURE
}

/// Prints a line; false if any wait ended early.
fn print(name: &str, limit: u64, mut lateness: Vec<f64>, is_ours: bool) -> bool {
    lateness.sort_by(f64::total_cmp);
    let (least, median, late) = (lateness[0], at(&lateness, 0.5), at(&lateness, 0.99));
    let goal = 200.0 + limit as f64;
    let verdict = match is_ours {
        true if late <= goal => format!("{goal:.0}: met"),
        true => format!("{goal:.0}: MISSED"),
        false => String::new(),
    };
    println!("| {name} | {limit} | {} | {least:.0} | {median:.0} | {late:.0} | {verdict} |", lateness.len());
    least >= 0.0
}

/// Microseconds from the limit to the end; negative if it came early.
fn lateness(wait: &mut Wait, limit: Duration) -> f64 {
    let start = Instant::now();
    wait(limit);
    (start.elapsed().as_secs_f64() - limit.as_secs_f64()) * 1e6
}

fn waits() -> Vec<(&'static str, Wait)> {
    vec![
        ("recv, the socket's timeout", recv()),
        ("recv, within", recv_within()),
        ("recvfrom, UDP", recvfrom()),
        ("sendall, nobody reads", sendall()),
        ("accept", accept()),
        ("connect, TCP, full queue", connect_tcp()),
        ("connect, AF_UNIX, full queue", connect_unix()),
        ("the system's own ppoll", ppoll()),
        ("std's recv, set_read_timeout", std_recv()),
    ]
}

fn recv() -> Wait {
    let (silent, ours) = pair();
    Box::new(move |limit| {
        let _open = &silent;
        ours.set_timeout(limit);
        ended(ours.recv_into(&mut [0; 1]));
    })
}

fn recv_within() -> Wait {
    let (silent, ours) = pair();
    Box::new(move |limit| {
        let _open = &silent;
        ended(ours.within(limit).recv_into(&mut [0; 1]));
    })
}

fn recvfrom() -> Wait {
    let ours = datagrams();
    Box::new(move |limit| ended(ours.within(limit).recvfrom_into(&mut [0; 1])))
}

fn sendall() -> Wait {
    let (ours, never_reads) = pair();
    Box::new(move |limit| {
        let _open = &never_reads;
        ended(ours.within(limit).sendall(&[0; 1 << 20]));
    })
}

fn accept() -> Wait {
    let ours = create_server(local(0)).unwrap();
    Box::new(move |limit| ended(ours.within(limit).accept()))
}

fn connect_tcp() -> Wait {
    let full = FullQueue::tcp();
    Box::new(move |limit| {
        let full = &full;
        // The one before is still trying.
        let ours = Socket::new(Family::INET, Kind::STREAM).unwrap();
        ended(ours.within(limit).connect(full.address));
    })
}

fn connect_unix() -> Wait {
    let listener = Socket::new(Family::UNIX, Kind::STREAM).unwrap();
    let name = format!("shotclock-lateness-{}", std::process::id());
    listener.bind(UnixAddress::from_abstract_name(name.as_bytes()).unwrap()).unwrap();
    let full = FullQueue::of(listener, Family::UNIX);
    let ours = Socket::new(Family::UNIX, Kind::STREAM).unwrap();
    Box::new(move |limit| {
        let full = &full;
        ended(ours.within(limit).connect(full.address));
    })
}

/// What this machine can do at all: one wait of the system, with nothing around it.
fn ppoll() -> Wait {
    let (silent, ours) = pair();
    Box::new(move |limit| {
        let _open = &silent;
        let mut fd = libc::pollfd { fd: ours.fileno(), events: libc::POLLIN, revents: 0 };
        let seconds = libc::time_t::try_from(limit.as_secs()).unwrap();
        let time = libc::timespec { tv_sec: seconds, tv_nsec: limit.subsec_nanos().into() };
        // SAFETY: one live pollfd, a live timespec, no signal mask.
        assert_eq!(unsafe { libc::ppoll(&raw mut fd, 1, &raw const time, std::ptr::null()) }, 0);
    })
}

fn std_recv() -> Wait {
    let (silent, mut theirs) = UnixStream::pair().unwrap();
    Box::new(move |limit| {
        let _open = &silent;
        theirs.set_read_timeout(Some(limit)).unwrap();
        assert!(theirs.read(&mut [0; 1]).is_err());
    })
}
