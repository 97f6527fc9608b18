//! `shotclock demo`: servers, clients, and every kind of wait ending at its limit.

mod outcome;
mod show;
mod transcript;
mod waits;

use std::io::ErrorKind;
use std::sync::Arc;

use shotclock::Error;

use crate::failure::{Code, Failure};
use crate::output;
use crate::serve::{self, Servers, Talk, Terms};
use show::{Event, Show};

/// Show the servers, the clients, and every kind of wait ending in time
///
/// TCP and UDP echo servers start on port 8881 of 127.0.0.1 at once (on another one if that is taken). A TCP and a UDP
/// client send three lines each. Then each kind of wait is shown ending at a limit of 0.25 s: it held if it timed out,
/// never early, and late by 0.15 s at most (room for a busy machine).
///
/// The exit code is 0 only if all of this held. It takes about two seconds.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock demo
  shotclock demo --json 2>/dev/null")]
pub(crate) struct Arguments {
    /// Print events as JSON, one object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let show = Show::new(arguments.json);
    let terms = Arc::new(Terms::new(Talk::new(false, false)));
    let sockets = bind()?;
    let addresses = sockets.addresses()?;
    let servers = Servers::start(sockets, &terms)?;
    let talked = addresses.iter().try_for_each(|(protocol, address)| transcript::talk(&show, protocol, *address));
    servers.stop()?;
    talked?;
    let held = waits::show_all(&show)?;
    show.event(&Event::End { held })?;
    output::delivered()?;
    if held { Ok(()) } else { Err(Failure::Shown(Code::Failure)) }
}

/// Both servers' sockets, on the chapter's port if nobody has it.
fn bind() -> Result<serve::Sockets, Error> {
    const HOST: &str = "127.0.0.1";
    match serve::bind_both(HOST, serve::PORT) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            output::say(format_args!("port {} is taken; taking a free one ({error})", serve::PORT));
            serve::bind_both(HOST, 0)
        }
        bound => bound,
    }
}
