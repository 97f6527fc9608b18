//! `cargo xtask docs`: the documentation of all crates.

use crate::{Failure, run};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Show it in a browser
    #[arg(long)]
    open: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut doc = run::cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
    run::check(doc.args(arguments.open.then_some("--open")))
}
