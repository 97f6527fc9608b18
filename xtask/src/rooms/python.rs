//! Which file of the Python package imports which: asked of Python's own parser, by `imports.py`.

use std::path::Path;

use serde_json::Value;

use super::sources::{LINES_AT_MOST, LongFunction, Sources};
use crate::{Failure, run, workspace};

const SCRIPT: &str = "xtask/src/rooms/imports.py";

pub(super) fn sources(folder: &Path) -> Result<Sources, Failure> {
    let script = workspace::root().join(SCRIPT);
    let output = run::command("python3", []).arg(script).arg(folder).output()?;
    if !output.status.success() {
        return Err(format!("{SCRIPT}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let mut sources = Sources::default();
    for (file, facts) in told.as_object().into_iter().flatten() {
        let names = facts["imports"].as_array().into_iter().flatten().filter_map(Value::as_str);
        sources.imports.insert(file.clone(), names.map(str::to_owned).collect());
        for function in facts["functions"].as_array().into_iter().flatten() {
            let name = function["name"].as_str().unwrap_or_default().to_owned();
            let lines = usize::try_from(function["lines"].as_u64().unwrap_or(0))?;
            if lines > LINES_AT_MOST {
                sources.long.push(LongFunction { file: file.clone(), name, lines });
            }
        }
    }
    Ok(sources)
}
