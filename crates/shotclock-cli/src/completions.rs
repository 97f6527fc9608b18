//! `shotclock completions`: what a shell needs to complete the command's arguments.

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
pub(crate) fn run(arguments: &Arguments, mut command: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "shotclock", &mut script);
    output::bytes(&script, Deadline::NEVER)?;
    output::flush(Deadline::NEVER)
}
