//! The crates as crates.io would have them, in a workspace of their own, and what a user writes beside.

use std::fs;
use std::path::{Path, PathBuf};

use super::{chapter, metadata};
use crate::{Failure, run, workspace};

const PROGRAMS: [&str; 4] = ["echo_tcp_client", "echo_tcp_server", "echo_udp_client", "echo_udp_server"];
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];
/// Where manual pages and completions are looked for, below the prefix of an installation.
const SHARED: [&str; 4] = [
    "share/man/man1/shotclock.1",
    "share/bash-completion/completions/shotclock",
    "share/zsh/site-functions/_shotclock",
    "share/fish/vendor_completions.d/shotclock.fish",
];

/// Gives the files of the packages.
pub(crate) fn try_out(target: &Path, place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let packages = workspace::PUBLISHED.map(|name| format!("--package={name}"));
    // All that an upload checks, each built over those before it, as they are packed; the files it leaves to the other.
    // Nothing built before is used: cargo takes packages of one name and version for the same.
    let built = place.join("built-of-crates");
    run::check(run::cargo(["publish", "--dry-run"]).args(&packages).env("CARGO_TARGET_DIR", &built))?;
    run::check(run::cargo(["package", "--no-verify", "--quiet"]).args(&packages))?;
    let version = metadata::version()?;
    let folder = place.join("crates");
    fs::create_dir(&folder)?;
    let mut archives = Vec::new();
    for name in workspace::PUBLISHED {
        let package = format!("{name}-{version}");
        let archive = target.join("package").join(format!("{package}.crate"));
        run::check(run::command("tar", ["-xzf"]).arg(&archive).arg("-C").arg(&folder))?;
        fs::rename(folder.join(&package), folder.join(name))?;
        has_licences(&folder.join(name))?;
        archives.push(archive);
    }
    write_user(&folder, &version)?;
    use_them(&folder, place)?;
    Ok(archives)
}

fn has_licences(package: &Path) -> Result<(), Failure> {
    for licence in LICENCES {
        let size = fs::metadata(package.join(licence)).map_err(|error| format!("{licence}: {error}"))?;
        if size.len() < 1000 {
            return Err(format!("{}: {licence} is no licence", package.display()).into());
        }
    }
    Ok(())
}

/// Installs the command, runs what a user wrote over the crates, and tries the examples of their documentation.
fn use_them(folder: &Path, place: &Path) -> Result<(), Failure> {
    // Packed files bear one old date, so that cargo would take what it finds for theirs.
    let built = place.join("built-of-crates");
    let cargo = |arguments: &[&str]| {
        let mut cargo = run::cargo([]);
        cargo.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", &built);
        cargo
    };
    let prefix = place.join("installed");
    run::check(cargo(&["install", "--debug", "--path=shotclock-cli", "--root"]).arg(&prefix))?;
    let command = prefix.join("bin").join("shotclock");
    let command = |arguments: [&str; 1]| {
        let mut command = run::command(&command.to_string_lossy(), arguments);
        command.current_dir(place);
        command
    };
    run::check(&mut command(["demo"]))?;
    run::check(command(["share"]).arg(&prefix))?;
    if let Some(file) = SHARED.iter().find(|file| !prefix.join(file).is_file()) {
        return Err(format!("`shotclock share` has not written {file}").into());
    }
    run::check(&mut cargo(&["build", "--package=user", "--examples"]))?;
    chapter::run(|name| {
        let mut program = run::command(&built.join("debug/examples").join(name).to_string_lossy(), []);
        program.current_dir(place);
        program
    })?;
    run::check(&mut cargo(&["test", "--doc", "--all-features", "--package=shotclock", "--package=shotclock-faults"]))?;
    let mut doc = cargo(&["doc", "--no-deps", "--all-features", "--package=shotclock", "--package=shotclock-faults"]);
    run::check(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// A project that uses the packaged crates, with the chapter programs as its own; and the workspace of them all.
fn write_user(folder: &Path, version: &str) -> Result<(), Failure> {
    let user = folder.join("user");
    fs::create_dir_all(user.join("examples/common"))?;
    fs::create_dir_all(user.join("src"))?;
    let examples = workspace::root().join("crates/shotclock/examples");
    for name in PROGRAMS {
        fs::copy(examples.join(name).with_extension("rs"), user.join("examples").join(name).with_extension("rs"))?;
    }
    fs::copy(examples.join("common/mod.rs"), user.join("examples/common/mod.rs"))?;
    fs::write(user.join("src/lib.rs"), "pub use shotclock_faults::Peer;\n")?;
    let manifest = format!(
        "[package]\nname = \"user\"\nedition = \"2024\"\n\n[dependencies]\n\
         shotclock = {{ version = \"{version}\", path = \"../shotclock\", features = [\"idna\"] }}\n\
         shotclock-faults = {{ version = \"{version}\", path = \"../shotclock-faults\" }}\n"
    );
    fs::write(user.join("Cargo.toml"), manifest)?;
    let members = workspace::PUBLISHED.map(|name| format!("\"{name}\", ")).concat();
    // They ask crates.io for each other, which are not there yet.
    let patches = workspace::PUBLISHED.map(|name| format!("{name} = {{ path = \"{name}\" }}\n")).concat();
    let workspace =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{members}\"user\"]\n\n[patch.crates-io]\n{patches}");
    Ok(fs::write(folder.join("Cargo.toml"), workspace)?)
}
