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
    let mut files: Vec<PathBuf> =
        fs::read_dir(&built)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.sort();
    let [sdist, wheel] = files.as_slice() else {
        return Err(format!("wheel and sdist, and no more: {files:?}").into());
    };
    for (name, file) in [("from-wheel", wheel), ("from-sdist", sdist)] {
        let venv = place.join(name);
        run::check(run::command("python3", ["-m", "venv"]).arg(&venv))?;
        let python = venv.join("bin").join("python");
        let mut install = python_in(place, &python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).arg(file);
        // The wheel is as it will be; what is built of the sources here is only to show that it can be.
        install.env("MATURIN_PEP517_ARGS", "--profile dev").env("CARGO_TARGET_DIR", target.join("release-check"));
        run::check(&mut install)?;
        check(place, &python)?;
    }
    Ok(())
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
