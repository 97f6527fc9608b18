//! Wheel and source distribution as PyPI would have them, each in a virtual environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{chapter, metadata};
use crate::{Failure, python, run, workspace};

/// What an installed package must know of itself.
const METADATA: &str = "
import importlib.metadata, sys
about = importlib.metadata.metadata('shotclock')
for field in ['Name', 'Version', 'Summary', 'Keywords', 'Author', 'License-Expression', 'License-File', 'Requires-Python',
              'Classifier', 'Description-Content-Type']:
    assert about[field], field
assert about['Version'] == sys.argv[1], about['Version']
assert '# shotclock' in about.get_payload(), 'no long description'
files = [str(file) for file in importlib.metadata.files('shotclock')]
for name in ['shotclock-startup.pth', 'timeoutsocket.py', 'shotclock/py.typed', 'LICENSE-MIT', 'LICENSE-APACHE']:
    assert any(file.endswith(name) for file in files), name
import shotclock, timeoutsocket
assert 'site-packages' in shotclock.__file__, shotclock.__file__
";

pub(crate) fn try_out(target: &Path, place: &Path) -> Result<(), Failure> {
    let built = place.join("dist");
    fs::create_dir(&built)?;
    python::wheel(target, &built)?;
    python::source_distribution(target, &built)?;
    for (name, ending) in [("from-wheel", "whl"), ("from-sdist", "gz")] {
        let file = only(&built, ending)?;
        let venv = place.join(name);
        run::check(run::command("python3", ["-m", "venv"]).arg(&venv))?;
        let python = venv.join("bin").join("python");
        let mut install = python_in(place, &python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).arg(file);
        // The wheel is as it will be; what is built of the sources here is only to show that it can be. Nothing built
        // before is used: packed files bear one old date, so that cargo takes what it finds for theirs.
        install.env("MATURIN_PEP517_ARGS", "--profile dev").env("CARGO_TARGET_DIR", place.join("built-of-sdist"));
        run::check(&mut install)?;
        check(place, &python)?;
    }
    Ok(())
}

/// The one file in a folder with this ending.
fn only(folder: &Path, ending: &str) -> Result<PathBuf, Failure> {
    let files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    let mut wanted = files.iter().filter(|file| file.extension().is_some_and(|found| found == ending));
    match (wanted.next(), wanted.next()) {
        (Some(file), None) => Ok(file.clone()),
        _ => Err(format!("not one file .{ending}: {files:?}").into()),
    }
}

fn check(place: &Path, python: &Path) -> Result<(), Failure> {
    run::check(python_in(place, python).args(["-c", METADATA, &metadata::version()?]))?;
    // The guide's first program: a server that drips, ended by a deadline.
    let guide = fs::read_to_string(workspace::root().join("docs/timeouts-that-hold.md"))?;
    let first = guide.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    run::check(python_in(place, python).args(["-c", first.ok_or("the guide has no example")?]))?;
    let examples = workspace::root().join("python/examples");
    chapter::run(|name| {
        let mut program = python_in(place, python);
        program.args(["-m", "shotclock", "--timeout", "20"]).arg(examples.join(name).with_extension("py"));
        program
    })
}

/// The interpreter, away from our sources and without what the environment says of us.
fn python_in(place: &Path, python: &Path) -> Command {
    let mut command = run::command(&python.to_string_lossy(), []);
    command.current_dir(place).env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH").env_remove("SHOTCLOCK");
    command
}
