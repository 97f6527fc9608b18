//! `cargo xtask test`: every test of the project.

use std::fs;
use std::path::Path;

use crate::conformance::{self, Core};
use crate::summary::{self, Totals};
use crate::{Failure, python, run, skips, workspace};

/// A whole runner may take so long before it is ended, in seconds: the watchdog of those that have none per test.
const RUNNER_LIMIT: u32 = 1200;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave out the Python tests
    #[arg(long)]
    no_python: bool,
}

/// What all runners said together.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) closing: Vec<String>,
    pub(crate) skips: Vec<String>,
    pub(crate) totals: Totals,
    pub(crate) failures: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let target = workspace::target()?;
    let mut report = Report::default();
    rust_tests("Rust, default features of the core", &["--package=shotclock"], &target, &mut report)?;
    rust_tests("Rust, all features", &["--workspace", "--all-features"], &target, &mut report)?;
    let examples = run::cargo(["test", "--doc", "--workspace", "--all-features"]);
    report.add("documentation examples", &run::tee(&mut run::bounded(RUNNER_LIMIT, &examples))?);
    if arguments.no_python {
        report.skips.push(skips::announce("python", "--no-python"));
    } else {
        python_tests(&target, &mut report)?;
        conformance_tests(&target, &mut report)?;
    }
    report.conclude()
}

fn rust_tests(name: &str, packages: &[&str], target: &Path, report: &mut Report) -> Result<(), Failure> {
    if !run::is_installed("cargo", ["nextest", "--version"]) {
        let mut tests = run::cargo(["test", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"]);
        tests.args(packages).args(["--", "--show-output"]);
        let before = report.skips.len();
        report.add(name, &run::tee(&mut run::bounded(RUNNER_LIMIT, &tests))?);
        report.totals.reclassify((report.skips.len() - before) as u64);
        return Ok(());
    }
    let profile = if std::env::var_os("CI").is_some() { "ci" } else { "default" };
    let told = target.join("nextest").join(profile).join("junit.xml");
    // A file left from the last run must not be taken for this one's.
    let _ = fs::remove_file(&told);
    let mut tests = run::cargo(["nextest", "run", "--no-fail-fast", "--profile", profile]);
    report.add(name, &run::tee(tests.args(packages))?);
    let (skips, skipped) = skips_in_junit(&fs::read_to_string(told).unwrap_or_default());
    report.skips.extend(skips);
    report.totals.reclassify(skipped);
    Ok(())
}

fn python_tests(target: &Path, report: &mut Report) -> Result<(), Failure> {
    // pytest would test what was built last time.
    if run::check(&mut run::cargo(["build", "--workspace", "--all-features", "--bins", "--examples"])).is_err() {
        let unbuilt = run::Output { lines: Vec::new(), success: false };
        report.add("Python (its programs do not build)", &unbuilt);
        return Ok(());
    }
    let pytest = python::pytest(target)?;
    report.add("Python", &run::tee(&mut run::bounded(RUNNER_LIMIT, &pytest))?);
    Ok(())
}

fn conformance_tests(target: &Path, report: &mut Report) -> Result<(), Failure> {
    match conformance::core(target)? {
        Core::Runner(mut runner) => report.add("CPython's tests", &run::tee(&mut runner)?),
        Core::Unavailable(why) => report.skips.push(skips::announce("conformance", why)),
    }
    Ok(())
}

/// The SKIP lines that nextest kept for each test, and how many tests had any.
fn skips_in_junit(xml: &str) -> (Vec<String>, u64) {
    let (mut skips, mut tests) = (Vec::new(), 0);
    for test in xml.split("<testcase ").skip(1) {
        let before = skips.len();
        for line in test.lines() {
            // The first line stands behind a tag, the last before one; text itself has no raw angle brackets.
            let text = line.rsplit("<system-err>").next().and_then(|line| line.rsplit("<system-out>").next());
            let text = text.and_then(|line| line.split('<').next()).unwrap_or(line);
            skips.extend(skips::in_line(&unescape(text)));
        }
        tests += u64::from(skips.len() > before);
    }
    (skips, tests)
}

fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

impl Report {
    fn add(&mut self, name: &str, output: &run::Output) {
        let closing: Vec<&String> = output.lines.iter().filter(|line| summary::is_closing(line)).collect();
        let mut totals = Totals::default();
        closing.iter().for_each(|line| totals += Totals::of_line(line));
        self.closing.push(format!("{name}:"));
        self.closing.extend(closing.into_iter().cloned());
        self.skips.extend(output.lines.iter().filter_map(|line| skips::in_line(line)));
        if !output.success {
            self.failures.push(name.to_owned());
            // Without a failed test it did not build, or was ended: that must not look like success.
            totals.failed = totals.failed.max(1);
        }
        self.totals += totals;
    }

    /// Skips first, then what each runner closed with, then the totals as the last line.
    fn conclude(self) -> Result<(), Failure> {
        println!();
        let judged = skips::judge(&self.skips);
        self.closing.iter().for_each(|line| println!("{line}"));
        println!("{}", self.totals);
        judged?;
        if self.failures.is_empty() { Ok(()) } else { Err(format!("failed: {}", self.failures.join("; ")).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_are_found_in_nextest_s_file() {
        let xml = "<testcase name=\"a\">\n<system-out>\nrunning 1 test\ntest a ... ok\n</system-out>\n\
                   <system-err>SKIP dnsmasq: it&apos;s not &lt;here&gt;\nSKIP nft: no\n</system-err></testcase>\n\
                   <testcase name=\"b\"><system-err>no SKIP here\n</system-err></testcase>\n\
                   <testcase name=\"c\"><system-err>SKIP root: not root</system-err></testcase>";
        let (skips, tests) = skips_in_junit(xml);
        assert_eq!(skips, ["SKIP dnsmasq: it's not <here>", "SKIP nft: no", "SKIP root: not root"]);
        assert_eq!(tests, 2);
    }
}
