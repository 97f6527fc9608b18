//! The oldest Rust we promise: no dependency of what we ship may ask for a newer one.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::systems::compiler::Compiler;
use crate::{Failure, run, skips, workspace};

/// What users build. Test tools and benchmarks may need a newer Rust.
const SHIPPED: [&str; 4] = workspace::PUBLISHED;

/// What Debian's compiler, older than the Rust we promise, is told to know all the same: what came between it and 1.88, and
/// our code uses. Whatever else is newer fails.
const GATES: &str = "-Zcrate-attr=feature(integer_sign_cast,let_chains,os_str_display,unsigned_is_multiple_of)";

/// What it compiles: without `idna`, and without the command, whose dependencies use more of what came between. What these
/// ask for is looked up.
const BY_STAND_IN: [&str; 2] = ["shotclock", "shotclock-faults"];
const FEATURES_BY_STAND_IN: &str = "--features=shotclock/waits,shotclock/tracing";

/// rustup downloads a toolchain that is merely asked for its version. A check installs nothing.
const NO_INSTALL: (&str, &str) = ("RUSTUP_AUTO_INSTALL", "0");

pub(crate) fn check(skipped: &mut Vec<String>) -> Result<(), Failure> {
    let metadata = workspace::metadata(["--all-features", "--locked"])?;
    let ours = promised(&metadata)?;
    eprintln!("+ no dependency of {} asks for more than Rust {ours}", SHIPPED.join(", "));
    let newer = newer_than(&ours, &metadata);
    if !newer.is_empty() {
        return Err(format!("these ask for a Rust newer than {ours}: {}", newer.join(", ")).into());
    }
    let toolchain = format!("+{ours}");
    if has_toolchain(&toolchain) {
        let packages = SHIPPED.map(|name| format!("--package={name}"));
        let mut check = run::cargo([&toolchain, "check", "--all-features", "--target-dir=target/msrv"]);
        return run::check(check.args(packages).env(NO_INSTALL.0, NO_INSTALL.1));
    }
    if let Some(compiler) = Compiler::in_folder(&place_of_stand_in()?) {
        return check_by(&compiler);
    }
    let why = format!("Rust {ours} is not installed, and no older one (cargo xtask needs --install fetches one)");
    skipped.push(skips::announce("msrv-build", &why));
    Ok(())
}

/// Whether there is neither the promised Rust nor one that stands in for it.
pub(crate) fn misses_compiler() -> bool {
    let is_there = || -> Result<bool, Failure> {
        let ours = promised(&workspace::metadata(["--no-deps", "--locked"])?)?;
        Ok(has_toolchain(&format!("+{ours}")) || Compiler::in_folder(&place_of_stand_in()?).is_some())
    };
    !is_there().unwrap_or(true)
}

/// Fetches one that stands in for the promised Rust.
pub(crate) fn fetch() -> Result<(), Failure> {
    let ours = promised(&workspace::metadata(["--no-deps", "--locked"])?)?;
    Compiler::fetch_no_newer_than(&ours, &place_of_stand_in()?).map(drop)
}

fn place_of_stand_in() -> Result<PathBuf, Failure> {
    Ok(workspace::target()?.join("systems").join("oldest"))
}

/// Compiles what it can of what is shipped. The gates are for our crates alone, hence by a wrapper.
fn check_by(compiler: &Compiler) -> Result<(), Failure> {
    let wrapper = compiler.program("gated");
    fs::write(&wrapper, format!("#!/bin/sh\nprogram=$1\nshift\nexec \"$program\" '{GATES}' \"$@\"\n"))?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let packages = BY_STAND_IN.map(|name| format!("--package={name}"));
    let mut check = run::cargo(["check", "--ignore-rust-version", FEATURES_BY_STAND_IN, "--target-dir=target/msrv"]);
    check.args(packages).env("RUSTC", compiler.program("rustc")).env("RUSTC_WORKSPACE_WRAPPER", wrapper);
    run::check(check.env("RUSTC_BOOTSTRAP", "1"))
}

fn has_toolchain(toolchain: &str) -> bool {
    let mut probe = run::cargo([toolchain, "--version"]);
    probe.env(NO_INSTALL.0, NO_INSTALL.1).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

fn promised(metadata: &Value) -> Result<String, Failure> {
    let core = packages(metadata).find(|package| package["name"] == SHIPPED[0]);
    let version = core.and_then(|core| core["rust_version"].as_str()).ok_or("the core states no rust-version")?;
    Ok(version.to_owned())
}

fn newer_than(ours: &str, metadata: &Value) -> Vec<String> {
    let shipped = shipped(metadata);
    let newer = packages(metadata).filter(|package| package["id"].as_str().is_some_and(|id| shipped.contains(id)));
    let newer = newer.filter_map(|package| {
        let theirs = package["rust_version"].as_str()?;
        (parts(theirs) > parts(ours)).then(|| format!("{} ({theirs})", package["name"].as_str().unwrap_or("?")))
    });
    newer.collect()
}

/// The ids of our packages and of all they need to be built, tests aside.
fn shipped(metadata: &Value) -> HashSet<&str> {
    let nodes = metadata["resolve"]["nodes"].as_array().map_or(&[][..], Vec::as_slice);
    let nodes: HashMap<&str, &Value> = nodes.iter().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let roots = packages(metadata).filter(|package| SHIPPED.iter().any(|name| package["name"] == *name));
    let mut waiting: Vec<&str> = roots.filter_map(|package| package["id"].as_str()).collect();
    let mut seen = HashSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let needed = nodes.get(id).and_then(|node| node["deps"].as_array()).map_or(&[][..], Vec::as_slice);
        waiting.extend(needed.iter().filter(|dep| !is_for_tests_only(dep)).filter_map(|dep| dep["pkg"].as_str()));
    }
    seen
}

fn is_for_tests_only(dependency: &Value) -> bool {
    dependency["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().all(|kind| kind["kind"] == "dev"))
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn parts(version: &str) -> Vec<u32> {
    let mut parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    parts.resize(3, 0);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shipped_counts() {
        let package = |name: &str, rust| serde_json::json!({ "id": name, "name": name, "rust_version": rust });
        let metadata = serde_json::json!({
            "packages": [package("shotclock", "1.88"), package("needed", "1.88.1"), package("tool", "1.99")],
            "resolve": { "nodes": [{ "id": "shotclock", "deps": [
                { "pkg": "needed", "dep_kinds": [{ "kind": null }] },
                { "pkg": "tool", "dep_kinds": [{ "kind": "dev" }] },
            ] }] },
        });
        assert_eq!(promised(&metadata).unwrap(), "1.88");
        assert_eq!(newer_than("1.88", &metadata), ["needed (1.88.1)"]);
        assert!(newer_than("1.89", &metadata).is_empty());
    }
}
