//! What a tool has left in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

/// The one file in a folder with this beginning or this ending.
pub(crate) fn only(folder: &Path, text: &str) -> Result<PathBuf, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    let mut wanted = files.iter().filter(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(text) || name.ends_with(text)
    });
    match (wanted.next(), wanted.next()) {
        (Some(file), None) => Ok(file.clone()),
        _ => Err(format!("not one file {text} in {}: {files:?}", folder.display()).into()),
    }
}
