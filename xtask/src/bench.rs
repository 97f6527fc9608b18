//! `cargo xtask bench NAME`: the benchmarks of the core.

use crate::{Failure, run};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which one
    name: Name,
    /// What the benchmark itself is told
    #[arg(last = true)]
    rest: Vec<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Name {
    /// What one operation costs: system calls, instructions, time
    Perop,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let bench = match arguments.name {
        Name::Perop => "perop",
    };
    let mut command = run::cargo(["bench", "--package=shotclock", "--bench", bench, "--"]);
    run::check(command.args(&arguments.rest))
}
