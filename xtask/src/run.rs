//! Starting other programs: each command line is echoed, nothing goes through a shell.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Failure, workspace};

/// Administrators' programs, which are not on everybody's path.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// What a program said and how it ended.
pub(crate) struct Output {
    /// All lines of standard output, then all of standard error.
    pub(crate) lines: Vec<String>,
    pub(crate) success: bool,
}

/// cargo in the workspace root, by the toolchain that runs us.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    command("cargo", arguments)
}

/// Any program, in the workspace root.
pub(crate) fn command<const N: usize>(program: &str, arguments: [&str; N]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace::root()).stdin(Stdio::null());
    command
}

/// The same program under a watchdog: `timeout(1)` ends it and all its children after so many seconds.
pub(crate) fn bounded(seconds: u32, inner: &Command) -> Command {
    if !is_installed("timeout", ["--version"]) {
        let mut same = Command::new(inner.get_program());
        same.args(inner.get_args());
        return copy_surroundings(same, inner);
    }
    let mut outer = Command::new("timeout");
    outer.args(["--kill-after=10", &seconds.to_string()]).arg(inner.get_program()).args(inner.get_args());
    copy_surroundings(outer, inner)
}

/// Runs to the end; an error if it cannot be started or fails.
pub(crate) fn check(command: &mut Command) -> Result<(), Failure> {
    echo(command);
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", line(command)).into()) }
}

/// Runs to the end, passing its output on line by line and keeping it.
pub(crate) fn tee(command: &mut Command) -> Result<Output, Failure> {
    echo(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let lines = std::thread::scope(|scope| {
        let talk = scope.spawn(|| pass_on(err, |line| eprintln!("{line}")));
        let mut lines = pass_on(out, |line| println!("{line}"));
        lines.extend(talk.join().unwrap_or_default());
        lines
    });
    let success = child.wait()?.success();
    Ok(Output { lines, success })
}

/// Whether the program is there: it runs with these arguments and ends well.
pub(crate) fn is_installed<const N: usize>(program: &str, arguments: [&str; N]) -> bool {
    let mut probe = command(program, arguments);
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Whether a program of this name can be started.
pub(crate) fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = SYSTEM_FOLDERS.iter().map(|folder| Path::new(folder).to_owned());
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

fn copy_surroundings(mut command: Command, from: &Command) -> Command {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(workspace::root()).stdin(Stdio::null());
    command
}

fn pass_on(pipe: Option<impl Read>, show: impl Fn(&str)) -> Vec<String> {
    let Some(pipe) = pipe else { return Vec::new() };
    let chunks = BufReader::new(pipe).split(b'\n').map_while(Result::ok);
    let lines = chunks.map(|bytes| String::from_utf8_lossy(&bytes).trim_end_matches('\r').to_owned());
    lines.inspect(|line| show(line)).collect()
}

fn echo(command: &Command) {
    eprintln!("+ {}", line(command));
}

fn line(command: &Command) -> String {
    let own = command.get_envs().filter_map(|(name, value)| Some(format!("{}={}", name.display(), value?.display())));
    let program = std::iter::once(command.get_program()).chain(command.get_args());
    own.chain(program.map(|word| word.to_string_lossy().into_owned())).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    format!("{}: cannot be started: {error}", line(command)).into()
}
