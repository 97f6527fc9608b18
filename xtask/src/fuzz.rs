//! `cargo xtask fuzz`: every fuzz target for a while.

use std::fs;

use crate::{Failure, run, skips, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only these targets
    targets: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !run::is_installed("cargo", ["fuzz", "--version"]) {
        return skips::judge(&[skips::announce("fuzz", "cargo-fuzz is not installed")]);
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

fn all() -> Result<Vec<String>, Failure> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(workspace::root().join("fuzz/fuzz_targets"))? {
        targets.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    targets.sort();
    Ok(targets)
}
