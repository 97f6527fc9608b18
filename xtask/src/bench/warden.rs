//! `cargo xtask bench warden`: what `shotclock run` costs a program's start, and the machine beside many sockets.

use crate::{Failure, run, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often a program is started
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(3..))]
    rounds: u32,
}

/// Fails where one costs more than its goal.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    run::check(&mut run::cargo(["build", "--release", "--package=shotclock-cli"]))?;
    let mut bench = run::command("python3", ["bench/warden.py", "--command"]);
    bench.arg(workspace::target()?.join("release").join("shotclock")).arg(format!("--rounds={}", arguments.rounds));
    // No cache files in the tree.
    run::check(bench.env("PYTHONDONTWRITEBYTECODE", "1"))
}
