//! `cargo xtask matrix`: every operation that can block at every fault that can befall it, by us and by others.

use crate::{Failure, python, run, workspace};

/// What is compared with, and drawn by.
const REQUIREMENTS: &str = "matrix/requirements.txt";
const PAGE: &str = "COMPARE.md";
const PICTURES: &str = "matrix/pictures";
/// One run may take so long before it is ended, in seconds; each trial has a watchdog of its own.
const RUN_LIMIT: u32 = 1800;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run everything so often; a cell holds if it holds each time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    runs: u32,
    /// Replace the figures and pictures of COMPARE.md
    #[arg(long, conflicts_with_all = ["only", "contestant"])]
    write: bool,
    /// Only cells with this in their name, such as "recv" or "dead DNS"; may be given again
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only contestants with this in their name, such as gevent or Rust; may be given again
    #[arg(long, value_name = "TEXT")]
    contestant: Vec<String>,
    /// How many trials at the same time; fewer for a busy machine
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    at_once: u32,
    /// The interpreter of the Python contestants
    #[arg(long, default_value = "python3")]
    python: String,
}

/// Builds all contestants, and fails unless we hold in every cell.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let target = workspace::target()?;
    run::check(&mut run::cargo(["build", "--release", "--package=shotclock-matrix"]))?;
    run::check(&mut run::cargo(["build", "--release", "--package=shotclock-cli"]))?;
    let python = python::environment_of(&target, "matrix", &arguments.python, REQUIREMENTS)?;
    let built = target.join("release");
    let mut matrix = run::command(&python.to_string_lossy(), ["-B", "matrix"]);
    matrix.arg("--command").arg(built.join("shotclock")).arg("--rust").arg(built.join("shotclock-matrix"));
    let results = target.join("matrix-results");
    matrix.arg("--work").arg(&results);
    matrix.args([format!("--runs={}", arguments.runs), format!("--at-once={}", arguments.at_once)]);
    matrix.args(arguments.only.iter().map(|text| format!("--only={text}")));
    matrix.args(arguments.contestant.iter().map(|text| format!("--contestant={text}")));
    if arguments.write {
        matrix.args(["--write", PAGE, "--pictures", PICTURES]);
    } else {
        matrix.arg("--pictures").arg(&results);
    }
    run::check(&mut run::bounded(RUN_LIMIT * arguments.runs, &matrix))
}
