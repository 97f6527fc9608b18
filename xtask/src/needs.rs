//! `cargo xtask needs`: what the tests use of the machine beyond Rust, and the line that installs what is not there.

use std::path::Path;

use crate::{Failure, conformance, msrv, programs, run, systems};

/// Programs that tests start, each with its package.
const PROGRAMS: [(&str, &str); 7] = [
    ("dnsmasq", "dnsmasq-base"),
    ("ip", "iproute2"),
    ("nc", "netcat-openbsd"),
    ("nft", "nftables"),
    ("redis-server", "redis-server"),
    ("socat", "socat"),
    ("strace", "strace"),
];
/// The browsers that may look at pages, as `site/browser.py` knows them; the first has its name from its package.
const BROWSERS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
/// The system's databases of services and protocols.
const DATABASES: [&str; 2] = ["/etc/services", "/etc/protocols"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Install it, by apt-get, as root
    #[arg(long)]
    install: bool,
}

/// Something that is not there.
pub(crate) struct Missing {
    /// Debian's package.
    package: String,
    /// What is not tested without it.
    without: &'static str,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let missing = missing();
    announce(&missing);
    if !arguments.install {
        return Ok(());
    }
    if !missing.is_empty() {
        install(&missing)?;
    }
    if systems::misses_compiler() {
        systems::fetch()?;
    }
    if msrv::misses_compiler() { msrv::fetch() } else { Ok(()) }
}

fn install(missing: &[Missing]) -> Result<(), Failure> {
    let environment = ("DEBIAN_FRONTEND", "noninteractive");
    run::check(run::command("apt-get", ["update", "-q"]).env(environment.0, environment.1))?;
    let mut install = run::command("apt-get", ["install", "-q", "-y", "--no-install-recommends"]);
    run::check(install.args(packages(missing)).env(environment.0, environment.1))
}

/// All that is missing, in the order in which it matters.
pub(crate) fn missing() -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut need = |is_there: bool, package: &str, without| {
        if !is_there && !missing.iter().any(|missing: &Missing| missing.package == package) {
            missing.push(Missing { package: package.to_owned(), without });
        }
    };
    let python = run::is_on_path("python3");
    need(python, "python3", "everything in Python");
    need(!python || can_make_environments(), "python3-venv", "everything in Python");
    need(has_databases(), "netbase", "services and protocols by name");
    for (program, package) in PROGRAMS {
        need(run::is_on_path(program), package, "the tests that use it");
    }
    need(BROWSERS.into_iter().any(run::is_on_path), BROWSERS[0], "the tests of pages in a browser");
    for (program, package) in programs::needs() {
        need(run::is_on_path(&program), &package, "the trials of real programs");
    }
    if let Some(package) = conformance::package_of_tests() {
        need(false, &package, "CPython's own tests");
    }
    need(run::is_on_path("debootstrap"), "debootstrap", "our tests on the newest Python");
    systems::missing_packages().into_iter().for_each(|package| need(false, package, "tests on other systems"));
    missing
}

/// One list, and the line that mends it.
pub(crate) fn announce(missing: &[Missing]) {
    if systems::misses_compiler() {
        println!("a compiler for other systems is not there: `cargo xtask needs --install` fetches one into target");
    }
    if msrv::misses_compiler() {
        println!("no Rust as old as the promised one is there: `cargo xtask needs --install` fetches one into target");
    }
    if missing.is_empty() {
        println!("nothing else is missing that tests use");
        return;
    }
    println!("not on this machine, and skipped without it:");
    missing.iter().for_each(|missing| println!("  {:<28} {}", missing.package, missing.without));
    println!("to install it:\n  apt-get install {}", packages(missing).join(" "));
}

/// Whether Python's tests can be run at all; why not.
pub(crate) fn no_python() -> Option<&'static str> {
    if !run::is_on_path("python3") {
        return Some("python3 is not installed");
    }
    (!can_make_environments()).then_some("python3 makes no virtual environments (Debian: python3-venv)")
}

/// Whether services and protocols have names here.
pub(crate) fn has_databases() -> bool {
    DATABASES.iter().all(|file| Path::new(file).exists())
}

fn can_make_environments() -> bool {
    run::is_installed("python3", ["-c", "import ensurepip, venv"])
}

/// The packages of the programs that tests start.
pub(crate) fn packages_of_programs() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(_, package)| *package)
}

fn packages(missing: &[Missing]) -> Vec<&str> {
    missing.iter().map(|missing| missing.package.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_missed() {
        assert!(run::is_on_path("sh") && !run::is_on_path("no-such-program"));
        let names = packages(&missing()).len();
        assert_eq!(names, missing().len());
    }
}
