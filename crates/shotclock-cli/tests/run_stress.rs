//! `shotclock run` beside programs that open, close and reuse descriptors as fast as they can: only what is due is ended.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "std's sockets, as strangers' programs have them: a warden bounds them")]

mod programs;

use std::env;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use programs::{shotclock, text};
use serde_json::Value;
use shotclock::Canceller;

/// Short, so that many connections are about to be ended when their descriptors come to stand for others.
const LIMIT: Duration = Duration::from_millis(40);
/// What tells a process that it is the program.
const INSIDE: &str = "SHOTCLOCK_TEST_INSIDE";
/// How many descriptors are closed; a million takes minutes.
const CLOSES: &str = "SHOTCLOCK_CLOSES";
const THREADS: u64 = 3;

/// How often something was closed, and how often a connection had ended that was silent, because its thread did not run.
static CLOSED: AtomicU64 = AtomicU64::new(0);
static LAPSED: AtomicU64 = AtomicU64::new(0);

/// Both ends of a connection.
struct Pair {
    near: TcpStream,
    far: TcpStream,
    /// Not later than a byte moved on it last.
    moved: Instant,
}

impl Pair {
    fn new(listener: &TcpListener, number: u64) -> Self {
        // Another address each time, so that ports which were used lately are free.
        let ip = Ipv4Addr::from(0x7f00_0000 | u32::try_from(number % 0xff_fffe + 1).unwrap());
        let moved = Instant::now();
        let near = TcpStream::connect((ip, listener.local_addr().unwrap().port())).unwrap();
        let (far, _) = listener.accept().unwrap();
        Self { near, far, moved }
    }

    /// Moves a byte. Says whether the connection stands; it may only have ended if nothing moved in all its time.
    fn is_live(&mut self) -> bool {
        let now = Instant::now();
        let moved = self.near.write_all(b"x").and_then(|()| self.far.read_exact(&mut [0]));
        let silent = self.moved.elapsed();
        match moved {
            Ok(()) => self.moved = now,
            Err(error) => assert!(silent >= LIMIT, "ended after {silent:?}: {error}"),
        }
        silent < LIMIT
    }
}

/// A number that follows another, without an order that shows.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Keeps a few connections busy, and puts new ones in the place of old ones, until all has been closed.
fn churn(number: u64, closes: u64) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let mut seed = number + 1;
    let mut pairs: Vec<Pair> = (0..16).map(|_| Pair::new(&listener, next(&mut seed))).collect();
    while CLOSED.load(Relaxed) < closes {
        let at = (next(&mut seed) % 16) as usize;
        if !pairs[at].is_live() {
            LAPSED.fetch_add(1, Relaxed);
        } else if !next(&mut seed).is_multiple_of(4) {
            continue;
        }
        drop(pairs.swap_remove(at));
        pairs.push(Pair::new(&listener, next(&mut seed)));
        CLOSED.fetch_add(2, Relaxed);
    }
}

/// Opens connections on which nothing moves, and closes them when they are about to be ended, or have been.
fn be_silent(is_over: &AtomicBool) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let (mut seed, pause) = (99, Canceller::new());
    let mut pairs: Vec<Pair> = (0..128).map(|_| Pair::new(&listener, next(&mut seed))).collect();
    while !is_over.load(Relaxed) {
        // All are replaced in about a limit's time.
        for _ in 0..2 {
            let at = (next(&mut seed) % 128) as usize;
            drop(pairs.swap_remove(at));
            pairs.push(Pair::new(&listener, next(&mut seed)));
        }
        pause.pause(Duration::from_micros(600)).unwrap();
    }
}

/// What runs beneath a warden.
fn be_the_program(closes: u64) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| be_silent(&is_over));
        let busy: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || churn(number, closes))).collect();
        let failed = busy.into_iter().filter_map(|each| each.join().err()).count();
        is_over.store(true, Relaxed);
        assert_eq!(failed, 0, "see above");
    });
    println!("closed {}, lapsed {}", CLOSED.load(Relaxed), LAPSED.load(Relaxed));
}

/// Connections of a process that is not beneath the warden.
fn strangers() -> Vec<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let pair = |_| (TcpStream::connect(listener.local_addr().unwrap()).unwrap(), listener.accept().unwrap().0);
    (0..100).map(pair).collect()
}

#[test]
fn only_what_is_due_is_ended_whatever_becomes_of_descriptors_stress() {
    let closes = env::var(CLOSES).ok().and_then(|closes| closes.parse().ok()).unwrap_or(20_000);
    if env::var_os(INSIDE).is_some() {
        return be_the_program(closes);
    }
    let strangers = strangers();
    let both = |(near, _): &(TcpStream, TcpStream)| [near.local_addr().unwrap(), near.peer_addr().unwrap()];
    let own: Vec<[SocketAddr; 2]> = strangers.iter().map(both).collect();
    let limit = LIMIT.as_secs_f64();
    let program = env::current_exe().unwrap();
    let mut command = shotclock(["run", "--json", "--timeout", &limit.to_string(), "--"]);
    command.arg(program).args([
        "--exact",
        "--nocapture",
        "only_what_is_due_is_ended_whatever_becomes_of_descriptors_stress",
    ]);
    let output = command.env(INSIDE, "1").output().unwrap();
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{}", &said[said.len().saturating_sub(2000)..]);
    let events: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ended: Vec<&Value> = events.iter().filter(|event| event["event"] == "ended").collect();
    assert!(!ended.is_empty(), "nothing was ended");
    for each in &ended {
        assert!(each["lasted"].as_f64().unwrap() >= limit, "{each}");
        let [local, peer] = ["local", "peer"].map(|end| each[end].as_str().unwrap().parse::<SocketAddr>().unwrap());
        assert!(!own.contains(&[local, peer]) && !own.contains(&[peer, local]), "{each}");
    }
    for (mut near, mut far) in strangers {
        near.write_all(b"x").unwrap();
        far.read_exact(&mut [0]).unwrap();
    }
    println!(
        "of the program's connections {} were ended; {}",
        ended.len(),
        out.lines().find(|line| line.starts_with("closed ")).unwrap_or_default()
    );
}
