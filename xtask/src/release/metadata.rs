//! What registries show of a package: all of it is there, and reads well by itself.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{Failure, workspace};

const FIELDS: [&str; 7] = ["authors", "categories", "description", "keywords", "license", "readme", "rust_version"];
/// Long descriptions: crates.io's and PyPI's.
const DESCRIPTIONS: [&str; 5] =
    ["docs/rust.md", "docs/faults.md", "docs/command.md", "docs/python.md", "crates/shotclock-warden/docs/warden.md"];
/// What each crate brings along: in the repository a link to the one text.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

pub(crate) fn check() -> Result<(), Failure> {
    let mut faults = Vec::new();
    for package in packages()? {
        let missing = FIELDS.iter().filter(|field| is_empty(&package[**field]));
        faults.extend(missing.map(|field| format!("{}: no {field}", package["name"])));
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let missing = LICENCES.iter().filter(|name| !manifest.with_file_name(name).is_file());
        faults.extend(missing.map(|name| format!("{}: no {name}", package["name"])));
    }
    for page in DESCRIPTIONS {
        let text = fs::read_to_string(workspace::root().join(page))?;
        faults.extend(relative_links(&text).map(|link| format!("{page}: on a registry {link} leads nowhere")));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n  ").into()) }
}

/// The version to be released.
pub(crate) fn version() -> Result<String, Failure> {
    let version = packages()?.first().and_then(|package| package["version"].as_str().map(str::to_owned));
    Ok(version.ok_or("cargo metadata names no version")?)
}

/// Whether the crates name where the project is.
pub(crate) fn has_address() -> Result<bool, Failure> {
    Ok(packages()?.iter().all(|package| !is_empty(&package["repository"])))
}

fn packages() -> Result<Vec<Value>, Failure> {
    let metadata = workspace::metadata(["--no-deps"])?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    Ok(packages
        .into_iter()
        .filter(|package| workspace::PUBLISHED.iter().any(|name| package["name"] == *name))
        .collect())
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

fn relative_links(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.filter(|link| !link.contains("://") && !link.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_have_all_that_they_show() {
        check().unwrap();
        assert_eq!(packages().unwrap().len(), workspace::PUBLISHED.len());
        assert!(relative_links("[a](b.md) [c](https://example.org) [d](#e)").eq(["b.md"]));
        assert!(is_empty(&Value::Null) && is_empty(&Value::from("")) && !is_empty(&Value::from("MIT")));
    }
}
