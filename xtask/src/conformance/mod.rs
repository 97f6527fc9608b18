//! `cargo xtask conformance`: CPython's own tests over our sockets, test by test against the stock module.

mod elsewhere;
mod interpreter;

use std::path::Path;
use std::process::Command;

use crate::{Failure, python, run, skips, summary, workspace};

pub(crate) use elsewhere::Elsewhere;
use interpreter::Interpreter;

/// Runs the suites on one interpreter and compares them.
const RUNNER: &str = "conformance/run.py";
/// Makes the network namespaces; fails if it cannot.
const NAMESPACE: &str = "namespaces/loopback_only.py";
/// The runner may take so long, in seconds. Each suite has a watchdog of its own; this one is for the runner itself.
const RUNNER_LIMIT: u32 = 3 * 3600;
/// The same for the core, which every change waits for.
const CORE_LIMIT: u32 = 2400;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The interpreter, a name or a path; can be repeated; `all` for all on the path and among pyenv's; DIR:3.15 for that of
    /// a Debian in DIR, as `cargo xtask pythons --fetch DIR` makes it
    #[arg(long, default_value = "python3")]
    python: Vec<String>,
    /// How our sockets come in: `type` by `python -m shotclock`, `graft` by `install()`; can be repeated; both if absent
    #[arg(long, value_parser = ["type", "graft"])]
    mount: Vec<String>,
    /// What our sockets' tests run inside of: a scope or a total of 100,000 s, or a canceller that is never used; can be
    /// repeated
    #[arg(long, value_parser = ["scope", "total", "canceller"])]
    inside: Vec<String>,
    /// What every change must pass, if no suite is named
    #[arg(long)]
    core: bool,
    /// The suites that wait elsewhere than in sockets (threads, locks, pipes, children), if none is named
    #[arg(long)]
    waits: bool,
    /// Names such as `test_ssl`; all if absent
    suites: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let target = workspace::target()?;
    let chosen = chosen(&arguments.python)?;
    if chosen.is_empty() {
        return Err("no interpreter with CPython's tests".into());
    }
    let mounts = arguments.mount.iter().map(|mount| format!("--mount={mount}"));
    let parts = [(arguments.core, "--core"), (arguments.waits, "--waits")];
    let parts = parts.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, part)| part.to_owned());
    let inside = arguments.inside.iter().map(|kind| format!("--inside={kind}"));
    let told: Vec<String> = mounts.chain(inside).chain(parts).chain(arguments.suites.iter().cloned()).collect();
    let (mut closing, mut failed) = (Vec::new(), Vec::new());
    for one in &chosen {
        let (version, mut runner) = match one {
            Chosen::Here(found) => (&found.version, runner(&target, found, &told, RUNNER_LIMIT)?),
            Chosen::Elsewhere(found) => (&found.series, found.runner(RUNNER, &target, &told, RUNNER_LIMIT)?),
        };
        let output = run::tee(&mut runner)?;
        closing.extend(output.lines.into_iter().filter(|line| summary::is_closing(line)));
        if !output.success {
            failed.push(version.as_str());
        }
    }
    println!();
    closing.iter().for_each(|line| println!("{line}"));
    if failed.is_empty() { Ok(()) } else { Err(format!("conformance: failed on {}", failed.join(", ")).into()) }
}

/// Debian's package with CPython's tests, if no interpreter here has them and there is a `python3` to have them.
pub(crate) fn package_of_tests() -> Option<String> {
    let python = Interpreter::named("python3").ok()?;
    let has_none = python.unfit().is_some() && Interpreter::all().iter().all(|found| found.unfit().is_some());
    has_none.then(|| format!("libpython{}-testsuite", python.series()))
}

/// The part that every change must pass.
pub(crate) enum Core {
    Runner(Command),
    /// Why it cannot be run here.
    Unavailable(&'static str),
}

/// The socket-heavy suites on both mounts, and on one inside of a scope, on the first interpreter that has them; the
/// machine's `python3` goes first.
pub(crate) fn core(target: &Path) -> Result<Core, Failure> {
    if !run::is_installed("python3", [NAMESPACE, "true"]) {
        return Ok(Core::Unavailable("cannot make a network namespace"));
    }
    let mut found = vec![Interpreter::named("python3")?];
    if found[0].unfit().is_some() {
        found = Interpreter::all();
    }
    match found.iter().find(|interpreter| interpreter.unfit().is_none()) {
        Some(interpreter) => {
            let told = ["--core", "--also-inside=scope"].map(str::to_owned);
            Ok(Core::Runner(runner(target, interpreter, &told, CORE_LIMIT)?))
        }
        None => Ok(Core::Unavailable("no interpreter comes with CPython's tests (Debian: libpython3.N-testsuite)")),
    }
}

/// What a name stands for.
enum Chosen {
    Here(Interpreter),
    Elsewhere(Elsewhere),
}

/// The interpreters of these names. Those that cannot run the tests are left out, and it is said.
fn chosen(names: &[String]) -> Result<Vec<Chosen>, Failure> {
    let mut chosen = Vec::new();
    for name in names {
        if let Some(elsewhere) = Elsewhere::named(name) {
            chosen.push(Chosen::Elsewhere(elsewhere));
            continue;
        }
        let found = if name == "all" { Interpreter::all() } else { vec![Interpreter::named(name)?] };
        chosen.extend(found.into_iter().filter(is_fit).map(Chosen::Here));
    }
    Ok(chosen)
}

fn is_fit(interpreter: &Interpreter) -> bool {
    let Some(why) = interpreter.unfit() else { return true };
    let name = format!("conformance {} {}", interpreter.version, interpreter.executable.display());
    skips::announce(&name, why);
    false
}

/// The runner on an interpreter, in a virtual environment with our package.
fn runner(target: &Path, interpreter: &Interpreter, told: &[String], limit: u32) -> Result<Command, Failure> {
    let folder = format!("conformance/{}", interpreter.version);
    let python = python::environment(target, &format!("{folder}/venv"), &interpreter.executable.to_string_lossy())?;
    let work = target.join(folder);
    // No cache files in the tree.
    let mut runner = run::command(&python.to_string_lossy(), ["-B", RUNNER, "--work", &work.to_string_lossy()]);
    runner.args(told);
    Ok(run::bounded(limit, &runner))
}
