//! `cargo xtask fresh`: the README's two commands on a Debian 12 that has gcc, Rust and python3 and nothing else.

use std::path::PathBuf;

use crate::debian::{Debian, SOURCES};
use crate::{Failure, run};

const SUITE: &str = "bookworm";
const PACKAGES: [&str; 4] = ["gcc", "libc6-dev", "python3", "ca-certificates"];
/// What README says to try.
const COMMANDS: [&str; 2] = ["cargo run --release -- demo", "cargo xtask test"];
/// For each command, in seconds: everything is compiled.
const LIMIT: u32 = 5400;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the Debian; it is made if it is not there, and kept
    #[arg(long)]
    into: PathBuf,
    /// Install first what `cargo xtask needs` names there
    #[arg(long)]
    needs: bool,
}

/// Fails if one of the two fails. Needs root and debootstrap; leaves nothing mounted.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let debian = Debian::in_folder(&arguments.into, SUITE, &PACKAGES)?;
    debian.clone_sources()?;
    let install = "cargo xtask needs --install";
    let commands = arguments.needs.then_some(install).into_iter().chain(COMMANDS);
    let mut failed = Vec::new();
    for command in commands {
        let mut inside = debian.command(&format!("cd {SOURCES} && exec timeout --kill-after=10 {LIMIT} {command}"))?;
        if let Err(failure) = run::check(&mut inside) {
            eprintln!("{failure}");
            failed.push(command);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed on a bare Debian: {}", failed.join("; ")).into()) }
}
