//! The core over other platforms than the one at hand: over one that can do nothing, where what reaches behind the contract of
//! `sys` does not compile, and over the room of macOS and FreeBSD, as far as Linux can run it.

use crate::{Failure, run};

/// Other systems for which it is compiled as well, where their standard library is installed (`rustup target add`).
const TARGETS: [&str; 2] = ["x86_64-apple-darwin", "x86_64-pc-windows-gnu"];

/// A folder of its own: other flags would have everything else compiled anew.
const FOLDER: &str = "--target-dir=target/stub";

/// What macOS and FreeBSD do otherwise is tried here in the place of what Linux does: by the core's own tests, and those of
/// what goes through it. (The others pass as well.)
const OVER_BSD: [&str; 5] = ["--lib", "--test=closing", "--test=files", "--test=limits", "--test=wake_stress"];
const BSD_FOLDER: &str = "--target-dir=target/bsd";

pub(crate) fn check() -> Result<(), Failure> {
    let mut test = run::cargo(["test", "--package=shotclock", "--all-features", "--test=stub", FOLDER]);
    run::check(test.env("RUSTFLAGS", "--cfg shotclock_stub -D warnings"))?;
    let mut test = run::cargo(["test", "--package=shotclock", "--all-features", BSD_FOLDER]);
    run::check(test.args(OVER_BSD).env("RUSTFLAGS", "--cfg shotclock_bsd -D warnings"))?;
    for target in TARGETS.into_iter().filter(|target| is_installed(target)) {
        let mut check = run::cargo(["check", "--package=shotclock", "--all-features", "--target", target, FOLDER]);
        run::check(check.env("RUSTFLAGS", "-D warnings"))?;
    }
    Ok(())
}

fn is_installed(target: &str) -> bool {
    let list = std::process::Command::new("rustup").args(["target", "list", "--installed"]).output();
    list.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).lines().any(|line| line == target))
}
