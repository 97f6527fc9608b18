//! `cargo xtask bench NAME`: the benchmarks. Each ends itself if it hangs, and fails where a count misses its goal.

mod cancellation;
mod overshoot;
mod python;
mod script;
mod warden;

use crate::{Failure, run};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    name: Name,
}

#[derive(clap::Subcommand)]
enum Name {
    /// What one operation of the core costs: system calls, instructions, time
    Perop(Rest),
    /// How late a wait of the core ends after its limit
    Lateness(Rest),
    /// How soon a wait ends after cancel or close, in Rust and in Python
    Cancellation(cancellation::Arguments),
    /// By how much waits from 1 ms to 1 s overshoot their limits, of the core and of the Python package
    Overshoot(overshoot::Arguments),
    /// What a close costs beside thousands of threads that wait for something else
    IdleWaiters(Rest),
    /// What the Python package's calls cost beside the interpreter's own
    Python(python::Arguments),
    /// What the interpreter's own waits cost with the hooks in its tables
    Hooks(script::Arguments),
    /// What keeping account of waits costs a request that waits
    Account(script::Arguments),
    /// What a start beneath `shotclock run` costs, and its warden beside 1,000 and 20,000 sockets
    Warden(warden::Arguments),
}

#[derive(clap::Args)]
struct Rest {
    /// What the benchmark itself is told, after `--`: perop `--only NAME`, `--rounds N`; lateness `--long`,
    /// idle-waiters `--waiters N`
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.name {
        Name::Perop(Rest { rest }) => of_the_core("perop", rest),
        Name::Lateness(Rest { rest }) => of_the_core("lateness", rest),
        Name::IdleWaiters(Rest { rest }) => of_the_core("idle_waiters", rest),
        Name::Cancellation(arguments) => cancellation::run(arguments),
        Name::Overshoot(arguments) => overshoot::run(arguments),
        Name::Python(arguments) => python::run(arguments),
        Name::Hooks(arguments) => script::run("hooks", arguments),
        Name::Account(arguments) => script::run("account", arguments),
        Name::Warden(arguments) => warden::run(arguments),
    }
}

fn of_the_core(bench: &str, rest: &[String]) -> Result<(), Failure> {
    let mut command = run::cargo(["bench", "--package=shotclock", "--bench", bench, "--"]);
    run::check(command.args(rest))
}
