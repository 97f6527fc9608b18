//! `cargo xtask sanitize`: the wake-up tests of the core, and what threads share in the Python crate, under ThreadSanitizer.
//!
//! The sanitizer is unstable in rustc, hence the variable that lets a stable one have it. The standard library comes
//! compiled without it: `xtask/sanitize/thread.txt` names what is therefore not to be reported, and why.

use crate::{Failure, run, workspace};

/// In seconds: it takes about a minute beyond the compilation.
const LIMIT: u32 = 1200;

/// Fails if a test fails, or if there is a report.
pub(crate) fn run() -> Result<(), Failure> {
    let target = workspace::target()?.join("sanitize");
    let suppressions = workspace::root().join("xtask").join("sanitize").join("thread.txt");
    let mut tests = run::cargo([
        "test",
        "--package=shotclock",
        "--test=wake_stress",
        "--package=shotclock-py",
        "--test=waiting",
        "--test=unblocked",
        "--test=threads",
    ]);
    // With a target named, build scripts and macros stay as they are.
    tests.arg("--target=x86_64-unknown-linux-gnu").arg("--target-dir").arg(target);
    tests.args(["--no-fail-fast", "--", "--test-threads=1"]);
    tests.env("RUSTC_BOOTSTRAP", "1");
    // System calls by libc, which the sanitizer looks into, and not raw.
    let flags = "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg rustix_use_libc";
    tests.env("RUSTFLAGS", flags);
    tests.env("TSAN_OPTIONS", format!("suppressions={} history_size=7", suppressions.display()));
    let output = run::tee(&mut run::bounded(LIMIT, &tests))?;
    let reports = output.lines.iter().filter(|line| line.contains("WARNING: ThreadSanitizer")).count();
    match (output.success, reports) {
        (true, 0) => {
            println!("ThreadSanitizer: clean");
            Ok(())
        }
        (_, 0) => Err("the tests failed, or could not be built".into()),
        (_, reports) => Err(format!("ThreadSanitizer: {reports} reports").into()),
    }
}
