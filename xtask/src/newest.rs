//! Our own tests in the Debian that `cargo xtask pythons` makes: some on the newest Python, a part of `cargo xtask test`, and
//! on request all of them, on one of its interpreters.

use std::path::Path;
use std::process::Command;

use crate::debian::Debian;
use crate::{Failure, debian, pythons, run, workspace};

const VERSION: &str = "3.15";
/// Where the Debian lies, in target; it is kept.
const FOLDER: &str = "pythons";
/// To make the Debian may take so long, in seconds: some 200 MB are fetched.
const FETCH_LIMIT: u32 = 1200;
/// The tests of what follows the interpreter: arguments, addresses, objects of its own, its functions with hooks, files,
/// TLS, start and end. What is left out waits by our own loop, or browses; it is run on this machine's Python.
const TESTS: &[&str] = &[
    "accepted",
    "ancillary",
    "cancel",
    "chain",
    "close",
    "descriptors",
    "edges",
    "exit",
    "file_programs",
    "files_in_scopes",
    "fork",
    "fuzz",
    "graft",
    "like_the_interpreter",
    "lists_in_calls",
    "main",
    "mount",
    "on_import",
    "parity_addresses",
    "parity_functions",
    "parity_messages",
    "parity_options",
    "parity_timeouts",
    "pytest_plugin",
    "recv_exact",
    "startup",
    "tls_guard",
    "types",
    "unknown_interpreter",
    "waits_hooks",
    "waits_now",
    "waits_pipes",
];

/// The tests there, or why they cannot be run.
pub(crate) enum Newest {
    Tests(Command),
    Unavailable(String),
}

/// pytest on some of them, on the newest Python.
pub(crate) fn tests(target: &Path) -> Result<Newest, Failure> {
    let folder = target.join(FOLDER);
    if !run::is_installed("unshare", ["--mount", "--pid", "--fork", "true"]) {
        return Ok(Newest::Unavailable("cannot make a mount namespace; needs root".to_owned()));
    }
    let debian = match pythons::debian_within(&folder, FETCH_LIMIT, &[]) {
        Ok(debian) => debian,
        Err(failure) => return Ok(Newest::Unavailable(format!("no Debian with it: {failure}"))),
    };
    let files: Vec<String> = TESTS.iter().map(|name| format!("python/tests/test_{name}.py")).collect();
    Ok(Newest::Tests(pytest(&debian, VERSION, &files.join(" "), target)?))
}

/// All of the tests, on this series of Python of a Debian that lies in this folder.
pub(crate) fn all_tests(folder: &Path, series: &str, target: &Path) -> Result<Command, Failure> {
    pytest(&Debian::at(folder)?, series, "python/tests", target)
}

/// pytest there, on what is named, in a virtual environment with our wheel.
fn pytest(debian: &Debian, series: &str, named: &str, target: &Path) -> Result<Command, Failure> {
    debian::put_wheel(debian, target)?;
    let root = workspace::root().display();
    let wanted = format!("--requirement {root}/python/requirements-test.txt");
    let python = debian::environment(debian, series, "tests", &wanted)?;
    let pytest = format!("cd {root}; exec {python} -m pytest -rfEs --color=no {named}");
    let mut tests = debian.command(&pytest)?;
    // The sources and what is built of them lie there at the same places.
    tests.env("SHOWN", format!("{root}:{}", target.display()));
    tests.env("SHOTCLOCK_BIN", target.join("debug").join("shotclock"));
    tests.env("SHOTCLOCK_EXAMPLES", target.join("debug").join("examples"));
    tests.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_tests_is_there() {
        let folder = workspace::root().join("python/tests");
        TESTS.iter().for_each(|name| assert!(folder.join(format!("test_{name}.py")).is_file(), "{name}"));
    }
}
