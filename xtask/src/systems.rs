//! `cargo xtask systems`: the other systems, each checked, linked or tested as its standing in the table says.

pub(crate) mod compiler;
mod linker;
mod need;
mod table;

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::summary::{self, Totals};
use crate::{Failure, run, skips, workspace};
pub(crate) use compiler::Compiler;
use table::{SYSTEMS, Standing, System};

/// Programs of one system may run so long before they are ended, in seconds.
const LIMIT: u32 = 1200;
/// The Rust that all of it is compiled with at least.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The systems, as rustc names them, or `all`; without any the table is shown
    targets: Vec<String>,
    /// The compiler's folder: it is fetched by apt-get if it is not there, and kept [default: target/systems/compiler,
    /// where nothing is fetched]
    #[arg(long, value_name = "DIR")]
    fetch: Option<PathBuf>,
}

/// Does what is asked for, and fails if something of it fails, or cannot be done here.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let compiler = match &arguments.fetch {
        Some(folder) => Some(Compiler::fetch(folder)?),
        None => Compiler::in_folder(&Compiler::usual_place()?),
    };
    let chosen = chosen(&arguments.targets)?;
    if chosen.is_empty() {
        SYSTEMS.iter().for_each(show);
        return Ok(());
    }
    let compiler = compiler.ok_or("there is no compiler for other systems: --fetch DIR")?;
    let mut said = Vec::new();
    for system in chosen {
        let begun = Instant::now();
        let outcome = tried(system, &compiler);
        let outcome = outcome.unwrap_or_else(|failure| (format!("FAILED: {failure}"), false));
        said.push((format!("{}: {}, {} s", system.target, outcome.0, begun.elapsed().as_secs()), outcome.1));
    }
    said.iter().for_each(|(line, _)| println!("{line}"));
    if said.iter().all(|(_, is_well)| *is_well) { Ok(()) } else { Err("not as the table says, see above".into()) }
}

/// Those whose tests run as a part of `cargo xtask test`.
pub(crate) fn that_run() -> impl Iterator<Item = &'static System> {
    SYSTEMS.iter().filter(|system| system.standing != Standing::Linked)
}

/// What keeps the system from being tried here, if something does.
pub(crate) fn obstacle(system: &System) -> Result<Option<String>, Failure> {
    let Some(compiler) = Compiler::in_folder(&Compiler::usual_place()?) else {
        return Ok(Some("there is no compiler for it (cargo xtask needs --install fetches one)".to_owned()));
    };
    match compiler.version() {
        Ok(version) if compiler::is_older(&version, OLDEST) => {
            return Ok(Some(format!(
                "apt's compiler is of Rust {version}, and {OLDEST} is needed (a newer Debian has it)"
            )));
        }
        Ok(_) => {}
        Err(failure) => return Ok(Some(format!("its compiler does not start: {failure}"))),
    }
    let missing = missing(system);
    Ok((!missing.is_empty()).then(|| format!("not installed (Debian): {}", missing.join(", "))))
}

/// Debian's packages of what this system needs and is not there.
fn missing(system: &System) -> Vec<&'static str> {
    system.needs.iter().filter(|(name, _)| !need::is_there(name)).map(|(_, package)| *package).collect()
}

/// Debian's packages that are missing for the systems whose tests run.
pub(crate) fn missing_packages() -> Vec<&'static str> {
    that_run().flat_map(missing).collect()
}

/// Whether the compiler is missing.
pub(crate) fn misses_compiler() -> bool {
    Compiler::usual_place().is_ok_and(|place| Compiler::in_folder(&place).is_none())
}

/// Fetches the compiler to where it is by itself.
pub(crate) fn fetch() -> Result<(), Failure> {
    Compiler::fetch(&Compiler::usual_place()?).map(drop)
}

/// Runs the system's tests, with the compiler in its usual place.
pub(crate) fn test(system: &System) -> Result<run::Output, Failure> {
    let compiler = Compiler::in_folder(&Compiler::usual_place()?).ok_or("there is no compiler for it")?;
    run_tests(system, &compiler)
}

fn chosen(targets: &[String]) -> Result<Vec<&'static System>, Failure> {
    if targets.iter().any(|target| target == "all") {
        return Ok(SYSTEMS.iter().collect());
    }
    let find = |target: &String| SYSTEMS.iter().find(|system| system.target == target.as_str());
    let find = |target| find(target).ok_or_else(|| format!("{target} is not in the table: cargo xtask systems").into());
    targets.iter().map(find).collect()
}

fn show(system: &System) {
    let missing = missing(system).join(" ");
    let needs = if missing.is_empty() { missing } else { format!("needs {missing}") };
    println!("{:<28} {:<30} {needs}", system.target, system.standing);
}

fn tried(system: &System, compiler: &Compiler) -> Result<(String, bool), Failure> {
    let missing = missing(system);
    if !missing.is_empty() {
        return Err(format!("needs apt-get install {}", missing.join(" ")).into());
    }
    if system.standing == Standing::Linked {
        if !system.checked.is_empty() {
            run::check(cargo(system, compiler, "check")?.args(packages(system.checked)).arg("--all-features"))?;
        }
        let mut linked = cargo(system, compiler, system.linker.build())?;
        run::check(linked.args(packages(system.linked)).args(["--all-features", "--bins"]).args(system.suites))?;
        return Ok((system.standing.to_string(), true));
    }
    let output = run_tests(system, compiler)?;
    let mut totals = Totals::default();
    output.lines.iter().filter(|line| summary::is_closing(line)).for_each(|line| totals += Totals::of_line(line));
    let skips: Vec<String> = output.lines.iter().filter_map(|line| skips::in_line(line)).collect();
    totals.reclassify(skips.len() as u64);
    skips::judge(&skips, &mut std::io::stdout())?;
    Ok((format!("{}: {totals}", system.standing), output.success))
}

fn run_tests(system: &System, compiler: &Compiler) -> Result<run::Output, Failure> {
    let left_out = system.left_out.iter().map(|(name, why)| format!("not run on {}: {name}: {why}", system.target));
    left_out.for_each(|line| println!("{line}"));
    if !system.checked.is_empty() {
        // Not by `check`, which would have the standard library compiled twice.
        run::check(cargo(system, compiler, "build")?.args(packages(system.checked)).arg("--all-features"))?;
    }
    if system.suites.contains(&"--test=examples_with_others") {
        // Some of them start the examples.
        run::check(cargo(system, compiler, "build")?.args(["--package=shotclock", "--all-features", "--examples"]))?;
    }
    // Compiling is not the tests' time.
    run::check(selected(&mut cargo(system, compiler, "test")?, system).arg("--no-run"))?;
    let mut tests = cargo(system, compiler, "test")?;
    // For tests that run their own program once more, beside what cargo is told.
    tests.env("SHOTCLOCK_TEST_RUNNER", system.runner.join(" "));
    // Where each instruction is another program's work, a backtrace takes half a minute.
    tests.env("RUST_BACKTRACE", "0");
    selected(&mut tests, system).args(["--no-fail-fast", "--", "--show-output"]);
    tests.args(system.left_out.iter().flat_map(|(name, _)| ["--skip", name]));
    run::tee(&mut run::bounded(LIMIT, &tests))
}

fn selected<'c>(command: &'c mut Command, system: &System) -> &'c mut Command {
    command.args(packages(system.linked)).arg("--all-features").args(system.suites)
}

fn packages(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("--package={name}")).collect()
}

/// cargo for this system, with everything in a folder of its own: cargo keeps others out of one that it uses.
fn cargo(system: &System, compiler: &Compiler, word: &str) -> Result<Command, Failure> {
    let folder = workspace::target()?.join("systems").join(system.target);
    let (linker, flags) = system.linker.prepare(&folder)?;
    let programs = system.linker.programs()?;
    let mut cargo = run::cargo([word, "-Zbuild-std", "--target", system.target, "--target-dir"]);
    cargo.arg(&folder);
    cargo.env("RUSTC", compiler.program("rustc")).env("RUSTDOC", compiler.program("rustdoc"));
    // A compiler that is not the newest may do unstable things by that, as building the standard library.
    // Nothing is stripped: for macOS that takes a program which is not in the folder.
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_DEV_STRIP", "none")
        .env("CARGO_INCREMENTAL", "0");
    // Before those of one target cargo takes those of all, of which the caller may have some.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    // Wine has a folder of its own too, and is silent.
    cargo.env("WINEPREFIX", folder.join("wine")).env("WINEDEBUG", "-all");
    if let Some(programs) = programs {
        let usual = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(programs).chain(std::env::split_paths(&usual));
        cargo.env("PATH", std::env::join_paths(folders)?);
    }
    for (name, value) in [("LINKER", linker), ("RUSTFLAGS", &flags), ("RUNNER", &system.runner.join(" "))] {
        if !value.is_empty() {
            cargo.env(variable(system.target, name), value);
        }
    }
    Ok(cargo)
}

/// cargo's setting of one target.
fn variable(target: &str, name: &str) -> String {
    format!("CARGO_TARGET_{}_{name}", target.to_uppercase().replace(['-', '.'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_says_what_the_table_says() {
        let platform = std::fs::read_to_string(workspace::root().join("PLATFORM.md")).unwrap();
        for system in SYSTEMS {
            let row = format!("| `{}` | {} |", system.target, system.standing);
            assert!(platform.lines().any(|line| line.starts_with(&row)), "PLATFORM.md lacks {row}");
        }
    }

    #[test]
    fn a_target_has_its_own_settings() {
        assert_eq!(variable("x86_64-unknown-linux-musl", "LINKER"), "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER");
        assert!(chosen(&["no-such".to_owned()]).is_err());
    }
}
