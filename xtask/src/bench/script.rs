//! `cargo xtask bench hooks` and `account`: a program of `bench/` that measures the installed package in one interpreter, and
//! fails where something costs more than its goal.

use crate::{Failure, python, run, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The interpreter to measure in
    #[arg(long, value_name = "EXE", default_value = "python3")]
    python: String,
    /// How many rounds each thing that is measured is timed for
    #[arg(long)]
    rounds: Option<u32>,
}

/// Runs the program of this name.
pub(crate) fn run(name: &str, arguments: &Arguments) -> Result<(), Failure> {
    let venv = format!("bench-{}", python::version(&arguments.python)?);
    let python = python::environment(&workspace::target()?, &venv, &arguments.python)?;
    let mut bench = run::command(&python.to_string_lossy(), [format!("bench/{name}.py").as_str()]);
    if let Some(rounds) = arguments.rounds {
        bench.arg(format!("--rounds={rounds}"));
    }
    // No cache files in the tree.
    run::check(bench.env("PYTHONDONTWRITEBYTECODE", "1"))
}
