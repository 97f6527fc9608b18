//! What a system's programs are built and run with.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run;

/// Whether it is on the path, or, where it begins with `/`, among the files.
pub(super) fn is_there(name: &str) -> bool {
    if name.starts_with('/') { file(name).is_some() } else { run::is_on_path(name) }
}

/// The file of this name, in which a `*` stands for any one name of a folder, or a part of it; the last, of many.
pub(super) fn file(name: &str) -> Option<PathBuf> {
    let Some((before, after)) = name.split_once('*') else {
        return Some(PathBuf::from(name)).filter(|path| path.exists());
    };
    let (folder, beginning) = before.rsplit_once('/')?;
    let mut found: Vec<_> = fs::read_dir(if folder.is_empty() { "/" } else { folder }).ok()?.flatten().collect();
    found.sort_by_key(fs::DirEntry::file_name);
    let names = found.into_iter().rev().map(|entry| entry.path());
    let begins = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning));
    names
        .filter(begins)
        .map(|path| Path::new(&format!("{}{after}", path.display())).to_owned())
        .find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_a_part_of_a_name() {
        let folder = std::env::temp_dir().join(format!("xtask-need-{}", std::process::id()));
        for name in ["llvm-14/lib", "llvm-9", "other"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        fs::write(folder.join("llvm-14/lib/a"), "").unwrap();
        let name = |end: &str| format!("{}/{end}", folder.display());
        assert_eq!(file(&name("llvm-*/lib/a")), Some(folder.join("llvm-14/lib/a")));
        assert_eq!(file(&name("llvm-*/lib/b")), None);
        assert_eq!(file(&name("gcc-*/lib/a")), None);
        assert_eq!(file(&name("other")), Some(folder.join("other")));
        fs::remove_dir_all(folder).unwrap();
    }
}
