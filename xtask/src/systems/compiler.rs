//! A compiler that can build the standard library for any system: Debian's, unpacked into a folder and not installed.
//! (One of rustup's does as well, with its component rust-src; but its version changes, and this one is apt's to give.)

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::{Failure, run, workspace};

/// The compiler, what says which standard library it has, and the standard library's source.
const PACKAGES: [&str; 3] = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"];
const PROGRAMS: [&str; 2] = ["rustc", "rustdoc"];

/// One in a folder.
pub(crate) struct Compiler {
    folder: PathBuf,
}

impl Compiler {
    /// Where it is if nobody has said otherwise.
    pub(crate) fn usual_place() -> Result<PathBuf, Failure> {
        Ok(workspace::target()?.join("systems").join("compiler"))
    }

    /// The one in this folder, if it is there as a whole.
    pub(crate) fn in_folder(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        let compiler = Self { folder };
        compiler.program("rustc").exists().then_some(compiler)
    }

    /// The one in this folder, made first if it is not there: apt-get downloads 130 MB, of which 850 come.
    pub(crate) fn fetch(folder: &Path) -> Result<Self, Failure> {
        Self::made(folder, download_newest)
    }

    /// The newest that apt has and that is not newer than this Rust, in this folder, made first if it is not there: 90 MB, of
    /// which 390 come.
    pub(crate) fn fetch_no_newer_than(rust: &str, folder: &Path) -> Result<Self, Failure> {
        Self::made(folder, |packages| download_no_newer_than(rust, packages))
    }

    fn made(folder: &Path, download_into: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<Self, Failure> {
        if let Some(compiler) = Self::in_folder(folder) {
            return Ok(compiler);
        }
        fs::create_dir_all(folder)?;
        let compiler = Self { folder: folder.canonicalize()? };
        let packages = compiler.folder.join("packages");
        fs::create_dir_all(&packages)?;
        download_into(&packages)?;
        for package in fs::read_dir(&packages)? {
            run::check(run::command("dpkg-deb", ["-x"]).arg(package?.path()).arg(compiler.folder.join("root")))?;
        }
        fs::remove_dir_all(packages)?;
        PROGRAMS.into_iter().rev().try_for_each(|program| compiler.write(program))?;
        Ok(compiler)
    }

    /// A program of the compiler's.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Its version, such as 1.96.0; an error if it does not start.
    pub(crate) fn version(&self) -> Result<String, Failure> {
        let output = run::command(&self.program("rustc").to_string_lossy(), ["--version"]).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = said.split_whitespace().nth(1).map(str::to_owned);
        version.ok_or_else(|| String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
    }

    /// A script that starts it with its own libraries.
    fn write(&self, name: &str) -> Result<(), Failure> {
        let root = self.folder.join("root").join("usr");
        let folders = fs::read_dir(root.join("lib"))?.flatten().map(|entry| entry.path());
        let libraries: Vec<_> = folders.filter(|path| path.to_string_lossy().ends_with("-linux-gnu")).collect();
        let libraries = libraries.first().ok_or("there are no libraries in Debian's package of the compiler")?;
        let (libraries, program) = (libraries.display(), root.join("bin").join(name));
        let script = format!("#!/bin/sh\nLD_LIBRARY_PATH='{libraries}' exec '{}' \"$@\"\n", program.display());
        let path = self.program(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        fs::write(&path, script)?;
        Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
    }
}

fn download_newest(folder: &Path) -> Result<(), Failure> {
    let begun = PACKAGES.into_iter().try_for_each(|package| download(folder, package));
    if begun.is_err() {
        // No lists, or old ones.
        run::check(&mut run::command("apt-get", ["update", "-q"]))?;
        PACKAGES.into_iter().try_for_each(|package| download(folder, package))?;
    }
    download_libraries(folder)
}

fn download_no_newer_than(rust: &str, folder: &Path) -> Result<(), Failure> {
    let list = || -> Result<String, Failure> {
        Ok(String::from_utf8(run::command("apt-cache", ["madison", PACKAGES[0]]).output()?.stdout)?)
    };
    let mut version = newest(&list()?, rust);
    if version.is_none() {
        // No lists, or old ones.
        run::check(&mut run::command("apt-get", ["update", "-q"]))?;
        version = newest(&list()?, rust);
    }
    let version = version.ok_or_else(|| format!("apt has no {} that is not newer than Rust {rust}", PACKAGES[0]))?;
    PACKAGES[..2].iter().try_for_each(|package| download(folder, &format!("{package}={version}")))?;
    download_libraries(folder)
}

/// Whether this Rust is older than that. Which of a Rust's own releases it is does not count.
pub(crate) fn is_older(version: &str, than: &str) -> bool {
    number(version).get(..2) < number(than).get(..2)
}

fn number(version: &str) -> Vec<u32> {
    version.split(['.', '+']).map_while(|part| part.parse().ok()).collect()
}

/// The newest version in apt-cache's list that is not newer than this Rust.
fn newest(list: &str, rust: &str) -> Option<String> {
    let versions = list.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned()));
    let fits = |version: &String| !is_older(rust, version);
    versions.filter(fits).max_by_key(|version| number(version))
}

fn download_libraries(folder: &Path) -> Result<(), Failure> {
    let version = field(folder, "rustc-web_", "Version")?;
    let library = needed(folder, "libstd-rust-web-dev_", "libstd-rust-web-")?;
    download(folder, &format!("{library}={version}"))?;
    let llvm = needed(folder, &format!("{library}_"), "libllvm")?;
    download(folder, &llvm)?;
    // What else it needs is there where gcc is; its solver is not, and some versions do without.
    needed(folder, &format!("{llvm}_"), "libz3-").map_or(Ok(()), |solver| download(folder, &solver))
}

fn download(folder: &Path, package: &str) -> Result<(), Failure> {
    run::check(run::command("apt-get", ["download", "-q", package]).current_dir(folder))
}

/// The name of the package that the one whose file begins so depends on, and that begins so.
fn needed(folder: &Path, file: &str, beginning: &str) -> Result<String, Failure> {
    let all = field(folder, file, "Depends")?;
    let names = all.split([',', '|']).filter_map(|one| one.split_whitespace().next());
    let found =
        names.filter(|name| name.starts_with(beginning)).find(|name| name.ends_with(|c: char| c.is_ascii_digit()));
    Ok(found.ok_or_else(|| format!("{file} depends on no {beginning}"))?.to_owned())
}

fn field(folder: &Path, beginning: &str, name: &str) -> Result<String, Failure> {
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(beginning));
    let file = files.into_iter().find(is_it).ok_or_else(|| format!("{beginning} was not downloaded"))?;
    let output = run::command("dpkg-deb", ["-f"]).arg(file).arg(name).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_not_newer_than_promised() {
        let list =
            " rustc-web | 1.96.0+dfsg1-1 | a\n rustc-web | 1.85.0+dfsg3-1 | b\n rustc-web | 1.85.1+dfsg1-1 | b\n";
        assert_eq!(newest(list, "1.88").as_deref(), Some("1.85.1+dfsg1-1"));
        assert_eq!(newest(list, "1.96").as_deref(), Some("1.96.0+dfsg1-1"));
        assert_eq!(newest(list, "1.84"), None);
        assert!(is_older("1.85", "1.88") && is_older("1.9", "1.88") && !is_older("1.88", "1.88"));
        assert!(!is_older("2.0", "1.88"));
    }
}
