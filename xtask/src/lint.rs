//! `cargo xtask lint`: everything that can be said without running the tests.

use crate::{Failure, homes, msrv, preload, promises, rooms, run, skips, stub};

/// One check: its name, and what it does. It may add to the skips.
type Check = (&'static str, fn(&mut Vec<String>) -> Result<(), Failure>);

const CHECKS: [Check; 10] = [
    ("format", |_| run::check(&mut run::cargo(["fmt", "--all", "--check"]))),
    ("homes", |_| homes::check()),
    ("rooms", |_| rooms::check()),
    ("promises", |_| promises::check()),
    ("clippy", |_| clippy()),
    ("preload", |_| preload::check()),
    ("platforms", |_| stub::check()),
    ("documentation", |_| documentation()),
    ("oldest Rust", msrv::check),
    ("dependencies", dependencies),
];

/// Runs all checks, the later ones too when one fails.
pub(crate) fn run() -> Result<(), Failure> {
    let (mut skips, mut failures) = (Vec::new(), Vec::new());
    for (name, check) in CHECKS {
        if let Err(failure) = check(&mut skips) {
            eprintln!("{name}: {failure}");
            failures.push(name);
        }
    }
    skips::judge(&skips, &mut std::io::stdout())?;
    if failures.is_empty() { Ok(()) } else { Err(format!("lint failed: {}", failures.join(", ")).into()) }
}

fn clippy() -> Result<(), Failure> {
    // The core without its features too: what they leave out must not leave unused things behind.
    run::check(&mut run::cargo(["clippy", "--package=shotclock", "--all-targets", "--", "-D", "warnings"]))?;
    run::check(&mut run::cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))
}

fn documentation() -> Result<(), Failure> {
    let mut doc = run::cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
    run::check(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn dependencies(skips: &mut Vec<String>) -> Result<(), Failure> {
    if !run::is_installed("cargo", ["deny", "--version"]) {
        skips.push(skips::announce("deny", "cargo-deny is not installed"));
        return Ok(());
    }
    // Not advisories: their list lives outside, and what passes today must pass tomorrow.
    run::check(&mut run::cargo(["deny", "--all-features", "check", "licenses", "bans", "sources"]))
}
