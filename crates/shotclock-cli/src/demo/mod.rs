//! `shotclock demo`: servers, clients, and every kind of wait ending at its limit.

mod outcome;
mod show;
mod transcript;
mod waits;

use std::io::ErrorKind;
use std::sync::Arc;

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
///
/// Port, lines and transcript are those of the echo programs in a book chapter of 2003 on Python's sockets, whose servers
/// listened on every address, as ours do with --host ''.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock demo
  shotclock demo --host ''
  shotclock demo --json 2>/dev/null")]
pub(crate) struct Arguments {
    /// Address or name for the servers to listen on; '' is every IPv4 address, :: every IPv6 address
    #[arg(long, default_value = serve::LOOPBACK)]
    host: String,
    /// Print events as JSON, one object a line; `shotclock schema` says which there are
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let show = Show::new(arguments.json);
    let terms = Arc::new(Terms::new(Talk::new(false, false, false)));
    let sockets = bind(&arguments.host)?;
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

/// Both servers' sockets, on the usual port if nobody has it.
fn bind(host: &str) -> Result<serve::Sockets, Failure> {
    let bound = match serve::bind_both(host, serve::PORT) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            output::say(format_args!("port {} is taken; taking a free one ({error})", serve::PORT));
            serve::bind_both(host, 0)
        }
        bound => bound,
    };
    bound.map_err(serve::name_the_reason)
}
