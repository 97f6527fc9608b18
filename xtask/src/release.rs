//! `cargo xtask release --dry-run`: what a release uploads, built, installed where nothing else is, and tried there.

mod chapter;
mod crates;
mod metadata;
mod packages;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Failure, skips, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Upload nothing; nothing else can be asked for, since uploading is done by hand (CONTRIBUTING, "A release")
    #[arg(long, required = true)]
    dry_run: bool,
}

/// Fails if a package lacks what registries show, cannot be built or installed, or does not work where it is.
pub(crate) fn run(_: &Arguments) -> Result<(), Failure> {
    let target = workspace::target()?;
    let place = Place::new()?;
    let (mut skips, mut failed) = (Vec::new(), Vec::new());
    let mut part = |name, outcome: Result<(), Failure>| {
        if let Err(failure) = outcome {
            eprintln!("{name}: {failure}");
            failed.push(name);
        }
    };
    part("metadata", metadata::check());
    part("crates", crates::try_out(&target, place.path()));
    part("Python package", packages::try_out(&target, place.path()));
    if !metadata::has_address()? {
        skips.push(skips::announce("repository", "the project has no public address, so that no package names one"));
    }
    skips::judge(&skips, &mut std::io::stdout())?;
    if failed.is_empty() { Ok(()) } else { Err(format!("not fit for a release: {}", failed.join(", ")).into()) }
}

/// An empty folder outside of the workspace, whose settings must not reach what is tried; gone in the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("shotclock-release-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}
