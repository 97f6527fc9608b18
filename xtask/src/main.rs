//! Every chore of the project by name: `cargo xtask --help`.

mod bench;
mod conformance;
mod debian;
mod docs;
mod failure;
mod fresh;
mod fuzz;
mod homes;
mod lint;
mod matrix;
mod msrv;
mod needs;
mod newest;
mod nextest;
mod preload;
mod programs;
mod promises;
mod python;
mod pythons;
mod release;
mod rooms;
mod run;
mod sanitize;
mod skips;
mod stub;
mod summary;
mod systems;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use failure::Failure;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the project; CI runs only these")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run all tests: Rust, documentation examples, Python
    Test(test::Arguments),
    /// Run CPython's own tests over our sockets, compared test by test with the stock module
    Conformance(conformance::Arguments),
    /// List what the tests use of the machine and is not there; install it
    Needs(needs::Arguments),
    /// Run the two commands of the README on a bare Debian, made in a folder
    Fresh(fresh::Arguments),
    /// Fetch the newest Pythons into a folder, and try our wheel in them
    Pythons(pythons::Arguments),
    /// Check, link or test on other systems, each as far as it goes here; without a name the table of them
    Systems(systems::Arguments),
    /// Formatting, clippy, documentation, the one-loop rule, the oldest Rust, licences
    Lint,
    /// Build the documentation
    Docs(docs::Arguments),
    /// Build what a release uploads, install it in empty places, and try it there
    Release(release::Arguments),
    /// Run a benchmark and print its table
    Bench(bench::Arguments),
    /// Try every operation that can block at every fault that can befall it, beside other sockets
    Matrix(matrix::Arguments),
    /// Run real programs at peers that leave them waiting, under `shotclock run`
    Programs(programs::Arguments),
    /// Run every fuzz target for a while
    Fuzz(fuzz::Arguments),
    /// Run the core's wake-up tests under ThreadSanitizer
    Sanitize,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Conformance(arguments) => conformance::run(&arguments),
        Chore::Needs(arguments) => needs::run(&arguments),
        Chore::Fresh(arguments) => fresh::run(&arguments),
        Chore::Pythons(arguments) => pythons::run(&arguments),
        Chore::Systems(arguments) => systems::run(&arguments),
        Chore::Lint => lint::run(),
        Chore::Docs(arguments) => docs::run(&arguments),
        Chore::Release(arguments) => release::run(&arguments),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Matrix(arguments) => matrix::run(&arguments),
        Chore::Programs(arguments) => programs::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Sanitize => sanitize::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
