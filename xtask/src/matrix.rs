//! `cargo xtask matrix`: every operation that can block at every fault that can befall it, and whole client libraries, by
//! us and by others.

use std::path::{Path, PathBuf};

use crate::{Failure, python, run, workspace};

/// What is compared with, and drawn by.
const REQUIREMENTS: &str = "matrix/requirements.txt";
/// The client libraries, each of which a machine may not be able to have.
const LIBRARIES: &str = "matrix/libraries/requirements.txt";
const PAGE: &str = "COMPARE.md";
const PICTURES: &str = "matrix/pictures";
/// One run may take so long for each interpreter before it is ended, in seconds; each trial has a watchdog of its own.
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
    /// The interpreter of the Python contestants; given again, we are tried at the libraries in each
    #[arg(long, default_value = "python3")]
    python: Vec<String>,
    /// Only one part: `cells`, the operations; `libraries`, the client libraries and the drivers in C
    #[arg(long, value_parser = ["cells", "libraries"])]
    part: Vec<String>,
}

/// Builds all contestants, and fails unless we hold in every cell.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let target = workspace::target()?;
    run::check(&mut run::cargo(["build", "--release", "--package=shotclock-matrix"]))?;
    run::check(&mut run::cargo(["build", "--release", "--package=shotclock-cli"]))?;
    let environments = arguments.python.iter().map(|interpreter| environment(&target, interpreter, arguments));
    let environments: Vec<PathBuf> = environments.collect::<Result<_, _>>()?;
    let first = environments.first().ok_or("no interpreter")?;
    let built = target.join("release");
    let mut matrix = run::command(&first.to_string_lossy(), ["-B", "matrix"]);
    matrix.env("PYTHONPATH", workspace::namespaces());
    for environment in &environments {
        matrix.arg("--interpreter").arg(environment);
    }
    matrix.args(arguments.part.iter().map(|part| format!("--part={part}")));
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
    let interpreters = u32::try_from(environments.len())?;
    run::check(&mut run::bounded(RUN_LIMIT * arguments.runs * interpreters, &matrix))
}

/// The Python of an environment for this interpreter, with our package and all that takes part.
fn environment(target: &Path, interpreter: &str, arguments: &Arguments) -> Result<PathBuf, Failure> {
    let version = python::version(interpreter)?;
    let series = version.rsplit_once('.').map_or(version.as_str(), |(series, _)| series);
    let name = format!("matrix-{series}");
    let python = python::environment_of(target, &name, interpreter, REQUIREMENTS)?;
    if arguments.part.is_empty() || arguments.part.iter().any(|part| part == "libraries") {
        python::extend(target, &name, LIBRARIES)?;
    }
    Ok(python)
}
