//! `cargo xtask programs`: real programs, in many languages, at peers that leave them waiting, under `shotclock run`.

use std::fs;
use std::path::Path;

use crate::{Failure, run, workspace};

/// What the programs need: a program or a file a line, and its package.
const NEEDS: &str = "programs/debian.txt";
/// Where the table is.
const PAGE: &str = "docs/run.md";
/// It may take so long before it is ended, in seconds; each trial has an end of its own.
const RUN_LIMIT: u32 = 1800;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A few programs at all peers, as with the tests
    #[arg(long)]
    short: bool,
    /// Replace the table of docs/run.md
    #[arg(long, conflicts_with_all = ["only", "short", "peer"])]
    write: bool,
    /// Only programs with this in their name; may be given again
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only this peer; may be given again
    #[arg(long, value_parser = ["silent", "half", "hole", "dns", "drip", "retries"])]
    peer: Vec<String>,
    /// Only under this: `both` mechanisms, `no-preload`, `stock`, `timeout(1)`; may be given again [default: the first two]
    #[arg(long, value_parser = ["both", "no-preload", "stock", "timeout(1)"])]
    contestant: Vec<String>,
    /// How many trials at the same time; fewer for a busy machine
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    at_once: u32,
}

/// Fails unless each program ends in time where it has to.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    run::check(&mut run::cargo(["build", "--release", "--package=shotclock-cli"]))?;
    let mut programs = programs(&workspace::target()?.join("release"))?;
    if arguments.short {
        programs.arg("--short");
    }
    programs.arg(format!("--at-once={}", arguments.at_once));
    programs.args(arguments.only.iter().map(|text| format!("--only={text}")));
    programs.args(arguments.peer.iter().map(|peer| format!("--peer={peer}")));
    programs.args(arguments.contestant.iter().map(|contestant| format!("--contestant={contestant}")));
    if arguments.write {
        programs.args(["--write", PAGE]);
    }
    run::check(&mut run::bounded(RUN_LIMIT, &programs))
}

/// A few of them, with the command that the tests use.
pub(crate) fn short(target: &Path) -> Result<run::Output, Failure> {
    run::check(&mut run::cargo(["build", "--package=shotclock-cli"]))?;
    let mut programs = programs(&target.join("debug"))?;
    programs.arg("--short");
    run::tee(&mut run::bounded(RUN_LIMIT, &programs))
}

/// What the programs need of the machine: a program or the path of a file, and Debian's package.
pub(crate) fn needs() -> Vec<(String, String)> {
    let list = fs::read_to_string(workspace::root().join(NEEDS)).unwrap_or_default();
    let pair = |line: &str| {
        let (what, package) = line.split_once(' ')?;
        Some((what.to_owned(), package.to_owned()))
    };
    list.lines().filter(|line| !line.starts_with('#')).filter_map(pair).collect()
}

fn programs(built: &Path) -> Result<std::process::Command, Failure> {
    let mut programs = run::command("python3", ["-B", "programs"]);
    programs.env("PYTHONPATH", workspace::namespaces());
    programs.arg("--command").arg(built.join("shotclock"));
    programs.arg("--work").arg(workspace::target()?.join("programs"));
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_need_has_a_package() {
        let needs = needs();
        assert!(needs.iter().any(|(what, package)| (what.as_str(), package.as_str()) == ("curl", "curl")));
        assert!(needs.iter().all(|(what, package)| !what.contains(' ') && !package.contains(' ')), "{needs:?}");
    }
}
