//! `shotclock man`: the manual pages, on the terminal or in a file.

use clap::Command;
use shotclock::Deadline;

use crate::failure::Failure;
use crate::{output, pages};

/// Print a manual page
///
/// Without a SUBCOMMAND it is the page of the command itself. What is printed is the page's source, for man(1).
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock man | man -l -
  shotclock man send > ~/.local/share/man/man1/shotclock-send.1")]
pub(crate) struct Arguments {
    /// Whose page
    subcommand: Option<String>,
}

/// `command` is the whole command, whose pages they are.
pub(crate) fn run(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    let asked = arguments.subcommand.as_deref();
    let page = pages::named(command, asked);
    let page =
        page.ok_or_else(|| Failure::Usage(format!("no page for {:?}: it is no subcommand", asked.unwrap_or(""))))?;
    output::bytes(&page.text, Deadline::NEVER)?;
    output::flush(Deadline::NEVER)
}
