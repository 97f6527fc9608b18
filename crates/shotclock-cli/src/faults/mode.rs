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
    let option = option.value_name(value_name(argument.unit));
    match argument.unit {
        Unit::Bytes => option.value_parser(arguments::whole(0..=u64::MAX)),
        Unit::Time => option.value_parser(arguments::duration),
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

/// What modes are told, and an example of each, for the help text.
pub(super) fn end_of_help() -> String {
    let examples = MODES.iter().map(|mode| format!("\n  shotclock faults {} {}", mode.name, mode.example));
    let examples = examples.fold("Examples:".to_owned(), |examples, line| examples + line.trim_end());
    format!("{}\n\n{examples}", told())
}

/// The options of single modes, each with those that have it.
fn told() -> String {
    let mut arguments: Vec<&Argument> = Vec::new();
    for argument in MODES.iter().filter_map(Mode::argument) {
        if arguments.iter().all(|other| other.option != argument.option) {
            arguments.push(argument);
        }
    }
    let lines = arguments.into_iter().map(|argument| {
        let has_it = |mode: &&Mode| mode.argument().is_some_and(|own| own.option == argument.option);
        let modes: Vec<&str> = MODES.iter().filter(has_it).map(|mode| mode.name).collect();
        let Argument { option, says, default, .. } = argument;
        let value = value_name(argument.unit);
        format!("\n  --{option} <{value}>  {says} [default: {default}]\n{}", wrapped(&modes))
    });
    lines.fold("Options of single modes, after their name:".to_owned(), |text, line| text + &line)
}

/// Names, some a line, below an option.
fn wrapped(names: &[&str]) -> String {
    let mut lines = vec![String::new()];
    for name in names {
        if lines.last().is_some_and(|line| line.len() + name.len() > 70) {
            lines.push(String::new());
        }
        let line = lines.last_mut().unwrap_or_else(|| unreachable!("there is a first one"));
        *line += &format!("{}{name}", if line.is_empty() { "" } else { ", " });
    }
    let lines: Vec<String> = lines.into_iter().map(|line| format!("        {line}")).collect();
    lines.join(",\n")
}

fn value_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "BYTES",
        Unit::Time => TIME,
    }
}

/// All of them, for whoever named none.
pub(crate) fn all() -> String {
    wrapped(&MODES.iter().map(|mode| mode.name).collect::<Vec<_>>())
}
