//! The modes on the command line: each entry of the table of faults is a subcommand, with the option that it takes.

use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, FromArgMatches, Subcommand};
use shotclock_faults::{Argument, Fault, MODES, Mode, Unit};

use crate::arguments::{self, TIME};

/// The mode that was chosen, as the fault that it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen(pub(super) Fault);

impl Subcommand for Chosen {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(MODES.iter().map(|mode| {
            let subcommand = Command::new(mode.name).about(mode.to_string());
            subcommand.args(mode.argument().map(option))
        }))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Mode::named(name).is_some()
    }
}

impl FromArgMatches for Chosen {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let chosen = matches.subcommand().and_then(|(name, told)| Some((Mode::named(name)?, told)));
        let (mode, told) = chosen.ok_or_else(|| clap::Error::new(ErrorKind::MissingSubcommand))?;
        Ok(Self(mode.fault(mode.argument().map_or(0, |argument| amount(argument, told)))))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn option(argument: &'static Argument) -> Arg {
    let option = Arg::new(argument.option).long(argument.option).help(argument.says).allow_hyphen_values(true);
    let option = option.default_value(argument.default);
    match argument.unit {
        Unit::Bytes => option.value_name("BYTES").value_parser(arguments::whole(0..=u64::MAX)),
        Unit::Time => option.value_name(TIME).value_parser(arguments::duration),
    }
}

/// How many bytes, or nanoseconds, the mode was told.
fn amount(argument: &Argument, told: &ArgMatches) -> u64 {
    let told = match argument.unit {
        Unit::Bytes => told.get_one::<u64>(argument.option).copied(),
        // `arguments::duration` takes no time that is longer than the number.
        Unit::Time => {
            told.get_one::<Duration>(argument.option).map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
        }
    };
    told.unwrap_or(0)
}

/// An example of each, for the help text.
pub(super) fn examples() -> String {
    let lines = MODES.iter().map(|mode| format!("\n  shotclock faults {} {}", mode.name, mode.example));
    lines.fold("Examples:".to_owned(), |examples, line| examples + line.trim_end())
}
