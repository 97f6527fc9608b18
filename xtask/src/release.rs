//! `cargo xtask release --dry-run`: what a release uploads, built, installed where nothing else is, and tried there.

mod bill;
mod chapter;
mod crates;
mod files;
mod metadata;
mod packages;
mod sdist;
mod wheels;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Failure, run, skips, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Upload nothing; nothing else can be asked for, since uploading is done by hand (CONTRIBUTING, "A release")
    #[arg(long, required = true)]
    dry_run: bool,
    /// Build and try the wheels, and nothing else
    #[arg(long)]
    wheels_only: bool,
    #[command(flatten)]
    means: packages::Means,
}

/// Fails if a package lacks what registries show, cannot be built or installed, or does not work where it is.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let target = workspace::target()?;
    let place = Place::new()?;
    let (mut skips, mut failed, mut uploads) = (Vec::new(), Vec::new(), Vec::new());
    let mut part = |name, outcome: Result<Vec<PathBuf>, Failure>| match outcome {
        Ok(files) => uploads.extend(files),
        Err(failure) => {
            eprintln!("{name}: {failure}");
            failed.push(name);
        }
    };
    if !arguments.wheels_only {
        part("metadata", metadata::check().map(|()| Vec::new()));
        part("crates", crates::try_out(&target, place.path()));
    }
    part(
        "Python package",
        packages::try_out(&target, place.path(), &arguments.means, arguments.wheels_only, &mut skips),
    );
    if !metadata::has_address()? {
        skips.push(skips::announce("repository", "the project has no public address, so that no package names one"));
    }
    show(&uploads, &target.join("release-files"))?;
    skips::judge(&skips, &mut std::io::stdout())?;
    if failed.is_empty() { Ok(()) } else { Err(format!("not fit for a release: {}", failed.join(", ")).into()) }
}

/// Keeps what would be uploaded, and says what it is: sizes in bytes, and checksums as `sha256sum --check` reads them.
fn show(uploads: &[PathBuf], kept: &Path) -> Result<(), Failure> {
    if kept.exists() {
        fs::remove_dir_all(kept)?;
    }
    fs::create_dir_all(kept)?;
    let mut names = Vec::new();
    for file in uploads {
        let name = file.file_name().ok_or("a file without a name")?;
        fs::copy(file, kept.join(name))?;
        println!("{:>9} bytes  {}", fs::metadata(file)?.len(), name.display());
        names.push(name);
    }
    if names.is_empty() { Ok(()) } else { run::check(run::command("sha256sum", []).args(names).current_dir(kept)) }
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
