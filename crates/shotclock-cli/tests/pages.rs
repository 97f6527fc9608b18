//! `shotclock man`, `share`: manual pages that say what the help says.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::path::Path;

use programs::{run, shotclock, text};

/// The long options in a text.
fn options(text: &str) -> Vec<String> {
    // roff writes a dash that is no hyphen with a backslash before it.
    let plain = text.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "");
    let words = plain.split(|end: char| !end.is_ascii_alphanumeric() && end != '-');
    let mut found: Vec<String> =
        words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn each_page_has_every_option_of_its_help() {
    for name in ["", "demo", "serve", "send", "resolve", "faults", "completions", "man"] {
        let (help, _) = run(&format!("{name} --help"));
        let (page, code) = run(&format!("man {name}"));
        assert_eq!(code, 0, "{name}: {}", text(&page.stderr));
        let (help, page) = (text(&help.stdout), text(&page.stdout));
        assert!(page.starts_with(".ie") || page.contains(".TH "), "{page}");
        let there = options(&page);
        for option in options(&help) {
            assert!(there.contains(&option), "{name}: {option} is not in {page}");
        }
        for (heading, section) in [("\nExamples:\n", "EXAMPLES"), ("\nExit codes:\n", "\"EXIT CODES\"")] {
            let has_section = page.contains(&format!(".SH {section}"));
            assert!(has_section || !help.contains(heading), "{name}: {section}: {page}");
        }
    }
    let (faults, _) = run("man faults");
    assert!(text(&faults.stdout).contains(".SH MODES"), "{}", text(&faults.stdout));
    let (_, code) = run("man nosuch");
    assert_eq!(code, 2);
}

#[test]
fn a_package_gets_pages_and_completions() {
    let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("share-prefix");
    let _not_there = std::fs::remove_dir_all(&prefix);
    let output = shotclock(["share".as_ref(), prefix.as_os_str()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = text(&output.stdout);
    for file in [
        "share/man/man1/shotclock.1",
        "share/man/man1/shotclock-send.1",
        "share/bash-completion/completions/shotclock",
        "share/zsh/site-functions/_shotclock",
        "share/fish/vendor_completions.d/shotclock.fish",
    ] {
        let path = prefix.join(file);
        assert!(std::fs::read(&path).is_ok_and(|text| !text.is_empty()), "{file}");
        assert!(written.lines().any(|line| Path::new(line) == path), "{written}");
    }
    assert!(!prefix.join("share/man/man1/shotclock-share.1").exists(), "what is hidden has no page");
    std::fs::remove_dir_all(&prefix).unwrap();
    let output = shotclock(["share", "/dev/null/prefix"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/dev/null/prefix/share/man"), "{}", text(&output.stderr));
}
