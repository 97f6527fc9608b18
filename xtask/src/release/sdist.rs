//! The source distribution: the sources of all that it is built of are in it, so that it can be built without a registry.

use std::fs;
use std::path::{Path, PathBuf};

use super::{bill, metadata};
use crate::{Failure, python, run};

/// The crates whose manifests name more than the package is built of.
const LEAN: [&str; 2] = ["shotclock", "shotclock-faults"];
/// Tables that go: what is in them is for those who test.
const TABLES: [&str; 4] = ["[dev-dependencies]", "[[test]]", "[[bench]]", "[[example]]"];
/// Folders that go with them.
const FOLDERS: [&str; 3] = ["tests", "benches", "examples"];
/// Has cargo take the sources beside it.
const OFFLINE: &str = "[source.crates-io]\nreplace-with = \"vendored\"\n\n[source.vendored]\ndirectory = \"vendor\"\n";

/// What a release of the Python package is made of: this tree, which is packed as it is and of which each wheel is built.
pub(crate) struct Sources {
    pub(crate) tree: PathBuf,
    pub(crate) archive: PathBuf,
}

/// Makes the tree and packs it into `built`.
pub(crate) fn make(target: &Path, place: &Path, built: &Path) -> Result<Sources, Failure> {
    let folder = place.join("sources");
    fs::create_dir(&folder)?;
    python::source_distribution(target, &folder)?;
    let name = format!("shotclock-{}", metadata::version()?);
    let archive = format!("{name}.tar.gz");
    run::check(run::command("tar", ["-xzf", &archive]).current_dir(&folder))?;
    let tree = folder.join(&name);
    for crate_name in LEAN {
        lean(&tree.join("crates").join(crate_name))?;
    }
    let mut vendor = run::cargo(["vendor", "--quiet", "--versioned-dirs", "vendor"]);
    vendor.stdout(std::process::Stdio::null());
    run::check(vendor.current_dir(&tree))?;
    bill::write(&tree)?;
    fs::create_dir(tree.join(".cargo"))?;
    fs::write(tree.join(".cargo/config.toml"), OFFLINE)?;
    let archive = built.join(archive);
    let mut pack = run::command("tar", ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-czf"]);
    run::check(pack.arg(&archive).arg(&name).current_dir(&folder))?;
    Ok(Sources { tree, archive })
}

/// Takes away from a crate what only its tests, benches and examples need, and what is behind features that the package
/// does not have: cargo would look for all of it, even where nothing is built of it.
fn lean(package: &Path) -> Result<(), Failure> {
    let manifest = package.join("Cargo.toml");
    fs::write(&manifest, lean_manifest(&fs::read_to_string(&manifest)?))?;
    for folder in FOLDERS.map(|name| package.join(name)).iter().filter(|folder| folder.exists()) {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn lean_manifest(manifest: &str) -> String {
    let (mut lean, mut kept) = (String::new(), true);
    for line in manifest.lines() {
        if line.starts_with('[') {
            kept = !TABLES.iter().any(|table| line.starts_with(table));
        }
        if !kept || line.contains("optional = true") {
            continue;
        }
        // Its name stays, since the sources ask for it.
        let feature = line.split_once(" = [\"dep:").map(|(name, _)| format!("{name} = []"));
        lean += feature.as_deref().unwrap_or(line);
        lean.push('\n');
    }
    lean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lean_manifest_names_what_is_built() {
        let manifest = "[features]\na = [\"dep:a\"]\nb = []\n[dependencies]\na = { version = \"1\", optional = true }\n\
                        c = \"1\"\n[dev-dependencies]\nd = \"1\"\n[lints]\nworkspace = true\n[[bench]]\nname = \"e\"\n";
        let lean = "[features]\na = []\nb = []\n[dependencies]\nc = \"1\"\n[lints]\nworkspace = true\n";
        assert_eq!(lean_manifest(manifest), lean);
    }
}
