//! `shotclock schema`: what is printed with `--json`, as a JSON Schema.

use shotclock::Deadline;

use crate::failure::Failure;
use crate::output;

/// A test holds what is printed to it, the other way round as well.
const SCHEMA: &str = include_str!("../schema/events.json");

/// Print the JSON Schema of what --json prints
///
/// The lines that a subcommand prints with --json are each of the definition with its name: `#/$defs/serve` for `serve`.
/// Those of `run` are on standard error, and in its --report.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock schema > shotclock.schema.json")]
pub(crate) struct Arguments {}

pub(crate) fn run() -> Result<(), Failure> {
    output::bytes(SCHEMA.as_bytes(), Deadline::NEVER)?;
    output::flush(Deadline::NEVER)
}
