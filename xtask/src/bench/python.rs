//! `cargo xtask bench python`: the package's calls beside the interpreter's own, in each interpreter and mount.

use std::path::Path;

use crate::{Failure, python, run, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// An interpreter to measure in, instead of python3; may be given again
    #[arg(long, value_name = "EXE")]
    python: Vec<String>,
    /// Only this mount
    #[arg(long)]
    mount: Option<Mount>,
    /// How many rounds each workload is timed for
    #[arg(long)]
    rounds: Option<u32>,
}

/// How the Rust methods get to a program.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Mount {
    /// As a type of their own: `from shotclock import socket`
    Type,
    /// On the interpreter's own class: `shotclock.install()`
    Graft,
}

/// Measures everywhere, and fails if a count missed its goal anywhere.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let target = workspace::target()?;
    let mut failures = Vec::new();
    for interpreter in interpreters(&arguments.python) {
        let venv = format!("bench-{}", python::version(interpreter)?);
        let python = python::environment(&target, &venv, interpreter)?;
        for mount in arguments.mount.map_or(vec![Mount::Type, Mount::Graft], |only| vec![only]) {
            if let Err(failure) = measure(&python, mount, arguments.rounds) {
                failures.push(failure.to_string());
            }
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}

fn interpreters(given: &[String]) -> Vec<&str> {
    if given.is_empty() { vec!["python3"] } else { given.iter().map(String::as_str).collect() }
}

fn measure(python: &Path, mount: Mount, rounds: Option<u32>) -> Result<(), Failure> {
    let mount = match mount {
        Mount::Type => "type",
        Mount::Graft => "graft",
    };
    let mut bench = run::command(&python.to_string_lossy(), ["bench", "--mount", mount]);
    if let Some(rounds) = rounds {
        bench.arg(format!("--rounds={rounds}"));
    }
    // No cache files in the tree.
    run::check(bench.env("PYTHONDONTWRITEBYTECODE", "1"))
}
