//! The command `shotclock`: echo servers and clients, lookups, a misbehaving peer, and a demonstration of waits that end in time.
//!
//! Every wait goes through the core's sockets, deadlines and cancellers. Data goes to standard output, talk to standard
//! error, and the exit code says which limit ended it.

mod arguments;
mod completions;
mod demo;
mod exit;
mod failure;
mod faults;
mod hint;
mod input;
mod interrupt;
mod man;
mod output;
mod pages;
mod resolve;
mod run;
mod schema;
mod send;
mod serve;
mod share;
mod system;
mod thread;
mod tls;
mod wire;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use failure::Failure;
use output::When;

/// Plain blocking sockets in which every wait has a name and a limit.
#[derive(Parser)]
#[command(name = "shotclock", version, after_help = "See `shotclock help` for the exit codes.")]
#[command(after_long_help = failure::HELP, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Colours for people
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto, hide_possible_values = true)]
    color: When,
}

/// The same with one subcommand: a program beneath `run` does not wait for the arguments of all others to be put together.
#[derive(Parser)]
#[command(name = "shotclock", version, propagate_version = true)]
struct Quick {
    #[command(subcommand)]
    command: QuickCommand,
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    color: When,
}

#[derive(Subcommand)]
enum QuickCommand {
    Run(run::Arguments),
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Send(send::Arguments),
    Resolve(resolve::Arguments),
    Faults(faults::Arguments),
    Run(run::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    #[command(hide = true)]
    Share(share::Arguments),
}

fn main() -> ExitCode {
    let color = When::asked(std::env::args_os());
    color.decide();
    if std::env::args_os().nth(1).is_some_and(|word| word == "run")
        // What is wrong with it the whole parser says, and what it asks for beside a command.
        && let Ok(Quick { command: QuickCommand::Run(arguments), color }) = Quick::try_parse()
    {
        color.decide();
        return exit::code(Err(run::run(&arguments)));
    }
    let parsed = Cli::command().color(color.for_parser()).try_get_matches();
    let command = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(Cli { command, color }) => {
            color.decide();
            command
        }
        Err(error) => return exit::parsing(&error),
    };
    // Before there are threads.
    if let Command::Run(arguments) = &command {
        return exit::code(Err(run::run(arguments)));
    }
    let ended = output::start().map_err(Failure::from).and_then(|()| run(&command));
    exit::code(ended)
}

fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Send(arguments) => send::run(arguments),
        Command::Resolve(arguments) => resolve::run(arguments),
        Command::Faults(arguments) => faults::run(arguments),
        Command::Run(arguments) => Err(run::run(arguments)),
        Command::Schema(schema::Arguments {}) => schema::run(),
        Command::Completions(arguments) => completions::run(arguments, Cli::command()),
        Command::Man(arguments) => man::run(arguments, Cli::command()),
        Command::Share(arguments) => share::run(arguments, &Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_quick_parser_takes_what_the_whole_one_takes() {
        let lines = [
            "run true",
            "run --help",
            "run -h",
            "run -V",
            "run --version",
            "run",
            "run --color never true",
            "run --timeout 5 -- ls -l --color always",
            "run --timeout soon true",
            "--color never run true",
        ];
        for line in lines {
            let words = || std::iter::once("shotclock").chain(line.split(' '));
            let quick = Quick::try_parse_from(words()).map(|quick| {
                let QuickCommand::Run(arguments) = quick.command;
                format!("{arguments:?}")
            });
            let whole = Cli::try_parse_from(words()).map(|whole| match whole.command {
                Command::Run(arguments) => format!("{arguments:?}"),
                _ => unreachable!("run was asked for"),
            });
            let kind = |error: clap::Error| error.kind();
            assert_eq!(quick.map_err(kind), whole.map_err(kind), "{line}");
        }
    }

    #[test]
    fn bad_input_is_named() {
        for (line, value) in [
            ("serve --port 70000", "70000"),
            ("serve --port -1", "-1"),
            ("serve --timeout -1", "-1"),
            ("serve --timeout nan", "nan"),
            ("serve --timeout 1e300", "1e300"),
            ("serve --max-connections 0", "0"),
            ("serve --max-rate -5", "-5"),
            ("serve sctp", "sctp"),
            ("send tcp localhost 1 --total soon", "soon"),
            ("resolve x --timeout -0.5", "-0.5"),
            ("faults loud", "loud"),
            ("faults drip --interval -1", "-1"),
            ("faults drip --after 1", "--after"),
            ("faults stall --after some", "some"),
            ("faults silent --for nan", "nan"),
            ("faults silent --max-connections 0", "0"),
            ("faults udp-drop --every 0", "0"),
            ("serve --listen localhost:70000", "localhost:70000"),
            ("send tcp localhost 1 --source nowhere", "nowhere"),
        ] {
            let words = std::iter::once("shotclock").chain(line.split(' '));
            let error = Cli::try_parse_from(words).err().unwrap_or_else(|| panic!("{line}: accepted"));
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(&format!("'{value}'")), "{line}: {error}");
        }
    }
}
