//! `shotclock completions`: what a shell needs to complete the command's arguments.

use clap::Command;
use clap_complete::Shell;
use shotclock::Deadline;

use crate::failure::Failure;
use crate::output;

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock completions bash > ~/.local/share/bash-completion/completions/shotclock
  shotclock completions zsh > ~/.zfunc/_shotclock")]
pub(crate) struct Arguments {
    /// Whose
    shell: Shell,
}

/// `command` is the whole command, whose arguments are completed.
pub(crate) fn run(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    output::bytes(&script(arguments.shell, command), Deadline::NEVER)?;
    output::flush(Deadline::NEVER)
}

/// The script for a shell.
pub(crate) fn script(shell: Shell, mut command: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "shotclock", &mut script);
    script
}
