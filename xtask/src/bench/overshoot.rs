//! `cargo xtask bench overshoot`: how waits of many lengths end, of the core and of the Python package in both mounts.

use std::path::Path;

use crate::{Failure, python, run, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each call waits
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    expiries: u32,
    /// How many threads wait, each for itself
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    at_once: u32,
    /// What the limits are made from
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    seed: u32,
    /// Leave out the Python package
    #[arg(long)]
    no_python: bool,
}

/// Measures everywhere, and fails if a wait ended early anywhere.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let numbers = [arguments.expiries, arguments.at_once, arguments.seed];
    let told = ["--expiries", "--at-once", "--seed"].into_iter().zip(numbers);
    let told: Vec<String> = told.flat_map(|(name, number)| [name.to_owned(), number.to_string()]).collect();
    let mut core = run::cargo(["bench", "--package=shotclock", "--bench=overshoot", "--"]);
    let mut failures: Vec<Failure> = run::check(core.args(&told)).err().into_iter().collect();
    if !arguments.no_python {
        let interpreter = python::environment(&workspace::target()?, "venv", "python3")?;
        // The graft, and the type of our own.
        for mount in [&[][..], &["-m", "shotclock"]] {
            failures.extend(of_python(&interpreter, mount, &told).err());
        }
    }
    let failures: Vec<String> = failures.iter().map(Failure::to_string).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}

fn of_python(interpreter: &Path, mount: &[&str], told: &[String]) -> Result<(), Failure> {
    let mut bench = run::command(&interpreter.to_string_lossy(), []);
    bench.args(mount).arg("bench/overshoot.py").args(told);
    // No cache files in the tree.
    run::check(bench.env("PYTHONDONTWRITEBYTECODE", "1"))
}
