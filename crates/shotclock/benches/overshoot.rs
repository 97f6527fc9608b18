//! By how much waits of many lengths overshoot their limits: each call a thousand times, with limits spread evenly over
//! the orders of magnitude from 1 ms to 1 s, said in each of the ways there are in turns.
//!
//! Never early, or this program fails. Overshoot is what is beyond 0.1 % of the limit. The goal, half of them within
//! 0.3 ms and all but one in a hundred within 3 ms, is one for a quiet machine, and a miss is only said.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run is to stop there")]

mod stalled;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{Family, Kind, Socket, SocketReader, Timeout, create_server, with_deadline};
use stalled::{FullQueue, at, datagrams, ended, local, pair};

/// The shortest limit, in nanoseconds, and how many times that the longest is.
const LEAST: f64 = 1e6;
const SPREAD: f64 = 1e3;
/// Its multiples, without their whole parts, fill the space from 0 to 1 evenly, however many are taken.
const GOLDEN: f64 = 0.618_033_988_749_894_9;
/// The most of the median and of all but one in a hundred, in milliseconds.
const GOALS: [(&str, f64, f64); 2] = [("p50", 0.5, 0.3), ("p99", 0.99, 3.0)];
/// Whatever hangs is ended after so many seconds.
const WHOLE_LIMIT: u32 = 3600;

/// How a limit is said.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    SocketTimeout,
    Within,
    WithDeadline,
}

const WAYS: [Way; 3] = [Way::SocketTimeout, Way::Within, Way::WithDeadline];

impl Way {
    /// The socket's own timeout, which would count beside another limit.
    fn of_socket(self, limit: Duration) -> Timeout {
        if self == Self::SocketTimeout { limit.into() } else { Timeout::NEVER }
    }
}

/// One wait that its limit ended.
#[derive(Clone, Copy)]
struct Expiry {
    way: Way,
    limit: Duration,
    took: Duration,
}

impl Expiry {
    /// Milliseconds beyond 0.1 % of the limit.
    fn overshoot(self) -> f64 {
        (self.took.as_secs_f64() - self.limit.as_secs_f64() * 1.001) * 1e3
    }
}

/// Waits once, to the limit, which must be what ends it.
type Wait = Box<dyn FnMut(Way, Duration)>;

/// A call, the ways to limit it, and what makes the sockets for it.
type Call = (&'static str, &'static [Way], fn() -> Wait);

struct Settings {
    /// Of each call.
    expiries: usize,
    /// How many threads wait, each for itself.
    at_once: usize,
    seed: u32,
}

fn main() -> ExitCode {
    // SAFETY: a plain number; SIGALRM's default action ends the process.
    unsafe { libc::alarm(WHOLE_LIMIT) };
    let settings = match Settings::of(std::env::args().skip(1).filter(|word| word != "--bench")) {
        Ok(settings) => settings,
        Err(complaint) => {
            eprintln!("overshoot: {complaint}");
            return ExitCode::from(2);
        }
    };
    println!("Rust, {} waits at once. Milliseconds beyond 0.1 % of limits from 1 ms to 1 s.\n", settings.at_once);
    println!("| | expiries | early | p50 | p99 | most |\n|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for (name, ways, make) in WAITS {
        let expiries = expire(&settings, ways, make);
        show(name, &expiries);
        all.extend(expiries);
    }
    for way in WAYS {
        let of_way: Vec<Expiry> = all.iter().copied().filter(|expiry| expiry.way == way).collect();
        show(&format!("all, {way:?}"), &of_way);
    }
    conclude(&all)
}

impl Settings {
    fn of(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self { expiries: 1000, at_once: 8, seed: 1 };
        while let Some(word) = words.next() {
            let value = words.next().unwrap_or_default();
            let number = value.parse().ok().filter(|number| *number > 0);
            let number: u32 = number.ok_or_else(|| format!("{word} {value:?}: expected a number from 1"))?;
            match word.as_str() {
                "--expiries" => settings.expiries = number as usize,
                "--at-once" => settings.at_once = number as usize,
                "--seed" => settings.seed = number,
                _ => return Err(format!("{word:?}: expected --expiries, --at-once or --seed, each with a number")),
            }
        }
        Ok(settings)
    }

    fn limit(&self, index: usize) -> Duration {
        let place = (f64::from(self.seed).sqrt() + index as f64 * GOLDEN).fract();
        Duration::from_nanos((LEAST * SPREAD.powf(place)) as u64)
    }
}

/// All expiries of one call, by threads with sockets of their own.
fn expire(settings: &Settings, ways: &[Way], make: fn() -> Wait) -> Vec<Expiry> {
    let share = |first: usize| {
        let mut wait = make();
        let mine = (first..settings.expiries).step_by(settings.at_once);
        let expire = |index: usize| {
            let (way, limit) = (ways[index / settings.at_once % ways.len()], settings.limit(index));
            let start = Instant::now();
            wait(way, limit);
            Expiry { way, limit, took: start.elapsed() }
        };
        mine.map(expire).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..settings.at_once).map(|first| scope.spawn(move || share(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn show(name: &str, expiries: &[Expiry]) {
    if expiries.is_empty() {
        return;
    }
    let sorted = overshoots(expiries);
    let (median, late, most) = (at(&sorted, 0.5), at(&sorted, 0.99), at(&sorted, 1.0));
    println!("| {name} | {} | {} | {median:.3} | {late:.3} | {most:.3} |", sorted.len(), early(expiries));
}

/// Says what was to be reached; a failure if a wait ended early.
fn conclude(all: &[Expiry]) -> ExitCode {
    let sorted = overshoots(all);
    println!();
    for (name, share, most) in GOALS {
        let value = at(&sorted, share);
        let verdict = if value <= most { "met" } else { "MISSED" };
        println!("Rust: {verdict}: {name} of overshoot, ms: {value:.3}, at most {most} (a time)");
    }
    for expiry in all.iter().filter(|expiry| expiry.took < expiry.limit) {
        println!("EARLY: {:?}: {:?} of {:?}", expiry.way, expiry.took, expiry.limit);
    }
    let early = early(all);
    println!("Rust: {}: early: {early}, at most 0", if early == 0 { "met" } else { "MISSED" });
    if early == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn overshoots(expiries: &[Expiry]) -> Vec<f64> {
    let mut sorted: Vec<f64> = expiries.iter().map(|expiry| expiry.overshoot()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn early(expiries: &[Expiry]) -> usize {
    expiries.iter().filter(|expiry| expiry.took < expiry.limit).count()
}

const WAITS: [Call; 6] = [
    ("recv", &WAYS, recv),
    ("recvfrom, UDP", &WAYS, recvfrom),
    ("sendall, nobody reads", &WAYS, sendall),
    ("accept", &WAYS, accept),
    ("connect, full queue", &WAYS, connect),
    ("readline of a file", &[Way::SocketTimeout, Way::WithDeadline], readline),
];

/// Makes a call on a socket under a limit that is said in one of the ways.
macro_rules! by {
    ($way:expr, $limit:expr, $socket:expr, $call:ident $arguments:tt) => {{
        $socket.set_timeout($way.of_socket($limit));
        match $way {
            Way::SocketTimeout => ended($socket.$call $arguments),
            Way::Within => ended($socket.within($limit).$call $arguments),
            Way::WithDeadline => ended(with_deadline($limit, || $socket.$call $arguments)),
        }
    }};
}

fn recv() -> Wait {
    let (silent, ours) = pair();
    Box::new(move |way, limit| {
        let _open = &silent;
        by!(way, limit, ours, recv_into(&mut [0; 1]));
    })
}

fn recvfrom() -> Wait {
    let ours = datagrams();
    Box::new(move |way, limit| by!(way, limit, ours, recvfrom_into(&mut [0; 1])))
}

fn sendall() -> Wait {
    let (ours, never_reads) = pair();
    Box::new(move |way, limit| {
        let _open = &never_reads;
        by!(way, limit, ours, sendall(&[0; 1 << 20]));
    })
}

fn accept() -> Wait {
    let ours = create_server(local(0)).unwrap();
    Box::new(move |way, limit| by!(way, limit, ours, accept()))
}

fn connect() -> Wait {
    let full = FullQueue::tcp();
    Box::new(move |way, limit| {
        let full = &full;
        // The one before is still trying.
        let ours = Socket::new(Family::INET, Kind::STREAM).unwrap();
        by!(way, limit, ours, connect(full.address));
    })
}

fn readline() -> Wait {
    let (silent, ours) = pair();
    Box::new(move |way, limit| {
        let _open = &silent;
        let mut file = SocketReader::new(&ours).unwrap();
        ours.set_timeout(way.of_socket(limit));
        ended(if way == Way::SocketTimeout { file.readline() } else { with_deadline(limit, || file.readline()) });
    })
}
