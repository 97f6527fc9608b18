//! Wheels and the source distribution as PyPI would have them, each in a virtual environment of its own.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::files::only;
use super::wheels::{PLATFORMS, Platform, Workshop};
use super::{bill, chapter, metadata, sdist};
use crate::{Failure, debian, python, run, skips, workspace};

/// What an installed package must know of itself.
const METADATA: &str = "
import importlib.metadata, json, sys
about = importlib.metadata.metadata('shotclock')
for field in ['Name', 'Version', 'Summary', 'Keywords', 'Author', 'License-Expression', 'License-File', 'Requires-Python',
              'Classifier', 'Description-Content-Type']:
    assert about[field], field
assert about['Version'] == sys.argv[1], about['Version']
assert '# shotclock' in about.get_payload(), 'no long description'
files = {file.name: file for file in importlib.metadata.files('shotclock')}
for name in ['shotclock-startup.pth', 'timeoutsocket.py', 'py.typed', 'LICENSE-MIT', 'LICENSE-APACHE', *sys.argv[2:]]:
    assert name in files, name
parts = json.loads(files[sys.argv[3]].read_text())['components']
assert any(part['name'] == 'rustix' for part in parts) and not any(part['name'] == 'idna' for part in parts), parts
import shotclock, timeoutsocket
assert 'site-packages' in shotclock.__file__, shotclock.__file__
";

/// Whose interpreter is emulated.
const SUITE: &str = "bookworm";

/// What wheels are made and tried with.
#[derive(clap::Args)]
pub(crate) struct Means {
    /// Of the wheels only those whose tags have this text in them
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// An interpreter to try the wheel of this machine in; again for more (python3, if none is given)
    #[arg(long)]
    python: Vec<PathBuf>,
    /// A folder with a Debian for aarch64, to try that wheel in by qemu-aarch64; it is made if it is not there, and kept
    #[arg(long, value_name = "DIR")]
    aarch64: Option<PathBuf>,
    /// An interpreter that is linked with musl, to try that wheel in
    #[arg(long, value_name = "EXE")]
    musl: Option<PathBuf>,
    /// Where the compiler for systems is that rustup has no standard library for, as `cargo xtask systems --fetch` makes it
    #[arg(long, value_name = "DIR")]
    compiler: Option<PathBuf>,
}

/// An interpreter that a wheel is tried in.
struct Interpreter {
    /// What stands before it: an emulator.
    before: Vec<OsString>,
    program: PathBuf,
    /// pip, where there is no module of that name: a wheel of its own.
    pip: Option<PathBuf>,
}

/// Builds all, and tries each as far as an interpreter is here. Gives the files, and adds to the skips.
pub(crate) fn try_out(
    target: &Path,
    place: &Path,
    means: &Means,
    wheels_only: bool,
    skipped: &mut Vec<String>,
) -> Result<Vec<PathBuf>, Failure> {
    let built = place.join("dist");
    fs::create_dir(&built)?;
    let sources = sdist::make(target, place, &built)?;
    let mut files = vec![sources.archive.clone()];
    let workshop = Workshop::new(target, place, means.compiler.as_deref())?;
    // The distribution's cargo looks nowhere but beside it, where the standard library's own crates are not.
    let elsewhere = place.join("sources").join("offline");
    fs::rename(sources.tree.join(".cargo"), &elsewhere)?;
    let is_wanted = |platform: &&Platform| means.only.as_ref().is_none_or(|text| platform.tag().contains(text));
    for platform in PLATFORMS.iter().filter(is_wanted) {
        let Some(wheel) = workshop.wheel(platform, &sources.tree, &built, skipped)? else { continue };
        for interpreter in interpreters(platform, means, skipped)? {
            in_environment(place, &interpreter, &wheel)?;
        }
        files.push(wheel);
    }
    if !wheels_only {
        let wheel = from_sources(target, place, &sources.archive)?;
        in_environment(place, &Interpreter::here("python3"), &wheel)?;
    }
    Ok(files)
}

impl Interpreter {
    fn here(program: impl Into<PathBuf>) -> Self {
        Self { before: Vec::new(), program: program.into(), pip: None }
    }

    /// Of a Debian of another processor, unpacked into a folder, by an emulator.
    fn emulated(processor: &str, architecture: &str, debian: &Path) -> Result<Self, Failure> {
        let emulator = format!("qemu-{processor}");
        debian::unpacked(debian, architecture, SUITE, &["python3", "python3-venv"])?;
        let debian = &debian.canonicalize()?;
        Ok(Self {
            before: vec![emulator.into(), "-L".into(), debian.into()],
            program: debian.join("usr/bin/python3"),
            pip: Some(only(&debian.join("usr/share/python-wheels"), "pip")?),
        })
    }

    fn command(&self, place: &Path, program: &Path) -> Command {
        let words: Vec<&OsStr> = self.before.iter().map(OsString::as_os_str).chain([program.as_os_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(place).stdin(std::process::Stdio::null());
        // Away from our sources, and without what the environment says of us.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH").env_remove("SHOTCLOCK");
        command
    }
}

/// What this machine can run a wheel with; what it cannot is said.
fn interpreters(platform: &Platform, means: &Means, skipped: &mut Vec<String>) -> Result<Vec<Interpreter>, Failure> {
    let mut missing = |what: &str, option: &str| {
        skipped.push(skips::announce(what, &format!("its wheel is audited and not run: give {option}")));
        Vec::new()
    };
    Ok(match platform.target {
        "aarch64-unknown-linux-gnu" => match &means.aarch64 {
            None => missing("aarch64-wheel", "--aarch64"),
            Some(debian) => vec![Interpreter::emulated("aarch64", "arm64", debian)?],
        },
        "x86_64-unknown-linux-musl" => match &means.musl {
            None => missing("musl-wheel", "--musl"),
            Some(program) => vec![Interpreter::here(program)],
        },
        _ if means.python.is_empty() => vec![Interpreter::here("python3")],
        _ => means.python.iter().map(Interpreter::here).collect(),
    })
}

/// Builds a wheel of the source distribution as it is uploaded, where nothing can be fetched: no registry, nothing that
/// was fetched before, and no files built before.
fn from_sources(target: &Path, place: &Path, archive: &Path) -> Result<PathBuf, Failure> {
    let python = python::tools(target, "venv-release", super::wheels::REQUIREMENTS)?;
    let out = place.join("from-sources");
    let mut pip = run::command(&python.to_string_lossy(), ["-m", "pip", "wheel", "--no-index", "--no-build-isolation"]);
    pip.args(["--quiet", "--no-deps", "--wheel-dir"]).arg(&out).arg(archive).current_dir(place);
    // The build tool is a program of the environment.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = python.parent().map(Path::to_path_buf).into_iter();
    pip.env("PATH", std::env::join_paths(tools.chain(std::env::split_paths(&path)))?);
    pip.env("CARGO_HOME", place.join("no-registry")).env("CARGO_NET_OFFLINE", "true");
    // It is only to show that it can be built.
    pip.env("MATURIN_PEP517_ARGS", "--profile dev").env("CARGO_TARGET_DIR", place.join("built-of-sources"));
    run::check(&mut pip)?;
    only(&out, "whl")
}

/// Installs a wheel into a new environment, tries it there, and sees to it that nothing is left when it is gone.
fn in_environment(place: &Path, interpreter: &Interpreter, wheel: &Path) -> Result<(), Failure> {
    let venv = place.join("environment");
    let mut make = interpreter.command(place, &interpreter.program);
    make.args(["-m", "venv"]).args(interpreter.pip.as_ref().map(|_| "--without-pip")).arg(&venv);
    run::check(&mut make)?;
    let program = venv.join("bin").join("python");
    let python = || interpreter.command(place, &program);
    let pip = |words: &[&str]| {
        let mut pip = python();
        match &interpreter.pip {
            Some(wheel) => pip.arg(wheel.join("pip")),
            None => pip.args(["-m", "pip"]),
        };
        pip.args(words).args(["--quiet", "--disable-pip-version-check"]);
        pip
    };
    let before = files_below(&venv)?;
    run::check(pip(&["install", "--no-index", "--no-deps"]).arg(wheel))?;
    check(python)?;
    run::check(&mut pip(&["uninstall", "--yes", "shotclock"]))?;
    let left: Vec<PathBuf> = files_below(&venv)?.into_iter().filter(|file| !before.contains(file)).collect();
    if !left.is_empty() {
        return Err(format!("{} leaves files behind: {left:?}", wheel.display()).into());
    }
    Ok(fs::remove_dir_all(venv)?)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        }
        files.push(entry.path());
    }
    Ok(files)
}

fn check(python: impl Fn() -> Command) -> Result<(), Failure> {
    run::check(python().args(["-c", METADATA, &metadata::version()?, bill::LICENCES, bill::BILL]))?;
    // The start-up file.
    let reached = "import socket; assert 'recv' in vars(socket.socket), 'SHOTCLOCK=1 reaches nothing'";
    run::check(python().args(["-c", reached]).env("SHOTCLOCK", "1"))?;
    // The guide's first program: a server that drips, ended by a deadline.
    let guide = fs::read_to_string(workspace::root().join("docs/timeouts-that-hold.md"))?;
    let first = guide.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    run::check(python().args(["-c", first.ok_or("the guide has no example")?]))?;
    let examples = workspace::root().join("python/examples");
    chapter::run(|name| {
        let mut program = python();
        program.args(["-m", "shotclock", "--timeout", "20"]).arg(examples.join(name).with_extension("py"));
        program
    })
}
