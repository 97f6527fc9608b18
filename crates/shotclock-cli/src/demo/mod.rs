//! `shotclock demo`: servers, clients, and every kind of wait ending at its limit.

mod transcript;
mod waits;

use std::io::ErrorKind;
use std::sync::Arc;

use serde::Serialize;
use shotclock::Error;

use crate::exit::{Code, Failure};
use crate::output;
use crate::serve::{self, Servers, Talk, Terms};

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
    let show = Show { json: arguments.json };
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

/// Where the demonstration is shown.
struct Show {
    json: bool,
}

/// One line of it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Connected { client: &'a str, to: String },
    Sent { client: &'a str, data: &'a str },
    Received { client: &'a str, data: &'a str },
    Wait(&'a waits::Outcome),
    End { held: bool },
}

impl Show {
    /// For people only.
    fn heading(&self, text: &str) -> Result<(), Failure> {
        if !self.json {
            output::line(format_args!("\n{text}"))?;
        }
        Ok(())
    }

    fn event(&self, event: &Event<'_>) -> Result<(), Failure> {
        if self.json {
            return Ok(output::json(event)?);
        }
        match event {
            Event::Connected { .. } => output::line(format_args!("Connected to server")),
            Event::Sent { data, .. } => output::line(format_args!("Sent: {data}")),
            Event::Received { data, .. } => output::line(format_args!("Received: {data}")),
            Event::Wait(outcome) => output::line(format_args!("{outcome}")),
            Event::End { held: true } => output::line(format_args!("\nAll limits held.")),
            Event::End { held: false } => output::line(format_args!("\nNOT all limits held.")),
        }?;
        Ok(())
    }
}
