//! The Rust cells of `cargo xtask matrix`: every operation that can block at every fault that can befall it, by std and by
//! this crate, each bounded by one second.
//!
//! `matrix --list` prints the cells; `matrix CONTESTANT CELL` runs one, at the peers that the environment names, and
//! prints seconds, how it ended and with what, between tabs. Whatever hangs is ended by the system (SIGALRM).
#![allow(clippy::disallowed_methods, reason = "std's own limits are what is compared with")]

mod cells;
mod connections;
mod datagrams;
mod exchanges;
mod lookups;
mod streams;
mod tls;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::time::Instant;

use cells::{Answer, Cell, Failure, Peers, Prepare};

/// Enough to call it missed.
const CAP_SECONDS: u32 = 3;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--list"] => {
            list();
            Ok(())
        }
        [contestant, cell] => run(contestant, cell),
        _ => Err("expected --list, or a contestant (std::net or shotclock) and a cell".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("matrix: {failure}");
            ExitCode::from(2)
        }
    }
}

fn all() -> Vec<Cell> {
    let groups = [streams::cells(), datagrams::cells(), connections::cells(), lookups::cells(), tls::cells()];
    groups.into_iter().flatten().chain(exchanges::cells()).collect()
}

fn list() {
    for cell in all() {
        let answer = match cell.answer {
            Answer::None => "",
            Answer::Live => "live",
            Answer::Fallback => "fallback",
        };
        println!("{}\t{}\t{answer}\t{}", cell.operation, cell.fault, if cell.is_busy { "busy" } else { "" });
    }
}

fn run(contestant: &str, name: &str) -> Result<(), Failure> {
    let cell = all().into_iter().find(|cell| format!("{}: {}", cell.operation, cell.fault) == name);
    let cell = cell.ok_or_else(|| format!("{name:?}: no such cell"))?;
    let (prepare, is_timeout): (Option<Prepare>, fn(&Failure) -> bool) = match contestant {
        "std::net" => (cell.std, is_std_timeout),
        "shotclock" => (Some(cell.ours), is_our_timeout),
        _ => return Err(format!("{contestant:?}: expected std::net or shotclock").into()),
    };
    let Some(prepare) = prepare else {
        println!("0\tno way\tstd has no such call");
        return Ok(());
    };
    let call = prepare(&Peers::from_environment()?)?;
    // SAFETY: a plain number; SIGALRM's default action ends the process.
    unsafe { libc::alarm(CAP_SECONDS) };
    let begun = Instant::now();
    let outcome = call();
    let took = begun.elapsed().as_secs_f64();
    let (ended, said) = match outcome {
        Ok(()) => ("ended", String::new()),
        Err(failure) => (if is_timeout(&failure) { "timeout" } else { "error" }, failure.to_string()),
    };
    println!("{took:.4}\t{ended}\t{said}");
    Ok(())
}

/// std says `WouldBlock` where its own limit passes on Unix, and `TimedOut` when connecting.
fn is_std_timeout(failure: &Failure) -> bool {
    let io = failure.downcast_ref::<io::Error>();
    io.is_some_and(|error| matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock))
}

fn is_our_timeout(failure: &Failure) -> bool {
    let failure: &(dyn Error + 'static) = &**failure;
    shotclock::Error::find_in(failure).is_some_and(shotclock::Error::is_timeout)
}
