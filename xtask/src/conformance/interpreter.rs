//! The Python interpreters of this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{Failure, run};

/// Says what we ask of an interpreter, a line each: version, own path, new enough, has CPython's tests, has the GIL.
const QUESTIONS: &str = "\
import importlib.util, sys, sysconfig
try:
    tests = importlib.util.find_spec('test.test_socket') is not None
except ModuleNotFoundError:
    tests = False
print('.'.join(map(str, sys.version_info[:3])))
print(sys.executable)
print(sys.version_info >= (3, 11))
print(tests)
print(not sysconfig.get_config_var('Py_GIL_DISABLED'))";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interpreter {
    pub(super) version: String,
    pub(super) executable: PathBuf,
    unfit: Option<&'static str>,
}

impl Interpreter {
    /// By a name to be found on the path, or a path.
    pub(super) fn named(name: &str) -> Result<Self, Failure> {
        let output = run::command(name, ["-I", "-c", QUESTIONS]).output();
        let output = output.map_err(|error| format!("{name}: cannot be started: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        Self::of_answers(&String::from_utf8_lossy(&output.stdout))
            .ok_or_else(|| format!("{name}: does not answer as a Python interpreter: {}", said.trim()).into())
    }

    /// All on the path and among pyenv's, each once, those for which the package is too new left out.
    pub(super) fn all() -> Vec<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
        let pyenv = pyenv.or_else(|| Some(std::env::home_dir()?.join(".pyenv")));
        let mut candidates: Vec<PathBuf> = std::env::split_paths(&path).flat_map(|folder| pythons(&folder)).collect();
        for version in pyenv.iter().flat_map(|root| entries(&root.join("versions"))) {
            candidates.extend(pythons(&version.join("bin")));
        }
        let asked = candidates.iter().filter_map(|candidate| Self::named(&candidate.to_string_lossy()).ok());
        // One interpreter has many names.
        let distinct = asked.map(|found| (found.executable.canonicalize().unwrap_or_default(), found));
        let distinct: BTreeMap<PathBuf, Self> = distinct.collect();
        distinct.into_values().filter(|found| found.unfit != Some(TOO_OLD)).collect()
    }

    /// Why CPython's tests cannot be run on it.
    pub(super) fn unfit(&self) -> Option<&'static str> {
        self.unfit
    }

    /// Such as 3.13.
    pub(super) fn series(&self) -> &str {
        self.version.rsplit_once('.').map_or(&self.version, |(series, _)| series)
    }

    fn of_answers(answers: &str) -> Option<Self> {
        let mut lines = answers.lines();
        let (version, executable) = (lines.next()?.to_owned(), PathBuf::from(lines.next()?));
        let wanted = [TOO_OLD, NO_TESTS, NO_GIL].map(|reason| (reason, lines.next()));
        let unfit = wanted.into_iter().find(|(_, answer)| *answer != Some("True")).map(|(reason, _)| reason);
        Some(Self { version, executable, unfit })
    }
}

const TOO_OLD: &str = "older than 3.11";
const NO_TESTS: &str = "it comes without CPython's tests (Debian has them in libpython3.N-testsuite)";
const NO_GIL: &str = "a free-threaded interpreter cannot load the abi3 wheel";

/// `python3` and `python3.N` in a folder.
fn pythons(folder: &Path) -> Vec<PathBuf> {
    let is_python = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let minor = name.strip_prefix("python3").map(|rest| rest.trim_start_matches('.'));
        minor.is_some_and(|minor| minor.chars().all(|digit| digit.is_ascii_digit()))
    };
    entries(folder).into_iter().filter(is_python).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_that_is_no_makes_it_unfit() {
        let unfit = |answers: &str| Interpreter::of_answers(answers).map(|found| found.unfit);
        assert_eq!(unfit("3.13.0\n/python\nTrue\nTrue\nTrue\n"), Some(None));
        assert_eq!(unfit("3.11.2\n/python\nTrue\nFalse\nTrue\n"), Some(Some(NO_TESTS)));
        assert_eq!(unfit("3.10.0\n/python\nFalse\nTrue\nTrue\n"), Some(Some(TOO_OLD)));
        assert_eq!(unfit(""), None);
    }
}
