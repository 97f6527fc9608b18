//! `shotclock send`: the echo clients, for any server that answers.

mod lines;
mod raw;
mod report;

use std::ffi::OsString;

use shotclock::{AddressInfoHints, Connector, Deadline, Error, Family, Kind, Lookup, Socket, Timeout};

use crate::arguments::{self, SECONDS};
use crate::failure::{Code, Failure};
use crate::output;
use report::Report;

/// Send lines to a server, and print what it answers
///
/// Over TCP each line of a TEXT goes out as a line, and one line of answer is awaited; over UDP each TEXT is a datagram,
/// as it is, and one datagram of answer is awaited. Without TEXT, or with `-`, the lines come from standard input, over
/// UDP each as a datagram without its end. A line may have 64 KiB over TCP, a datagram 65,507 bytes.
///
/// `Connected to server`, `Sent: ..` and `Received: ..` go to standard output. With --quiet only the answers do.
///
/// With --raw nothing is changed on the way. Over TCP all of standard input goes out, and all that comes back goes to
/// standard output, until both have ended: once the server has ended its data, standard input may be silent for
/// --timeout. Over UDP all of standard input is one datagram, and the data of one answer goes to standard output. If
/// standard input cannot be read to its end, the connection is reset, so that the server does not take a part for all.
///
/// Success is reported only if all was sent, all answers came, and all was written to standard output, or its reader is
/// gone. Until it is read, the command waits, but no longer than --total.
///
/// A name's IPv4 addresses are tried first over UDP; over TCP all addresses are tried in the system's order.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shotclock send tcp localhost 8881 \"one line\" \"another\"
  echo hello | shotclock send udp localhost 8881 --timeout 1 -
  shotclock send tcp example.org 7 --connect-timeout 2 --total 5 hello
  shotclock send tcp localhost 8881 --raw < file > the-same
  printf 'a\\nb' | shotclock send udp localhost 8881 --raw > answer

Exit codes: 3 name not found, 4 nobody there; the limit of 10 the lookup, 11 the connect,
12 one wait (--timeout), 13 the whole (--total). See `shotclock help`.")]
pub(crate) struct Arguments {
    /// Over what
    #[arg(value_enum)]
    protocol: Protocol,
    /// The server's name or address
    host: String,
    /// The server's port
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// What to send; nothing or `-`: the lines of standard input
    text: Vec<OsString>,
    /// Limit of each wait for the server, a send or an answer; 0 or none: for ever
    #[arg(long, value_name = SECONDS, default_value = "10", value_parser = arguments::limit, allow_hyphen_values = true)]
    timeout: Timeout,
    /// Limit of the lookup and the connect together; 0 or none: for ever
    #[arg(long, value_name = SECONDS, default_value = "10", value_parser = arguments::limit, allow_hyphen_values = true)]
    connect_timeout: Timeout,
    /// Limit of everything together, standard input too; 0 or none: for ever
    #[arg(long, value_name = SECONDS, default_value = "none", value_parser = arguments::limit, allow_hyphen_values = true)]
    total: Timeout,
    /// Print the answers only
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    /// Standard input as it is: over TCP all that comes and goes, over UDP one datagram
    #[arg(long, conflicts_with_all = ["json", "quiet"])]
    raw: bool,
    /// Print events as JSON, one object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Protocol {
    Tcp,
    Udp,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.raw && !arguments.reads_input() {
        let text = "--raw sends standard input: expected no TEXT";
        return Err(Failure::Usage(text.to_owned()));
    }
    let total = Deadline::after(arguments.total);
    let report = Report::new(arguments.json, arguments.quiet, total);
    let done = talk(arguments, &report, total);
    if let Err(failure) = &done {
        report.failed(failure);
    }
    done
}

fn talk(arguments: &Arguments, report: &Report, total: Deadline) -> Result<(), Failure> {
    let socket = match arguments.protocol {
        Protocol::Tcp => connect_stream(arguments, total)?,
        Protocol::Udp => connect_datagrams(arguments, total)?,
    };
    socket.set_timeout(arguments.timeout);
    if arguments.raw {
        return match arguments.protocol {
            Protocol::Tcp => raw::over_stream(&socket, arguments.timeout, total),
            Protocol::Udp => raw::over_datagrams(&socket, total),
        };
    }
    report.connected(&socket.getpeername()?)?;
    let texts = if arguments.reads_input() { None } else { Some(arguments.text.as_slice()) };
    match arguments.protocol {
        Protocol::Tcp => lines::over_stream(&socket, texts, report, total),
        Protocol::Udp => lines::over_datagrams(&socket, texts, report, total),
    }?;
    output::flush(total)
}

impl Arguments {
    fn reads_input(&self) -> bool {
        matches!(self.text.as_slice(), [] | [_]) && self.text.first().is_none_or(|text| text == "-")
    }
}

fn connect_stream(arguments: &Arguments, total: Deadline) -> Result<Socket, Failure> {
    let connector = Connector::new().timeout(arguments.connect_timeout).until(total);
    Ok(connector.connect((&arguments.host, arguments.port))?)
}

/// Only the chosen peer's datagrams come in, and "nobody there" is told.
fn connect_datagrams(arguments: &Arguments, total: Deadline) -> Result<Socket, Failure> {
    let connect = Deadline::after(arguments.connect_timeout);
    let hints = AddressInfoHints { kind: Kind::DGRAM, ..AddressInfoHints::default() };
    let found = Lookup::until(connect.min(total)).getaddrinfo(&*arguments.host, arguments.port, &hints);
    let found = found.map_err(|error| name_the_limit(error, connect < total))?;
    let family = |family| found.iter().filter(move |info| info.family == family);
    let mut failure = None;
    for info in family(Family::INET).chain(family(Family::INET6)) {
        let socket = Socket::new(info.family, Kind::DGRAM)?;
        match socket.connect(info.address) {
            Ok(()) => return Ok(socket),
            Err(error) => failure = Some(error),
        }
    }
    let nothing = || Failure::Other(format!("{}: the name has no address", arguments.host));
    Err(failure.map_or_else(nothing, Failure::from))
}

fn name_the_limit(error: Error, connect_is_first: bool) -> Failure {
    if error.is_timeout() && connect_is_first {
        return Failure::Known(Code::LookupLimit, error);
    }
    Failure::from(error)
}
