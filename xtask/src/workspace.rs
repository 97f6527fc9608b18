//! Where things are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Failure;

/// The crates that are published, in the order in which they are: each uses only those before it.
pub(crate) const PUBLISHED: [&str; 4] = ["shotclock", "shotclock-faults", "shotclock-warden", "shotclock-cli"];

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// What trials in Python import beside their own: how they come by a network of their own.
pub(crate) fn namespaces() -> PathBuf {
    root().join("namespaces")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> Result<PathBuf, Failure> {
    let metadata = metadata(["--no-deps"])?;
    let target = metadata["target_directory"].as_str().ok_or("cargo metadata names no target directory")?;
    Ok(PathBuf::from(target))
}

/// What cargo knows of the workspace.
pub(crate) fn metadata<const N: usize>(arguments: [&str; N]) -> Result<Value, Failure> {
    // Not by `run`, which asks here for the root.
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version=1"]).args(arguments).current_dir(root()).stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
