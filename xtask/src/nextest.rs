//! nextest, and where it leaves its report: there the SKIP lines of tests that passed are found, and why others failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, run, skips};

/// One run, whose report goes to a place that we have named.
pub(crate) struct Nextest {
    pub(crate) command: Command,
    report: PathBuf,
}

impl Nextest {
    pub(crate) fn is_installed() -> bool {
        run::is_installed("cargo", ["nextest", "--version"])
    }

    /// By itself nextest writes into the workspace's `target`, wherever cargo's target directory is.
    pub(crate) fn in_target(target: &Path) -> Result<Self, Failure> {
        let profile = if skips::in_ci() { "ci" } else { "default" };
        let store = target.join("nextest");
        let config = store.join("store.toml");
        fs::create_dir_all(&store)?;
        fs::write(&config, format!("[store]\ndir = {:?}\n", store.display().to_string()))?;
        let report = store.join(profile).join("junit.xml");
        // A file left from the last run must not be taken for this one's.
        if report.exists() {
            fs::remove_file(&report)?;
        }
        let mut command = run::cargo(["nextest", "run", "--no-fail-fast", "--profile", profile]);
        command.arg("--tool-config-file").arg(format!("xtask:{}", config.display()));
        Ok(Self { command, report })
    }

    /// The SKIP lines of its tests, and how many tests had any. An error if there is no report: then nobody knows.
    pub(crate) fn skips(&self) -> Result<(Vec<String>, u64), Failure> {
        Ok(skips_in_junit(&self.xml()?))
    }

    /// Each test that failed, as its lines name it, with the beginning of what it said.
    pub(crate) fn failures(&self) -> Result<Vec<(String, String)>, Failure> {
        Ok(failures_in_junit(&self.xml()?))
    }

    fn xml(&self) -> Result<String, Failure> {
        let xml = fs::read_to_string(&self.report);
        xml.map_err(|error| format!("no report of nextest's: {}: {error}", self.report.display()).into())
    }
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

/// So much of what a failed test said is told in the summary.
const TOLD: usize = 300;

fn failures_in_junit(xml: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, value) = tag.split_once(&format!(" {name}=\""))?;
        Some(unescape(value.split_once('"')?.0))
    };
    let of_test = |test: &str| {
        let (tag, rest) = test.split_once('>')?;
        let (_, said) = rest.split_once("<failure").or_else(|| rest.split_once("<error"))?;
        let (failure, said) = said.split_once('>')?;
        let tag = format!(" {tag}");
        let name = format!("{} {}", attribute(&tag, "classname")?, attribute(&tag, "name")?);
        let text = unescape(said.split('<').next().unwrap_or_default());
        let text = if text.trim().is_empty() { attribute(failure, "message").unwrap_or_default() } else { text };
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some((name, line.chars().take(TOLD).collect()))
    };
    xml.split("<testcase ").skip(1).filter_map(of_test).collect()
}

fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_report_nobody_knows_what_was_skipped() {
        let target = std::env::temp_dir().join(format!("xtask-nextest-{}", std::process::id()));
        let run = Nextest::in_target(&target).unwrap();
        let missed = run.skips().unwrap_err().to_string();
        assert!(missed.contains("junit.xml"), "{missed}");
        fs::create_dir_all(run.report.parent().unwrap()).unwrap();
        fs::write(&run.report, "<testcase name=\"a\"><system-err>SKIP b: c</system-err></testcase>").unwrap();
        assert_eq!(run.skips().unwrap(), (vec!["SKIP b: c".to_owned()], 1));
        assert!(Nextest::in_target(&target).unwrap().skips().is_err(), "one of an earlier run");
        fs::remove_dir_all(target).unwrap();
    }

    #[test]
    fn why_a_test_failed_is_found_in_nextest_s_file() {
        let xml = "<testcase name=\"a\" classname=\"crate::b\" time=\"0.1\"><failure message=\"thread &apos;a&apos; \
                   panicked\" type=\"test failure\">thread &apos;a&apos; panicked at b.rs:1:\n\n  1 &gt; 2\n</failure>\
                   </testcase><testcase name=\"c\" classname=\"d\"></testcase>\
                   <testcase name=\"e\" classname=\"d\"><failure message=\"timed out\" type=\"t\"/></testcase>";
        let told = failures_in_junit(xml);
        let expected = [("crate::b a", "thread 'a' panicked at b.rs:1: 1 > 2"), ("d e", "timed out")];
        assert_eq!(told, expected.map(|(test, why)| (test.to_owned(), why.to_owned())));
    }

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
