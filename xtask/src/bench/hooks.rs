//! `cargo xtask bench hooks`: what the interpreter's own waits cost with the hooks in its tables.

use crate::{Failure, python, run, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The interpreter to measure in
    #[arg(long, value_name = "EXE", default_value = "python3")]
    python: String,
    /// How many rounds each operation is timed for, in each state
    #[arg(long)]
    rounds: Option<u32>,
}

/// Measures, and fails if an operation costs more than its goal.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let venv = format!("bench-{}", python::version(&arguments.python)?);
    let python = python::environment(&workspace::target()?, &venv, &arguments.python)?;
    let mut bench = run::command(&python.to_string_lossy(), ["bench/hooks.py"]);
    if let Some(rounds) = arguments.rounds {
        bench.arg(format!("--rounds={rounds}"));
    }
    // No cache files in the tree.
    run::check(bench.env("PYTHONDONTWRITEBYTECODE", "1"))
}
