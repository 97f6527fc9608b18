//! What one operation costs: system calls, user instructions, allocations and time, with a timeout of 30 s armed,
//! beside plain blocking libc calls without a timeout and std's sockets with `set_read_timeout` and its like.
//!
//! Counts come from children of this program: system calls under strace, instructions under valgrind's callgrind,
//! both from within marked parts only. Times are ratios of what one round measured of each, so that what disturbs the
//! machine for longer than a round disturbs all alike; the round's order rotates.
//!
//! Floods of datagrams are times alone, each beside its own: batches beside one call a datagram, and beside quinn-udp.
//!
//! `--only NAME` runs one scenario, `--rounds N` changes the number of rounds.
#![allow(clippy::disallowed_methods, reason = "std's own timeouts and connects are what is compared with")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run is to stop there")]

mod by_libc;
mod children;
mod flood;
mod meter;
mod report;
mod rounds;
mod scenarios;
mod stream;

use std::process::ExitCode;
use std::time::Duration;

use meter::{Allocations, Meter};
use scenarios::{Scenario, Variant};

#[global_allocator]
static ALLOCATOR: Allocations = Allocations;

/// The timeout that is armed and never passes.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Whatever hangs is ended after so many seconds: the whole, and each child.
const WHOLE_LIMIT: u32 = 1200;
const CHILD_LIMIT: u32 = 120;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--child", scenario, variant, meter, threads] = words[..] {
        by_libc::alarm(CHILD_LIMIT);
        children::be_one(scenario, variant, meter, threads == "threads");
        return ExitCode::SUCCESS;
    }
    by_libc::alarm(WHOLE_LIMIT);
    let (mut only, mut count, mut floods_alone) = (None, 200, false);
    for pair in words.chunks(2) {
        match pair {
            ["--only", "floods"] => floods_alone = true,
            ["--only", name] if Scenario::named(name).is_some() => only = Scenario::named(name),
            ["--rounds", number] if number.parse().is_ok_and(|rounds: usize| rounds > 0) => {
                count = number.parse().unwrap_or(count);
            }
            _ => {
                eprintln!("perop: {pair:?}: expected --only {}|floods or --rounds N", Scenario::names());
                return ExitCode::from(2);
            }
        }
    }
    report::heading(count);
    let _keep = scenarios::one_more_thread();
    if floods_alone {
        flood::measure(count);
        return ExitCode::SUCCESS;
    }
    let results: Vec<_> = Scenario::ALL
        .into_iter()
        .filter(|scenario| only.is_none_or(|only| only == *scenario))
        .map(|scenario| measure(scenario, count))
        .collect();
    let are_met = report::print(&results);
    if only.is_none() {
        flood::measure(count);
    }
    if are_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All that is known of one scenario, by variant.
struct Measured {
    scenario: Scenario,
    calls: [Option<children::Calls>; 3],
    threaded: [Option<f64>; 3],
    alone: [Option<f64>; 3],
    allocations: [f64; 3],
    times: rounds::Times,
}

fn measure(scenario: Scenario, count: usize) -> Measured {
    eprintln!("{}: counting, then {count} rounds", scenario.name());
    Measured {
        scenario,
        calls: Variant::ALL.map(|variant| children::calls(scenario, variant)),
        threaded: Variant::ALL.map(|variant| children::instructions(scenario, variant, "threads")),
        alone: Variant::ALL.map(|variant| children::instructions(scenario, variant, "alone")),
        allocations: Variant::ALL.map(|variant| allocations(scenario, variant)),
        times: rounds::times(scenario, count),
    }
}

fn allocations(scenario: Scenario, variant: Variant) -> f64 {
    const OPERATIONS: u64 = 1000;
    let _pinned = scenario.pin();
    let mut work = scenarios::prepare(scenario, variant);
    work(scenarios::WARM_UP, &mut Meter::Off);
    let mut meter = Meter::Allocations(0);
    work(OPERATIONS, &mut meter);
    let Meter::Allocations(count) = meter else { unreachable!("a meter keeps its kind") };
    count as f64 / OPERATIONS as f64
}
