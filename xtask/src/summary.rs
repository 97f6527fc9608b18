//! The closing lines of test runners, and their totals.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Totals {
    /// The counts in a closing line; all zero if there are none in it.
    pub(crate) fn of_line(line: &str) -> Self {
        let mut totals = Self::default();
        let words: Vec<&str> = line.split([' ', ',', ';', '(', ')', '=']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                // "ok" is what the conformance runner says.
                "passed" | "xfailed" | "ok" => totals.passed += count,
                // nextest: "2 timed out", "1 exec failed"; pytest: "1 error"; conformance: what is worse than stock.
                "failed" | "timed" | "exec" | "error" | "errors" | "xpassed" => totals.failed += count,
                "regressions" | "newly" | "missing" | "unexpected" | "unproved" => totals.failed += count,
                "skipped" | "ignored" => totals.skipped += count,
                _ => {}
            }
        }
        totals
    }

    /// Counts tests that passed only because they skipped themselves as skipped.
    pub(crate) fn reclassify(&mut self, skipped: u64) {
        let moved = skipped.min(self.passed);
        self.passed -= moved;
        self.skipped += moved;
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The test that failed by this line of a runner's, if it says so.
pub(crate) fn failed_test(line: &str) -> Option<&str> {
    let line = line.trim();
    let libtest = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED"));
    let nextest = ["FAIL [", "TIMEOUT [", "LEAK-FAIL [", "SIGABRT [", "SIGSEGV ["].iter().find_map(|word| {
        let (_, test) = line.strip_prefix(word)?.split_once(']')?;
        // Its place among all, where it is told while they run.
        let test = test.trim();
        Some(test.strip_prefix('(').and_then(|test| test.split_once(") ")).map_or(test, |(_, test)| test))
    });
    // With the reason behind it.
    let pytest =
        ["FAILED ", "ERROR "].iter().find_map(|word| line.strip_prefix(word)).filter(|test| test.contains(".py"));
    libtest.or(nextest).or(pytest)
}

/// Whether this is the line with which nextest, cargo test, pytest or the conformance runner sums up.
pub(crate) fn is_closing(line: &str) -> bool {
    let line = line.trim();
    let nextest = line.starts_with("Summary [");
    let libtest = line.starts_with("test result:");
    let pytest = line.ends_with('=') && line.contains(" in ") && Totals::of_line(line) != Totals::default();
    let conformance = line.starts_with("conformance ") && line.contains(" tests, ");
    nextest || libtest || pytest || conformance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let cases = [
            (
                "     Summary [   0.005s] 9 tests run: 6 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 4 skipped",
                6,
                3,
                4,
            ),
            ("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.1s", 3, 0, 1),
            ("=========== 2 failed, 5 passed, 1 skipped, 1 error in 0.12s ===========", 5, 3, 1),
            ("conformance 3.13.0 graft: 9 tests, 5 ok, 3 skipped (stock: 6 and 3), 1 regressions, 2 missing", 5, 3, 3),
        ];
        for (line, passed, failed, skipped) in cases {
            assert!(is_closing(line), "{line}");
            assert_eq!(Totals::of_line(line), Totals { passed, failed, skipped }, "{line}");
        }
        for other in ["test a ... ok", "==== FAILURES ====", "3 passed", "==== test session starts ===="] {
            assert!(!is_closing(other), "{other}");
        }
    }

    #[test]
    fn failed_tests_are_named() {
        let cases = [
            ("test a::b ... FAILED", Some("a::b")),
            ("        FAIL [   0.004s] (12/15) shotclock::names a_name", Some("shotclock::names a_name")),
            ("     TIMEOUT [  60.000s] shotclock::files a_file", Some("shotclock::files a_file")),
            (
                "FAILED python/tests/test_a.py::test_b - assert 1 == 2",
                Some("python/tests/test_a.py::test_b - assert 1 == 2"),
            ),
            ("test a ... ok", None),
            ("FAILED (failures=1)", None),
        ];
        for (line, test) in cases {
            assert_eq!(failed_test(line), test, "{line}");
        }
    }

    #[test]
    fn a_test_that_skipped_itself_did_not_pass() {
        let mut totals = Totals { passed: 5, failed: 0, skipped: 1 };
        totals.reclassify(2);
        assert_eq!(totals.to_string(), "3 passed, 0 failed, 3 skipped");
    }
}
