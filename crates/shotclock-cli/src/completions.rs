//! `shotclock completions`: what a shell needs to complete the command's arguments.

use clap::CommandFactory;
use clap_complete::Shell;
use shotclock::Deadline;

use crate::exit::Failure;
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

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::Cli::command(), "shotclock", &mut script);
    output::bytes(&script, Deadline::NEVER)?;
    output::flush(Deadline::NEVER)
}
