//! The crates as crates.io would have them, in a workspace of their own, and what a user writes beside.

use std::fs;
use std::path::Path;

use super::{chapter, metadata};
use crate::{Failure, run, workspace};

const PROGRAMS: [&str; 4] = ["echo_tcp_client", "echo_tcp_server", "echo_udp_client", "echo_udp_server"];
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

pub(crate) fn try_out(target: &Path, place: &Path) -> Result<(), Failure> {
    // Not verified by cargo: what is unpacked below is built, and used too.
    let packages = workspace::PUBLISHED.map(|name| format!("--package={name}"));
    run::check(run::cargo(["package", "--no-verify"]).args(packages))?;
    let version = metadata::version()?;
    let folder = place.join("crates");
    fs::create_dir(&folder)?;
    for name in workspace::PUBLISHED {
        let package = format!("{name}-{version}");
        let archive = target.join("package").join(format!("{package}.crate"));
        run::check(run::command("tar", ["-xzf"]).arg(archive).arg("-C").arg(&folder))?;
        fs::rename(folder.join(&package), folder.join(name))?;
        for licence in LICENCES {
            let size = fs::metadata(folder.join(name).join(licence)).map_err(|error| format!("{licence}: {error}"))?;
            if size.len() < 1000 {
                return Err(format!("{package}: {licence} is no licence").into());
            }
        }
    }
    write_user(&folder, &version)?;
    let mut build = run::cargo(["build", "--workspace", "--lib", "--bins", "--examples", "--exclude=shotclock"]);
    // Nothing built before is used: packed files bear one old date, so that cargo takes what it finds for theirs.
    let built = place.join("built-of-crates");
    run::check(build.current_dir(&folder).env("CARGO_TARGET_DIR", &built))?;
    run::check(run::command(&built.join("debug/shotclock").to_string_lossy(), ["demo"]).current_dir(place))?;
    chapter::run(|name| {
        let mut program = run::command(&built.join("debug/examples").join(name).to_string_lossy(), []);
        program.current_dir(place);
        program
    })
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
