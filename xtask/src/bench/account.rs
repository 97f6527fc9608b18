//! `cargo xtask bench account`: what keeping account of waits costs a request that waits.

use crate::{Failure, python, run, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The interpreter to measure in
    #[arg(long, value_name = "EXE", default_value = "python3")]
    python: String,
    /// How many rounds each request is timed for
    #[arg(long)]
    rounds: Option<u32>,
}

/// Measures, and fails if the account costs more than its goal.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let venv = format!("bench-{}", python::version(&arguments.python)?);
    let python = python::environment(&workspace::target()?, &venv, &arguments.python)?;
    let mut bench = run::command(&python.to_string_lossy(), ["bench/account.py"]);
    if let Some(rounds) = arguments.rounds {
        bench.arg(format!("--rounds={rounds}"));
    }
    // No cache files in the tree.
    run::check(bench.env("PYTHONDONTWRITEBYTECODE", "1"))
}
