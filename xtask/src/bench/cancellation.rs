//! `cargo xtask bench cancellation`: how soon a wait ends after cancel or close, in Rust and in each mount of Python.

use crate::{Failure, python, run, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The interpreter
    #[arg(long, value_name = "EXE", default_value = "python3")]
    python: String,
    /// How often each wait is ended
    #[arg(long, default_value_t = 1000)]
    times: u32,
}

/// Measures everywhere; fails if a wake-up was lost or a descriptor left behind anywhere.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let times = format!("--times={}", arguments.times);
    let mut failures = Vec::new();
    let rust = run::cargo(["bench", "--package=shotclock", "--bench=cancellation", "--", &times]);
    let venv = format!("bench-{}", python::version(&arguments.python)?);
    let interpreter = python::environment(&workspace::target()?, &venv, &arguments.python)?;
    let in_python = ["type", "graft"].map(|mount| {
        let program = ["bench/cancellation.py", "--mount", mount, &times];
        let mut bench = run::command(&interpreter.to_string_lossy(), program);
        // No cache files in the tree.
        bench.env("PYTHONDONTWRITEBYTECODE", "1");
        bench
    });
    for mut bench in std::iter::once(rust).chain(in_python) {
        if let Err(failure) = run::check(&mut bench) {
            failures.push(failure.to_string());
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}
