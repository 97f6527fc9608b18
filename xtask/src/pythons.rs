//! `cargo xtask pythons`: the newest interpreters, out of Debian's unstable suite, and our wheel in them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::debian::Debian;
use crate::{Failure, debian, needs, run, workspace};

const SUITE: &str = "sid";
const VERSIONS: [&str; 2] = ["3.14", "3.15"];
/// What each does then.
const PROGRAM: &str = "xtask/fresh/newest.py";
/// To make the Debian may take so long, in seconds.
const FETCH_LIMIT: u32 = 3600;

/// With what all of our tests compile there; those of CI do not.
const COMPILER: [&str; 2] = ["gcc", "libc6-dev"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the Debian; it is made if it is not there, and kept
    #[arg(long)]
    fetch: PathBuf,
}

/// Installs the wheel there, runs pytest with all warnings as errors, and measures what a start costs. Fails where one
/// of them does.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let debian = debian_within(&arguments.fetch, FETCH_LIMIT, &COMPILER)?;
    fs::copy(workspace::root().join(PROGRAM), debian.inside("/root/newest.py"))?;
    debian::put_wheel(&debian, &workspace::target()?)?;
    let failed: Vec<&str> = VERSIONS.into_iter().filter(|version| tried(&debian, version).is_err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed on Python {}", failed.join(", ")).into()) }
}

/// The Debian in this folder, with these interpreters, CPython's tests, the programs that tests start, and `more`; if it is not
/// there it is made, in so many seconds.
pub(crate) fn debian_within(folder: &Path, seconds: u32, more: &[&str]) -> Result<Debian, Failure> {
    let pythons = VERSIONS.iter().flat_map(|version| {
        [format!("python{version}"), format!("python{version}-venv"), format!("libpython{version}-testsuite")]
    });
    let programs = ["ca-certificates", "netbase"].into_iter().chain(needs::packages_of_programs()).map(str::to_owned);
    let packages: Vec<String> = pythons.chain(programs).collect();
    let packages: Vec<&str> = packages.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Debian::in_folder_within(folder, SUITE, &packages, seconds)
}

fn tried(debian: &Debian, version: &str) -> Result<(), Failure> {
    let python = debian::environment(debian, version, "warnings", "pytest")?;
    let script = format!(
        "set -e; cd /root
        {python} -W error -c 'import sys; assert not [name for name in sys.modules if \"shotclock\" in name]'
        mkdir -p a-test && cd a-test && echo 'def test_it(misbehaving_peer): misbehaving_peer(\"silent\")' > test_it.py
        for switch in 0 1; do SHOTCLOCK=$switch {python} -W error -m pytest -q -W error; done
        {python} -W error /root/newest.py"
    );
    run::check(&mut debian.command(&script)?)
}
