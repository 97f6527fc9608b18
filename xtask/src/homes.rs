//! Each thing that waits, and each way to the system, has one home. clippy bans the calls it can resolve; this looks
//! at the words, so that a raw number or a macro cannot slip by.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Failure, workspace};

/// A word, and the path prefixes of the files where it may stand.
type Rule = (&'static str, &'static [&'static str]);

/// Of the timeouts that the system keeps.
const TIMEOUTS: [&str; 3] = [
    "crates/shotclock/src/sys/unix/brief.rs",
    "crates/shotclock/src/sys/unix/timeouts.rs",
    "crates/shotclock/src/sys/windows/timeouts.rs",
];

const RULES: [Rule; 28] = [
    // The loop asks its waiter, whose one home is beside it.
    (
        "poll(",
        &[
            "crates/shotclock/src/sys/unix/mod.rs",
            "crates/shotclock/src/sys/windows/poll.rs",
            "crates/shotclock/src/sys/stub/mod.rs",
            "crates/shotclock/src/wait/waiter.rs",
        ],
    ),
    ("ppoll", &["crates/shotclock/src/sys/unix/mod.rs"]),
    // What the warden reads of the calls that others sit in.
    ("epoll_wait", &["crates/shotclock-warden/src/system/call.rs"]),
    ("epoll_pwait", &[]),
    ("select(", &[]),
    ("pselect", &[]),
    ("thread::sleep", &[]),
    ("nanosleep", &[]),
    ("park_timeout", &[]),
    ("wait_timeout", &["crates/shotclock/src/sys/alarm.rs"]),
    ("recv_timeout(", &[]),
    ("WaitForMultipleObjects", &["crates/shotclock/src/sys/windows/event.rs"]),
    ("WaitForSingleObject", &["crates/shotclock/src/sys/windows/event.rs"]),
    ("SO_RCVTIMEO", &TIMEOUTS),
    ("SO_SNDTIMEO", &TIMEOUTS),
    // Sockets have methods of those names, of timeouts that no system keeps; and what a conversion takes over from std's types
    // has an example.
    ("set_read_timeout(", &["crates/shotclock/src/socket/"]),
    ("set_write_timeout(", &["crates/shotclock/src/socket/"]),
    ("libc::", &["crates/shotclock/src/sys/", "crates/shotclock-warden/src/system/"]),
    ("rustix::", &["crates/shotclock/src/sys/", "crates/shotclock-warden/src/system/"]),
    ("windows_sys::", &["crates/shotclock/src/sys/windows/"]),
    ("std::os::windows", &["crates/shotclock/src/sys/windows/", "crates/shotclock-cli/src/system.rs"]),
    // The tables of names, and what only the Python face asks for; whatever does something with a number is in `sys`.
    (
        "c::",
        &[
            "crates/shotclock/src/sys/",
            "crates/shotclock/src/constant.rs",
            "crates/shotclock/src/option/named.rs",
            "crates/shotclock/src/unstable.rs",
        ],
    ),
    // The core has handles, which its contract with a platform names; its faces are Unix programs.
    (
        "std::os::fd",
        &[
            "crates/shotclock/src/sys/",
            "crates/shotclock-warden/src/system/",
            "crates/shotclock-py/",
            "crates/shotclock-cli/",
        ],
    ),
    // A descriptor's number is turned into a descriptor for one try, where it is sure that the number is still the right
    // one: `lent.rs` looks, and the others were given it a moment ago.
    (
        "borrow_raw(",
        &[
            "crates/shotclock/src/sys/",
            "crates/shotclock-py/src/wait/lent.rs",
            "crates/shotclock-py/src/functions/descriptor.rs",
            "crates/shotclock-py/src/hooks/descriptor.rs",
            "crates/shotclock-py/src/socket/habit.rs",
            "crates/shotclock-py/src/mount/own_type.rs",
            "crates/shotclock-py/src/wait/policy.rs",
            "crates/shotclock-py/src/methods/sendfile.rs",
            "crates/shotclock-py/src/socket/unblocked.rs",
            "crates/shotclock-py/src/socket/waiting.rs",
        ],
    ),
    ("BorrowedFd<'static>", &[]),
    // Up to 3.13 the interpreter ends a thread that comes back to it at its end by unwinding, which `capi.rs` stops for
    // each function in which that can happen: so no other file has the bindings, or declares a function by itself.
    ("pyo3_ffi", &["crates/shotclock-py/src/ffi/capi.rs"]),
    ("extern \"C\" {", &["crates/shotclock/src/sys/"]),
    ("extern \"C-unwind\" {", &["crates/shotclock-py/src/ffi/capi.rs"]),
];

/// Looks through the sources of all crates.
pub(crate) fn check() -> Result<(), Failure> {
    eprintln!("+ one home for each wait and each way to the system");
    let mut found = Vec::new();
    for file in sources()? {
        let name = file.strip_prefix(workspace::root())?.to_string_lossy().into_owned();
        found.extend(strays(&name, &fs::read_to_string(&file)?));
    }
    if found.is_empty() { Ok(()) } else { Err(format!("away from home:\n  {}", found.join("\n  ")).into()) }
}

fn sources() -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for member in fs::read_dir(workspace::root().join("crates"))? {
        let source = member?.path().join("src");
        if source.is_dir() {
            collect(&source, &mut files)?;
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The lines with a word away from its home. Tests are left to clippy: they may ask libc for a second opinion.
fn strays(file: &str, text: &str) -> Vec<String> {
    if file.ends_with("tests.rs") {
        return Vec::new();
    }
    let code = text.lines().zip(1..).take_while(|(line, _)| *line != "#[cfg(test)]");
    let code = code.filter(|(line, _)| !line.trim_start().starts_with("//"));
    code.flat_map(|(line, number)| {
        let broken = RULES
            .iter()
            .filter(move |(word, homes)| holds_word(line, word) && !homes.iter().any(|home| file.starts_with(home)));
        broken.map(move |(word, _)| format!("{file}:{number}: `{word}`"))
    })
    .collect()
}

/// Whether the word stands in the line, and not as the end of a longer one.
fn holds_word(line: &str, word: &str) -> bool {
    let inside = |before: char| before.is_alphanumeric() || before == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].chars().next_back().is_some_and(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_are_found_and_homes_respected() {
        let code = "// thread::sleep\nfn f() { std::thread::sleep(d); sys::poll(x) }\nuse libc::c_int;\n";
        let found = strays("crates/shotclock/src/dial.rs", code);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("crates/shotclock/src/dial.rs:2: `poll(`"), "{found:?}");
        assert!(strays("crates/shotclock/src/sys/unix/mod.rs", "libc::poll(a)").is_empty());
        assert_eq!(strays("crates/shotclock/src/sys/unix/wake.rs", "libc::poll(a)").len(), 1);
        let bindings = "use pyo3_ffi::PyObject_Str;\nunsafe extern \"C\" {\n    fn PyObject_Repr();\n}";
        assert_eq!(strays("crates/shotclock-py/src/wait/link.rs", bindings).len(), 2);
    }

    #[test]
    fn tests_and_longer_words_are_left_alone() {
        assert!(strays("a.rs", "fn epoll() { deselect(1) }\n#[cfg(test)]\nmod t { libc::poll(1) }").is_empty());
        assert!(strays("crates/shotclock/src/wait/drive_tests.rs", "libc::poll(a)").is_empty());
    }
}
