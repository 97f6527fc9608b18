//! Interpreters of a Debian that lies in a folder, as `cargo xtask pythons --fetch` makes it: `DIR:3.15`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::Debian;
use crate::{Failure, debian, run, workspace};

/// One of its interpreters.
pub(crate) struct Elsewhere {
    pub(crate) folder: PathBuf,
    pub(crate) series: String,
}

impl Elsewhere {
    /// What a name of this form stands for: a folder, a colon, and a series such as 3.15.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (folder, series) = name.rsplit_once(':')?;
        let minor = series.strip_prefix("3.")?;
        let is_series = !minor.is_empty() && minor.chars().all(|digit| digit.is_ascii_digit());
        (is_series && !folder.is_empty()).then(|| Self { folder: PathBuf::from(folder), series: series.to_owned() })
    }

    /// The runner on it, in a virtual environment there with our wheel, which is built of the sources as they are now.
    pub(super) fn runner(&self, script: &str, target: &Path, told: &[String], limit: u32) -> Result<Command, Failure> {
        self.has_tests()?;
        let place = Debian::at(&self.folder)?;
        debian::put_wheel(&place, target)?;
        let (root, series) = (workspace::root().display(), &self.series);
        let python = debian::environment(&place, series, "conformance", "")?;
        // What it writes lies here, too: the sources and what is built of them are shown there at the same places.
        let work = target.join("conformance").join(format!("{series}-elsewhere"));
        let mut runner = place.command("cd \"$1\"; shift; exec \"$@\"")?;
        runner.arg("sh").arg(workspace::root()).arg(python);
        runner.args(["-B", script, "--work"]).arg(work).args(told);
        runner.env("SHOWN", format!("{root}:{}", target.display()));
        Ok(run::bounded(limit, &runner))
    }

    fn has_tests(&self) -> Result<(), Failure> {
        let (folder, series) = (self.folder.display(), &self.series);
        let mend = format!("`cargo xtask pythons --fetch {folder}` makes it");
        if !self.folder.join(format!("usr/bin/python{series}")).exists() {
            return Err(format!("no Debian with Python {series} in {folder}: {mend}").into());
        }
        if !self.folder.join(format!("usr/lib/python{series}/test/libregrtest")).exists() {
            return Err(format!("CPython's tests are not with Python {series} in {folder}: {mend}").into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_series_is_a_name() {
        let read = |name| Elsewhere::named(name).map(|found| (found.folder, found.series));
        let found = |folder, series: &str| Some((PathBuf::from(folder), series.to_owned()));
        assert_eq!(read("/a/b:3.15"), found("/a/b", "3.15"));
        assert_eq!(read("a:b:3.9"), found("a:b", "3.9"));
        for name in ["python3", "3.15", ":3.15", "/a:3.", "/a:3.15t", "/a:2.7", "/a/b"] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_not_there_is_said_with_what_makes_it() {
        let none = Elsewhere::named("/nowhere:3.15").unwrap();
        let said = none.runner("run.py", Path::new("target"), &[], 1).unwrap_err().to_string();
        assert!(said.contains("no Debian with Python 3.15 in /nowhere") && said.contains("--fetch"), "{said}");
    }
}
