//! Where things are.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Failure, run};

/// The crates that are published, in the order in which they are: each uses only those before it.
pub(crate) const PUBLISHED: [&str; 3] = ["shotclock", "shotclock-faults", "shotclock-cli"];

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> Result<PathBuf, Failure> {
    let metadata = metadata(["--no-deps"])?;
    let target = metadata["target_directory"].as_str().ok_or("cargo metadata names no target directory")?;
    Ok(PathBuf::from(target))
}

/// What cargo knows of the workspace.
pub(crate) fn metadata<const N: usize>(arguments: [&str; N]) -> Result<Value, Failure> {
    let mut command = run::cargo(["metadata", "--format-version=1"]);
    let output = command.args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
