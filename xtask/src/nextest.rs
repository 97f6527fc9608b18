//! nextest, and where it leaves its report: there the SKIP lines of tests that passed are found.

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
        let xml = fs::read_to_string(&self.report);
        let xml = xml.map_err(|error| format!("no report of nextest's: {}: {error}", self.report.display()))?;
        Ok(skips_in_junit(&xml))
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
