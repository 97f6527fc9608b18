//! `cargo xtask test`: every test of the project.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::conformance::{self, Core, Elsewhere};
use crate::newest::{self, Newest};
use crate::nextest::Nextest;
use crate::summary::{self, Totals};
use crate::{Failure, needs, programs, python, run, skips, systems, workspace};

/// A whole runner may take so long before it is ended, in seconds: the watchdog of those that have none per test.
const RUNNER_LIMIT: u32 = 2400;

/// The part on the newest Python.
const NEWEST: &str = "Python, the newest";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave out the Python tests
    #[arg(long)]
    no_python: bool,
    /// Only our own tests on the newest Python, which Debian's unstable suite has
    #[arg(long)]
    newest: bool,
    /// Only our own Python tests, all of them, on this interpreter: a program, or `DIR:3.15` of the folder that
    /// `cargo xtask pythons --fetch DIR` makes; may be given again
    #[arg(long, value_name = "INTERPRETER")]
    python: Vec<String>,
}

/// What all runners said together.
#[derive(Default)]
struct Report {
    closing: Vec<String>,
    skips: Vec<String>,
    totals: Totals,
    failures: Vec<String>,
}

/// Runs all that can be run here, whatever fails or is missing, and sums up.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let target = workspace::target()?;
    needs::announce(&needs::missing());
    let mut report = Report::default();
    if arguments.newest {
        report.part(NEWEST, |report, name| newest_python_tests(name, &target, report));
        return report.conclude(&mut std::io::stdout());
    }
    if !arguments.python.is_empty() {
        for interpreter in &arguments.python {
            report.part(&format!("Python, {interpreter}"), |report, name| {
                python_tests_on(interpreter, name, &target, report)
            });
        }
        return report.conclude(&mut std::io::stdout());
    }
    report.part("Rust, default features of the core", |report, name| {
        rust_tests(name, &["--package=shotclock"], &target, report)
    });
    report.part("Rust, all features", |report, name| {
        rust_tests(name, &["--workspace", "--all-features"], &target, report)
    });
    report.part("documentation examples", |report, name| documentation_examples(name, report));
    other_systems(&mut report);
    report.part("real programs", |report, name| real_programs(name, &target, report));
    if arguments.no_python {
        report.skip("python", "--no-python");
    } else if let Some(why) = needs::no_python() {
        report.skip("python", why);
        report.skip("conformance", why);
    } else {
        report.part("Python", |report, name| python_tests(name, &target, report));
        report.part(NEWEST, |report, name| newest_python_tests(name, &target, report));
        report.part("CPython's tests", |report, name| conformance_tests(name, &target, report));
    }
    report.conclude(&mut std::io::stdout())
}

fn rust_tests(name: &str, packages: &[&str], target: &Path, report: &mut Report) -> Result<(), Failure> {
    if !Nextest::is_installed() {
        let mut tests = run::cargo(["test", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"]);
        tests.args(packages);
        // Compiling is not the tests' time.
        let mut build = run::cargo(["test", "--no-run", "--lib", "--bins", "--tests", "--examples"]);
        run::check(build.args(packages))?;
        // Some tests run examples, of which the above makes none but their tests.
        run::check(run::cargo(["build", "--examples"]).args(packages))?;
        let before = report.skips.len();
        tests.args(["--", "--show-output"]);
        report.add(name, &run::tee(&mut run::bounded(RUNNER_LIMIT, &tests))?);
        report.totals.reclassify((report.skips.len() - before) as u64);
        return Ok(());
    }
    let mut nextest = Nextest::in_target(target)?;
    let output = run::tee(nextest.command.args(packages))?;
    let told = if output.success { Vec::new() } else { nextest.failures().unwrap_or_default() };
    report.add_telling(name, &output, &told);
    let (skips, skipped) = nextest.skips()?;
    report.skips.extend(skips);
    report.totals.reclassify(skipped);
    Ok(())
}

fn documentation_examples(name: &str, report: &mut Report) -> Result<(), Failure> {
    let mut examples = run::cargo(["test", "--doc", "--workspace", "--all-features"]);
    if !needs::has_databases() {
        report.skip("documentation of services and protocols", "they have no names here (Debian: netbase)");
        examples.args(["--", "--skip", "names/services.rs"]);
    }
    report.add(name, &run::tee(&mut run::bounded(RUNNER_LIMIT, &examples))?);
    Ok(())
}

fn other_systems(report: &mut Report) {
    for system in systems::that_run() {
        report.part(system.target, |report, name| {
            match systems::obstacle(system)? {
                Some(why) => report.skip(name, &why),
                None => {
                    let before = report.skips.len();
                    report.add(name, &systems::test(system)?);
                    report.totals.reclassify((report.skips.len() - before) as u64);
                }
            }
            Ok(())
        });
    }
}

fn real_programs(name: &str, target: &Path, report: &mut Report) -> Result<(), Failure> {
    if !run::is_on_path("python3") {
        report.skip(name, "python3 is not installed");
        return Ok(());
    }
    report.add(name, &programs::short(target)?);
    Ok(())
}

fn python_tests(name: &str, target: &Path, report: &mut Report) -> Result<(), Failure> {
    build_programs()?;
    let pytest = python::pytest(target)?;
    report.add(name, &run::tee(&mut run::bounded(RUNNER_LIMIT, &pytest))?);
    Ok(())
}

fn python_tests_on(interpreter: &str, name: &str, target: &Path, report: &mut Report) -> Result<(), Failure> {
    build_programs()?;
    let tests = match Elsewhere::named(interpreter) {
        Some(Elsewhere { folder, series }) => newest::all_tests(&folder, &series, target)?,
        None => python::pytest_on(interpreter, target)?,
    };
    report.add(name, &run::tee(&mut run::bounded(RUNNER_LIMIT, &tests))?);
    Ok(())
}

/// Without this pytest would test what was built last time.
fn build_programs() -> Result<(), Failure> {
    run::check(&mut run::cargo(["build", "--workspace", "--all-features", "--bins", "--examples"]))
}

fn newest_python_tests(name: &str, target: &Path, report: &mut Report) -> Result<(), Failure> {
    build_programs()?;
    match newest::tests(target)? {
        Newest::Tests(tests) => report.add(name, &run::tee(&mut run::bounded(RUNNER_LIMIT, &tests))?),
        Newest::Unavailable(why) => report.skip("newest-python", &why),
    }
    Ok(())
}

fn conformance_tests(name: &str, target: &Path, report: &mut Report) -> Result<(), Failure> {
    match conformance::core(target)? {
        Core::Runner(mut runner) => report.add(name, &run::tee(&mut runner)?),
        Core::Unavailable(why) => report.skip("conformance", why),
    }
    Ok(())
}

impl Report {
    /// Runs one part. If that cannot be done it has failed, and the others are run all the same.
    fn part(&mut self, name: &str, run: impl FnOnce(&mut Self, &str) -> Result<(), Failure>) {
        let begun = Instant::now();
        if let Err(failure) = run(self, name) {
            eprintln!("{name}: {failure}");
            self.failures.push(format!("{name}: {failure}"));
            self.totals.failed += 1;
        }
        self.closing.push(format!("{name}, with compiling: {} s", begun.elapsed().as_secs()));
    }

    fn skip(&mut self, what: &str, why: &str) {
        self.skips.push(skips::announce(what, why));
    }

    fn add(&mut self, name: &str, output: &run::Output) {
        self.add_telling(name, output, &[]);
    }

    /// As `add`, with what is known of why tests failed: who reads the end of a log may have no more of it.
    fn add_telling(&mut self, name: &str, output: &run::Output, told: &[(String, String)]) {
        let closing: Vec<&String> = output.lines.iter().filter(|line| summary::is_closing(line)).collect();
        let mut totals = Totals::default();
        closing.iter().for_each(|line| totals += Totals::of_line(line));
        self.closing.push(format!("{name}:"));
        self.closing.extend(closing.into_iter().cloned());
        self.skips.extend(output.lines.iter().filter_map(|line| skips::in_line(line)));
        if !output.success {
            let mut failed: Vec<&str> = output.lines.iter().filter_map(|line| summary::failed_test(line)).collect();
            failed.sort_unstable();
            failed.dedup();
            // The test's own harness names it as well, below its program.
            let is_named_twice =
                |test: &str| told.iter().any(|(full, _)| full.strip_suffix(test).is_some_and(|p| p.ends_with(' ')));
            failed.retain(|test| !is_named_twice(test));
            // Without a failed test it did not build, or was ended: that must not look like success.
            let reasons = if failed.is_empty() { vec!["it did not come to its end"] } else { failed };
            let why = |test: &str| {
                let why = told.iter().find(|(full, _)| full == test);
                why.map_or_else(|| test.to_owned(), |(test, why)| format!("{test} - {why}"))
            };
            self.failures.extend(reasons.into_iter().map(|reason| format!("{name}: {}", why(reason))));
            totals.failed = totals.failed.max(1);
        }
        self.totals += totals;
    }

    /// Skips first, then what each runner closed with, then what failed, then the totals as the last line.
    fn conclude(self, out: &mut impl Write) -> Result<(), Failure> {
        writeln!(out)?;
        let judged = skips::judge(&self.skips, out);
        for line in &self.closing {
            writeln!(out, "{line}")?;
        }
        for failure in &self.failures {
            writeln!(out, "FAILED {failure}")?;
        }
        writeln!(out, "{}", self.totals)?;
        judged?;
        if self.failures.is_empty() { Ok(()) } else { Err(format!("{} failed, see above", self.failures.len()).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_cannot_be_run_loses_no_other() {
        let mut report = Report::default();
        report.part("first", |_, _| Err("no interpreter".into()));
        let lines = ["test a ... FAILED", "test result: FAILED. 2 passed; 1 failed; 0 ignored"].map(str::to_owned);
        report.part("second", |report, name| {
            report.add(name, &run::Output { lines: lines.to_vec(), success: false });
            Ok(())
        });
        assert_eq!(report.failures, ["first: no interpreter", "second: a"]);
        assert_eq!(report.totals.to_string(), "2 passed, 2 failed, 0 skipped");
        // Not to standard output: this runs under the chore itself, which counts what looks like a summary.
        let mut said = Vec::new();
        assert!(report.conclude(&mut said).is_err());
        let said = String::from_utf8(said).unwrap();
        assert!(said.ends_with("FAILED second: a\n2 passed, 2 failed, 0 skipped\n"), "{said}");
    }

    #[test]
    fn a_failed_test_is_told_once_and_with_its_reason() {
        let mut report = Report::default();
        let lines = ["test a::b ... FAILED", "        FAIL [   0.004s] (1/2) shotclock::names a::b"].map(str::to_owned);
        let told = [("shotclock::names a::b".to_owned(), "1 > 2".to_owned())];
        report.add_telling("Rust", &run::Output { lines: lines.to_vec(), success: false }, &told);
        assert_eq!(report.failures, ["Rust: shotclock::names a::b - 1 > 2"]);
    }

    #[test]
    fn a_runner_that_was_ended_has_failed() {
        let mut report = Report::default();
        report.add("ended", &run::Output { lines: Vec::new(), success: false });
        assert_eq!(report.failures, ["ended: it did not come to its end"]);
    }
}
