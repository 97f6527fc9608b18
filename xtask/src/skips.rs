//! Tests that could not run here say `SKIP what: why`. All are shown, and in CI only those on a list are let pass.

use std::fs;
use std::io::Write;

use crate::{Failure, workspace};

/// The list: one `what` a line, `#` begins a comment.
const ALLOWED: &str = ".ci/allowed-skips.txt";

/// Says that something is skipped, in the form that `judge` reads.
pub(crate) fn announce(what: &str, why: &str) -> String {
    let skip = format!("SKIP {what}: {why}");
    println!("{skip}");
    skip
}

/// The skip that a line of output speaks of, ours (`SKIP what: why`) or pytest's (`SKIPPED [2] file:12: why`).
pub(crate) fn in_line(line: &str) -> Option<String> {
    let line = line.trim();
    if line.starts_with("SKIP ") {
        return Some(line.to_owned());
    }
    let (_, place) = line.strip_prefix("SKIPPED [")?.split_once("] ")?;
    let (place, why) = place.split_once(": ")?;
    // The line number moves with every edit: it is no part of the name.
    let file = place.split_once(':').map_or(place, |(file, _)| file);
    Some(format!("SKIP {file}: {why}"))
}

/// Whether CI runs us, where what is skipped has to be on the list.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// Shows all skips again. In CI, one that is not on the list is an error.
pub(crate) fn judge(skips: &[String], out: &mut impl Write) -> Result<(), Failure> {
    let mut skips: Vec<&str> = skips.iter().map(String::as_str).collect();
    skips.sort_unstable();
    skips.dedup();
    for skip in &skips {
        writeln!(out, "{skip}")?;
    }
    if !in_ci() {
        return Ok(());
    }
    let list = fs::read_to_string(workspace::root().join(ALLOWED)).unwrap_or_default();
    match unlisted(&skips, &list).as_slice() {
        [] => Ok(()),
        unlisted => Err(format!("skipped, but not listed in {ALLOWED}:\n  {}", unlisted.join("\n  ")).into()),
    }
}

fn unlisted<'s>(skips: &[&'s str], list: &str) -> Vec<&'s str> {
    let allowed: Vec<&str> = list.lines().map(|line| line.split('#').next().unwrap_or("").trim()).collect();
    let what = |skip: &'s str| skip["SKIP ".len()..].split(": ").next().unwrap_or(skip);
    skips.iter().copied().filter(|skip| !allowed.contains(&what(skip))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_of_both_kinds_are_read() {
        assert_eq!(in_line("    SKIP dnsmasq: not installed").as_deref(), Some("SKIP dnsmasq: not installed"));
        let pytest = "SKIPPED [2] python/tests/test_names.py:14: needs root";
        assert_eq!(in_line(pytest).as_deref(), Some("SKIP python/tests/test_names.py: needs root"));
        assert_eq!(in_line("test a_skip ... ok"), None);
    }

    #[test]
    fn only_listed_skips_pass() {
        let list = "# a comment\ndnsmasq  # why\n";
        assert!(unlisted(&["SKIP dnsmasq: not installed"], list).is_empty());
        assert_eq!(unlisted(&["SKIP dnsmasq2: x", "SKIP nft: x"], list), ["SKIP dnsmasq2: x", "SKIP nft: x"]);
    }
}
