//! `cargo xtask bench NAME`: the benchmarks of the core. Each ends itself if it hangs, and fails where a count misses its goal.

use crate::{Failure, run};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which one
    name: Name,
    /// What the benchmark itself is told, after `--`: perop `--only NAME`, `--rounds N`; lateness `--long`
    #[arg(last = true)]
    rest: Vec<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Name {
    /// What one operation costs: system calls, instructions, time
    Perop,
    /// How late a wait ends after its limit
    Lateness,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let bench = match arguments.name {
        Name::Perop => "perop",
        Name::Lateness => "lateness",
    };
    let mut command = run::cargo(["bench", "--package=shotclock", "--bench", bench, "--"]);
    run::check(command.args(&arguments.rest))
}
