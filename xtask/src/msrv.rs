//! The oldest Rust we promise: no dependency of what we ship may ask for a newer one.

use std::collections::{HashMap, HashSet};
use std::process::Stdio;

use serde_json::Value;

use crate::{Failure, run, skips, workspace};

/// What users build. Test tools and benchmarks may need a newer Rust.
const SHIPPED: [&str; 4] = workspace::PUBLISHED;

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
    skipped.push(skips::announce("msrv-build", &format!("Rust {ours} is not installed")));
    Ok(())
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
