//! What the warden loads into programs is no part of a crate, so that cargo neither formats nor looks at it.

use crate::{Failure, run, workspace};

const SOURCE: &str = "crates/shotclock-warden/preload/lib.rs";

/// Looks at it as at the crates.
pub(crate) fn check() -> Result<(), Failure> {
    let mut format = run::command("rustfmt", ["--check", "--edition=2024", "--config-path=.", SOURCE]);
    run::check(format.current_dir(workspace::root()))?;
    let into = workspace::target()?.join("preload-metadata");
    let options = ["--edition=2024", "--crate-type=cdylib", "--crate-name=shotclock_preload", "-Cpanic=abort"];
    let mut clippy = run::command("clippy-driver", options);
    clippy.args(["--emit=metadata", "-Dwarnings", "-Dclippy::undocumented_unsafe_blocks", SOURCE, "-o"]).arg(into);
    run::check(clippy.current_dir(workspace::root()))
}
