//! What is in a wheel of other people's: a bill of materials (CycloneDX), and their licences.
//!
//! Both are made of what cargo knows of the very sources that are built. What maturin writes by itself names the crates of
//! features that the package does not have, and folders of the machine that it ran on.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::metadata;
use super::wheels::PLATFORMS;
use crate::Failure;

pub(crate) const BILL: &str = "shotclock.cdx.json";
pub(crate) const LICENCES: &str = "THIRD-PARTY-LICENSES.txt";
/// How their files begin.
const TEXTS: [&str; 4] = ["LICENSE", "COPYING", "COPYRIGHT", "NOTICE"];
const INTRODUCTION: &str = "\
The extension module of this package has code of others in it, each under the terms that follow. Beside these crates it has \
Rust's standard library (MIT OR Apache-2.0, copyright The Rust Project Contributors; the text of Apache-2.0 is beside this \
file) and, in wheels, routines of LLVM's compiler-rt and, for musl, its libunwind (Apache-2.0 WITH LLVM-exception).
";

/// A crate that is compiled into the extension module, or runs while that is built.
struct Part {
    name: String,
    version: String,
    licence: String,
    is_built_in: bool,
}

impl Part {
    fn url(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }

    /// Its sources, beside ours.
    fn folder(&self, tree: &Path) -> PathBuf {
        tree.join("vendor").join(format!("{}-{}", self.name, self.version))
    }
}

/// Writes both into the tree of sources, and has its build put them into the wheel.
pub(crate) fn write(tree: &Path) -> Result<(), Failure> {
    let graph = graph(tree)?;
    let parts = parts(&graph)?;
    fs::write(tree.join(BILL), serde_json::to_string_pretty(&bill(tree, &graph, &parts)?)? + "\n")?;
    fs::write(tree.join(LICENCES), licences(tree, &parts)?)?;
    let project = tree.join("pyproject.toml");
    let text = fs::read_to_string(&project)?;
    let text = replaced(&text, "\"LICENSE-APACHE\"]", &format!("\"LICENSE-APACHE\", \"{LICENCES}\"]"))?;
    let text = replaced(&text, "rust = false\n", &format!("rust = false\ninclude = [\"{BILL}\"]\n"))?;
    fs::write(project, text)?;
    let about = tree.join("PKG-INFO");
    let line = "License-File: LICENSE-APACHE\n";
    let text = replaced(&fs::read_to_string(&about)?, line, &format!("{line}License-File: {LICENCES}\n"))?;
    Ok(fs::write(about, text)?)
}

fn replaced(text: &str, old: &str, new: &str) -> Result<String, Failure> {
    if text.matches(old).count() == 1 {
        return Ok(text.replace(old, new));
    }
    Err(format!("not once in what is packed: {old:?}").into())
}

/// What cargo knows of the tree, for the systems of our wheels.
fn graph(tree: &Path) -> Result<Value, Failure> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version=1"]).current_dir(tree).stdin(Stdio::null());
    for platform in &PLATFORMS {
        command.args(["--filter-platform", platform.target]);
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// All crates, from ours of the Python face on.
fn parts(graph: &Value) -> Result<Vec<Part>, Failure> {
    let root = packages(graph).find(|package| package["name"] == "shotclock-py").ok_or("no shotclock-py")?;
    let built_in = reached(graph, &root["id"], |kind| kind.is_null());
    let reached = reached(graph, &root["id"], |kind| kind != "dev");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parts = packages(graph).filter(|package| reached.contains(&&package["id"]) && package["id"] != root["id"]);
    Ok(parts
        .map(|package| Part {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: text(&package["license"]),
            is_built_in: built_in.contains(&&package["id"]),
        })
        .collect())
}

fn packages(graph: &Value) -> impl Iterator<Item = &Value> {
    graph["packages"].as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn reached<'g>(graph: &'g Value, from: &'g Value, counts: impl Fn(&Value) -> bool) -> Vec<&'g Value> {
    let nodes = graph["resolve"]["nodes"].as_array().map_or(&[][..], Vec::as_slice);
    let (mut seen, mut waiting) = (Vec::new(), vec![from]);
    while let Some(id) = waiting.pop() {
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let node = nodes.iter().find(|node| node["id"] == *id);
        let needed = node.and_then(|node| node["deps"].as_array()).map_or(&[][..], Vec::as_slice);
        let kinds = |need: &Value| need["dep_kinds"].as_array().cloned().unwrap_or_default();
        let needed = needed.iter().filter(|need| kinds(need).iter().any(|kind| counts(&kind["kind"])));
        waiting.extend(needed.map(|need| &need["pkg"]));
    }
    seen
}

fn bill(tree: &Path, graph: &Value, parts: &[Part]) -> Result<Value, Failure> {
    let version = metadata::version()?;
    let root = format!("pkg:pypi/shotclock@{version}");
    let mut components = Vec::new();
    for part in parts {
        let mut component = json!({
            "type": "library", "bom-ref": part.url(), "name": part.name, "version": part.version, "purl": part.url(),
            "licenses": [{ "expression": part.licence }],
            "scope": if part.is_built_in { "required" } else { "excluded" },
        });
        // Our own are not among what is vendored.
        if let Ok(sums) = fs::read(part.folder(tree).join(".cargo-checksum.json")) {
            let sums: Value = serde_json::from_slice(&sums)?;
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sums["package"] }]);
        }
        components.push(component);
    }
    let direct: Vec<String> = parts.iter().map(Part::url).collect();
    Ok(json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": { "component": {
            "type": "library", "bom-ref": root, "name": "shotclock", "version": version, "purl": root,
            "licenses": [{ "expression": packages(graph).find(|package| package["name"] == "shotclock-py")
                .map_or(Value::Null, |package| package["license"].clone()) }],
        } },
        "components": components,
        "dependencies": [{ "ref": root, "dependsOn": direct }],
    }))
}

/// The licences of what is compiled in, each with all its texts.
fn licences(tree: &Path, parts: &[Part]) -> Result<String, Failure> {
    let mut all = INTRODUCTION.to_owned();
    for part in parts.iter().filter(|part| part.is_built_in && !part.name.starts_with("shotclock")) {
        write!(all, "\n{}\n{} {}: {}\n", "=".repeat(80), part.name, part.version, part.licence)?;
        let mut files = fs::read_dir(part.folder(tree))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<PathBuf>, std::io::Error>>()?;
        files.retain(|file| file.is_file() && is_of_licences(file));
        files.sort();
        if files.is_empty() {
            return Err(format!("{}: no text of its licence", part.name).into());
        }
        for file in files {
            write!(all, "\n{}\n", String::from_utf8_lossy(&fs::read(file)?).trim_end())?;
        }
    }
    Ok(all)
}

fn is_of_licences(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
    TEXTS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_builds_or_tests_is_told_apart() {
        let package = |name: &str| json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT" });
        let need = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let graph = json!({
            "packages": [package("shotclock-py"), package("in"), package("builds"), package("tests")],
            "resolve": { "nodes": [{ "id": "shotclock-py", "deps": [
                need("in", Value::Null), need("builds", json!("build")), need("tests", json!("dev")),
            ] }] },
        });
        let parts = parts(&graph).unwrap();
        let parts: Vec<(&str, bool)> = parts.iter().map(|part| (part.name.as_str(), part.is_built_in)).collect();
        assert_eq!(parts, [("in", true), ("builds", false)]);
    }

    #[test]
    fn licences_are_known_by_their_files() {
        assert!(is_of_licences(Path::new("a/LICENSE-MIT")) && is_of_licences(Path::new("copying.md")));
        assert!(!is_of_licences(Path::new("README.md")));
    }
}
