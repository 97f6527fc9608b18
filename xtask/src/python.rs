//! Virtual environments with the tools of the Python tests and our package, and pytest in one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, run, skips, workspace};

const REQUIREMENTS: &str = "python/requirements-test.txt";

/// pytest on our Python tests, in a virtual environment of its own.
pub(crate) fn pytest(target: &Path) -> Result<Command, Failure> {
    pytest_in(&environment(target, "venv", "python3")?, target)
}

/// The same, on another interpreter.
pub(crate) fn pytest_on(interpreter: &str, target: &Path) -> Result<Command, Failure> {
    pytest_in(&environment(target, &format!("venv-tests-{}", version(interpreter)?), interpreter)?, target)
}

fn pytest_in(python: &Path, target: &Path) -> Result<Command, Failure> {
    let mut pytest = run::command(&python.to_string_lossy(), ["-m", "pytest", "-rfEs", "--color=no", "python/tests"]);
    pytest.env("SHOTCLOCK_BIN", target.join("debug").join("shotclock"));
    pytest.env("SHOTCLOCK_EXAMPLES", target.join("debug").join("examples"));
    // No cache files in the tree.
    pytest.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(pytest)
}

/// The Python of the virtual environment `target/NAME`, which is made if need be, of this interpreter; our package in
/// it is the one of the sources as they are now.
pub(crate) fn environment(target: &Path, name: &str, interpreter: &str) -> Result<PathBuf, Failure> {
    environment_with(target, name, interpreter, "release")
}

/// The same, with the package compiled in this profile.
pub(crate) fn environment_with(
    target: &Path,
    name: &str,
    interpreter: &str,
    profile: &str,
) -> Result<PathBuf, Failure> {
    made(&target.join(name), interpreter, REQUIREMENTS, profile)
}

/// The same, with what another file of requirements names; the build tool must be in it.
pub(crate) fn environment_of(
    target: &Path,
    name: &str,
    interpreter: &str,
    requirements: &str,
) -> Result<PathBuf, Failure> {
    made(&target.join(name), interpreter, requirements, "release")
}

fn made(venv: &Path, interpreter: &str, requirements: &str, profile: &str) -> Result<PathBuf, Failure> {
    let python = venv.join("bin").join("python");
    prepare(venv, &python, interpreter, requirements)?;
    install_package(venv, &python, profile)?;
    Ok(python)
}

/// Installs what another file of requirements names into the environment `target/NAME`, as far as it can be had here;
/// what cannot is announced as skipped.
pub(crate) fn extend(target: &Path, name: &str, requirements: &str) -> Result<(), Failure> {
    let venv = target.join(name);
    let python = venv.join("bin").join("python");
    let wanted = fs::read_to_string(workspace::root().join(requirements))?;
    let stamp = venv.join("extended.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let pip = |what: [&str; 2]| run::check(run::command(&python.to_string_lossy(), install).args(what));
    if pip(["--requirement", requirements]).is_ok() {
        return Ok(fs::write(stamp, wanted)?);
    }
    // One that cannot be had keeps the others from being installed with it. No stamp: it may be had the next time.
    for line in wanted.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if pip(["--", line]).is_err() {
            skips::announce(line, "pip cannot install it here");
        }
    }
    Ok(())
}

/// The Python of the virtual environment `target/NAME` with what a file of requirements names, and without our package.
pub(crate) fn tools(target: &Path, name: &str, requirements: &str) -> Result<PathBuf, Failure> {
    let venv = target.join(name);
    let python = venv.join("bin").join("python");
    prepare(&venv, &python, "python3", requirements)?;
    Ok(python)
}

/// Builds the package's wheel as it is now into a folder.
pub(crate) fn wheel(target: &Path, folder: &Path) -> Result<(), Failure> {
    let venv = target.join("venv");
    let python = venv.join("bin").join("python");
    prepare(&venv, &python, "python3", REQUIREMENTS)?;
    let mut pip = pip(&venv, &python, "release", ["wheel", "--wheel-dir"])?;
    run::check(pip.arg(folder).arg("."))
}

/// Packs the package's sources as they are now into a folder.
pub(crate) fn source_distribution(target: &Path, folder: &Path) -> Result<(), Failure> {
    let python = tools(target, "venv", REQUIREMENTS)?;
    run::check(run::command(&python.to_string_lossy(), ["-m", "maturin", "sdist", "--out"]).arg(folder))
}

/// An interpreter's version, such as 3.13.0.
pub(crate) fn version(interpreter: &str) -> Result<String, Failure> {
    let mut command = run::command(interpreter, ["-c", "import platform; print(platform.python_version())"]);
    let output = command.output().map_err(|error| format!("{interpreter}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{interpreter}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn prepare(venv: &Path, python: &Path, interpreter: &str, requirements: &str) -> Result<(), Failure> {
    let wanted = fs::read_to_string(workspace::root().join(requirements))?;
    let wanted = format!("{interpreter}\n{wanted}");
    let stamp = venv.join("installed.txt");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run::check(&mut run::command(interpreter, ["-m", "venv", "--clear", &venv.to_string_lossy()]))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements];
    run::check(&mut run::command(&python.to_string_lossy(), install))?;
    // Written last: a half-made environment is made again.
    Ok(fs::write(stamp, wanted)?)
}

/// Builds the package as it is now and installs it, with the build tool of the requirements.
fn install_package(venv: &Path, python: &Path, profile: &str) -> Result<(), Failure> {
    run::check(pip(venv, python, profile, ["install", "--force-reinstall"])?.arg("."))
}

/// pip, which builds our package with the build tool of the virtual environment.
fn pip(venv: &Path, python: &Path, profile: &str, does: [&str; 2]) -> Result<Command, Failure> {
    let mut pip = run::command(&python.to_string_lossy(), ["-m", "pip"]);
    pip.arg(does[0]).args(["--quiet", "--disable-pip-version-check", "--no-build-isolation", "--no-deps"]).arg(does[1]);
    // The build tool is a program of the environment.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::iter::once(venv.join("bin")).chain(std::env::split_paths(&path));
    pip.env("PATH", std::env::join_paths(places)?);
    pip.env("MATURIN_PEP517_ARGS", format!("--profile {profile}"));
    Ok(pip)
}
