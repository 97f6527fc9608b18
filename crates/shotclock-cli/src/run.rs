//! `shotclock run`: limits for the connections of any program.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use shotclock::Timeout;
use shotclock_warden::{Event, Exemption, Limits};

use crate::arguments::{self, TIME};
use crate::failure::{Code, Failure};
use crate::output;

/// Run a program, and end its TCP connections that stay silent
///
/// The limits hold for the program and for all that it starts, in whatever language they are written. Programs see ETIMEDOUT,
/// or a reset where nothing can be loaded into them. What is ended is told on standard error, a line each.
///
/// A peer that sends a byte now and then, a program that tries again and again, and programs of other users are bounded by
/// --total alone.
#[derive(clap::Args)]
#[cfg_attr(test, derive(Debug))]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// How long a connection may stay without a byte that arrives or is acknowledged; 0 or none: for ever
    #[arg(long, value_name = TIME, default_value = "60", value_parser = arguments::limit, allow_hyphen_values = true)]
    timeout: Timeout,
    /// How long a connection may take to be made [default: as --timeout]
    #[arg(long, value_name = TIME, value_parser = arguments::limit, allow_hyphen_values = true)]
    connect_timeout: Option<Timeout>,
    /// How long a name lookup may take, where the C library looks it up [default: as --timeout]
    #[arg(long, value_name = TIME, value_parser = arguments::limit, allow_hyphen_values = true)]
    lookup_timeout: Option<Timeout>,
    /// How long a connection that the program has accepted may stay silent [default: as --timeout]
    #[arg(long, value_name = TIME, value_parser = arguments::limit, allow_hyphen_values = true)]
    idle: Option<Timeout>,
    /// How long a connection that the program has accepted may take to its first byte
    #[arg(long, value_name = TIME, default_value = "none", value_parser = arguments::limit, allow_hyphen_values = true)]
    first_byte: Timeout,
    /// When all is to be over: connections end, then the processes are sent SIGTERM
    #[arg(long, value_name = TIME, default_value = "none", value_parser = arguments::limit, allow_hyphen_values = true)]
    total: Timeout,
    /// How long after SIGTERM processes that are left are sent SIGKILL
    #[arg(long, value_name = TIME, default_value = "5", value_parser = arguments::duration, allow_hyphen_values = true)]
    kill_after: std::time::Duration,
    /// Peers that are off the clock until --total: HOST, HOST:PORT or :PORT; can be repeated
    #[arg(long, value_name = "HOST:PORT", allow_hyphen_values = true)]
    exempt: Vec<Exemption>,
    /// Load nothing into the programs: they see a reset instead of ETIMEDOUT, and lookups have no limit but --total
    #[arg(long)]
    no_preload: bool,
    /// Append what happens to this file, as JSON, one object a line
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Tell what happens as JSON on standard error
    #[arg(long)]
    json: bool,
    /// The program, and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  shotclock run --timeout 20 git clone https://example.org/it.git
  shotclock run --timeout 5 --total 60 --report ended.jsonl ./nightly.sh

Exit codes: the command's own, or its signal; 124 when --total has passed; 125 if there can be no limits; 126 and 127 if
the command cannot be started, or is not found.";

/// Ends this process as the command ended.
pub(crate) fn run(arguments: &Arguments) -> Failure {
    let (program, rest) = arguments.command.split_first().unwrap_or_else(|| unreachable!("clap asks for one"));
    let record = match arguments.report.as_deref().map(record).transpose() {
        Ok(record) => record,
        Err(why) => return Failure::Said(Code::NoLimits, why),
    };
    let mut command = Command::new(program);
    command.args(rest);
    let limits = limits(arguments);
    let ended = shotclock_warden::run(command, limits, record, |event| tell(event, arguments.json));
    output::leave();
    match ended {
        Ok(ending) => shotclock_warden::end_as(ending),
        Err(error) => Failure::Said(
            match error.code() {
                126 => Code::NotStarted,
                127 => Code::NoCommand,
                _ => Code::NoLimits,
            },
            format!("{}: {error}", program.display()),
        ),
    }
}

fn limits(arguments: &Arguments) -> Limits {
    let mut limits = Limits::default();
    limits.timeout = arguments.timeout.duration();
    // None of its own is another thing than none at all: that is for ever.
    let own = |timeout: Option<Timeout>| timeout.map(|timeout| timeout.duration().unwrap_or(std::time::Duration::MAX));
    limits.connect_timeout = own(arguments.connect_timeout);
    limits.lookup_timeout = own(arguments.lookup_timeout);
    limits.idle = own(arguments.idle);
    limits.first_byte = arguments.first_byte.duration();
    limits.total = arguments.total.duration();
    limits.kill_after = arguments.kill_after;
    limits.preload = !arguments.no_preload;
    limits.exempt.clone_from(&arguments.exempt);
    limits
}

fn record(file: &Path) -> Result<File, String> {
    shotclock_warden::open_record(file).map_err(|error| format!("--report {}: {error}", file.display()))
}

fn tell(event: &Event, as_json: bool) {
    static STARTED: Once = Once::new();
    // Only now, since a process with threads can get no warden. If it fails, each line is written by itself.
    STARTED.call_once(|| drop(output::start()));
    match serde_json::to_string(event) {
        Ok(json) if as_json => output::say(format_args!("{json}")),
        _ => output::say(format_args!("shotclock: {event}")),
    }
}
