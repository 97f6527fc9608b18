//! The page of promises names tests; those have to be there.

use std::fs;

use crate::{Failure, workspace};

const PAGE: &str = "docs/promises.md";
/// What a path on the page begins with, and where that is.
const HOMES: [(&str, &str); 7] = [
    ("rs", "crates/shotclock/tests"),
    ("core", "crates/shotclock/src"),
    ("faults", "crates/shotclock-faults/tests"),
    ("warden", "crates/shotclock-warden/src"),
    ("cli", "crates/shotclock-cli/tests"),
    ("py", "python/tests"),
    ("xtask", "xtask/src"),
];

/// Fails if a test that the page names is not there.
pub(crate) fn check() -> Result<(), Failure> {
    eprintln!("+ every test that {PAGE} names is there");
    let page = fs::read_to_string(workspace::root().join(PAGE))?;
    let missing: Vec<&str> = tests(&page).filter(|test| !is_there(test)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{PAGE} names no test: {}", missing.join(", ")).into()) }
}

fn tests(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2).filter(|word| word.contains("::test_") || word.contains(".rs::"))
}

fn is_there(test: &str) -> bool {
    let Some((path, name)) = test.split_once("::") else { return false };
    let Some((home, file)) = path.split_once('/') else { return false };
    let home = HOMES.iter().find(|(short, _)| *short == home).map(|(_, home)| workspace::root().join(home));
    let text = home.and_then(|home| fs::read_to_string(home.join(file)).ok()).unwrap_or_default();
    ["fn ", "def "].iter().any(|word| text.contains(&format!("{word}{name}(")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_tests_that_there_are() {
        check().unwrap();
        assert!(
            tests("a `core/a.rs::b` and `c` | `py/test_d.py::test_e`").eq(["core/a.rs::b", "py/test_d.py::test_e"])
        );
        assert!(is_there("xtask/promises.rs::the_page_names_tests_that_there_are"));
        assert!(!is_there("xtask/promises.rs::another") && !is_there("nowhere/a.rs::b"));
    }
}
