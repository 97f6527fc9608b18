//! `cargo xtask fuzz`: every fuzz target for a while, or the arguments of the Python face.

use std::fs;

use crate::{Failure, python, run, skips, workspace};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    surface: Option<Surface>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only these targets
    targets: Vec<String>,
}

#[derive(clap::Subcommand)]
enum Surface {
    /// Every method and function of the Python face, with arguments good and bad
    Python(PythonArguments),
}

#[derive(clap::Args)]
struct PythonArguments {
    /// Cases, of up to three calls, for each way to mount the methods [default: 60000; under valgrind 2000]
    #[arg(long)]
    calls: Option<u32>,
    /// What all choices follow from; printed if it is chosen anew
    #[arg(long)]
    seed: Option<u32>,
    /// The interpreter
    #[arg(long, default_value = "python3")]
    python: String,
    /// Under memcheck
    #[arg(long)]
    valgrind: bool,
    /// More for fuzz/python/arguments.py
    #[arg(last = true)]
    more: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.surface {
        Some(Surface::Python(arguments)) => run_python(arguments),
        None => run_targets(arguments),
    }
}

fn run_targets(arguments: &Arguments) -> Result<(), Failure> {
    if !run::is_installed("cargo", ["fuzz", "--version"]) {
        return skips::judge(&[skips::announce("fuzz", "cargo-fuzz is not installed")], &mut std::io::stdout());
    }
    let targets = if arguments.targets.is_empty() { all()? } else { arguments.targets.clone() };
    let limit = format!("-max_total_time={}", arguments.seconds);
    for target in &targets {
        let mut fuzz = run::cargo(["fuzz", "run", target, "--", &limit]);
        // The sanitizer's flags are not stable; this lets a stable compiler take them.
        run::check(fuzz.env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(())
}

fn run_python(arguments: &PythonArguments) -> Result<(), Failure> {
    if arguments.valgrind && !run::is_installed("valgrind", ["--version"]) {
        return skips::judge(
            &[skips::announce("fuzz python --valgrind", "valgrind is not installed")],
            &mut std::io::stdout(),
        );
    }
    let venv = format!("fuzz-{}", python::version(&arguments.python)?);
    // Optimised code compares what is not there yet and looks at the outcome later: memcheck takes that for a mistake.
    let profile = if arguments.valgrind { "dev" } else { "release" };
    let python = python::environment_with(&workspace::target()?, &venv, &arguments.python, profile)?;
    let calls = arguments.calls.unwrap_or(if arguments.valgrind { 2_000 } else { 60_000 });
    let mut fuzz = run::command(&python.to_string_lossy(), ["fuzz/python/arguments.py", "--calls", &calls.to_string()]);
    if let Some(seed) = arguments.seed {
        fuzz.args(["--seed", &seed.to_string()]);
    }
    if arguments.valgrind {
        fuzz.arg("--valgrind");
    }
    run::check(fuzz.args(&arguments.more))
}

fn all() -> Result<Vec<String>, Failure> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(workspace::root().join("fuzz/fuzz_targets"))? {
        targets.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    targets.sort();
    Ok(targets)
}
