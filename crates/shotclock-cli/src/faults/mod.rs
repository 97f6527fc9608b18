//! `shotclock faults`: a misbehaving peer, to test clients against.

mod mode;
mod talk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use shotclock::{Canceller, Deadline, Family, Lookup, Timeout};
use shotclock_faults::{Fault, PeerBuilder, Side};

use crate::arguments::{self, Families, Place, Port, TIME};
use crate::failure::Failure;
use crate::input::Input;
use crate::{interrupt, output, serve};
use mode::Chosen;
pub(crate) use mode::all as modes;
use talk::{News, Talk};

/// Run a peer that misbehaves, to test a client against
///
/// What happens depends on counts of bytes, connections, datagrams and queries, and on --seed: never on chance. The
/// peer ends with code 0 at the first interrupt (SIGINT or SIGTERM) or when --for is over, and cuts off whoever is
/// connected then. Before it listens, --for ends it with code 1 and an interrupt with 130.
///
/// Nobody waits for whoever reads the events or the talk, or has stopped reading them: what finds 256 KiB waiting is
/// dropped, and once there is room a line says how many were.
///
/// TCP modes send 64 KiB of lines, or --content, unasked but for --when-asked, and throw away what comes. UDP modes
/// echo. A name server knows every name, as 127.0.0.1 and ::1, by UDP and TCP. Whom the fault does not befall gets all
/// of that, as it should be.
///
/// A proxy stands in front of a real server, --to, and passes on what comes, in both directions; the fault befalls what
/// the server sends, or what --side says. Several of them one behind the other have several faults at once.
#[derive(clap::Args)]
#[command(subcommand_value_name = "MODE", subcommand_help_heading = "Modes", disable_help_subcommand = true)]
#[command(after_help = mode::end_of_help())]
pub(crate) struct Arguments {
    #[command(subcommand)]
    mode: Chosen,
    /// Address or name to listen on; '' is every IPv4 address, :: every IPv6 address
    #[arg(long, global = true, default_value = serve::LOOPBACK)]
    host: String,
    /// Port to listen on, or its service's name; 0: one that is free
    #[arg(long, short, global = true, default_value_t = Port::Number(0), allow_hyphen_values = true,
          value_parser = arguments::listening_port)]
    port: Port,
    #[command(flatten)]
    families: Families,
    /// How many connections, datagrams or queries go well before the first that does not
    #[arg(long, global = true, value_name = "N", default_value_t = 0, allow_hyphen_values = true,
          value_parser = arguments::whole(0..=u64::MAX))]
    skip: u64,
    /// How many the fault befalls; those after them go well [default: all]
    #[arg(long, global = true, value_name = "N", allow_hyphen_values = true, value_parser = arguments::whole(0..=u64::MAX))]
    take: Option<u64>,
    /// Of those that are not skipped, the fault befalls each N-th
    #[arg(long, global = true, value_name = "N", default_value_t = 1, allow_hyphen_values = true,
          value_parser = arguments::whole(1..=u64::MAX))]
    every: u64,
    /// What garbage is made from
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 0, allow_hyphen_values = true,
          value_parser = arguments::whole(0..=u64::MAX))]
    seed: u64,
    /// A file with what TCP modes send, read up to --max-bytes [default: 64 KiB of lines]
    #[arg(long, global = true, value_name = "FILE")]
    content: Option<PathBuf>,
    /// TCP modes begin only when the client has sent something: no reset befalls one that still connects
    #[arg(long, global = true)]
    when_asked: bool,
    /// The server in front of which a proxy stands: HOST:PORT or [IPV6]:PORT
    #[arg(long, global = true, value_name = "HOST:PORT")]
    to: Option<Place>,
    /// Whose data a proxy's fault befalls: server, client or both
    #[arg(long, global = true, value_name = "SIDE", default_value = "server", value_parser = side)]
    side: Side,
    /// How many connections at once; more wait in the system's queue
    #[arg(long, global = true, value_name = "N", default_value_t = 256, allow_hyphen_values = true,
          value_parser = arguments::count(65_536))]
    max_connections: u32,
    /// How many bytes a connection may move, and how many UDP modes may send in all
    #[arg(long, global = true, value_name = "BYTES", default_value_t = 1 << 30, allow_hyphen_values = true,
          value_parser = arguments::whole(0..=u64::MAX))]
    max_bytes: u64,
    /// How long to run, reading --content included; 0 or none: until an interrupt
    #[arg(long = "for", global = true, value_name = TIME, default_value = "none",
          value_parser = arguments::limit, allow_hyphen_values = true)]
    lasts: Timeout,
    /// Print events as JSON, one object a line, on standard output instead of the talk
    #[arg(long, global = true)]
    json: bool,
}

fn side(text: &str) -> Result<Side, String> {
    Side::named(text).ok_or_else(|| "expected server, client or both".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let (Fault::Proxy(_), None) = (arguments.mode.0, &arguments.to) {
        return Err(Failure::Usage("a proxy needs --to HOST:PORT, the server in front of which it stands".to_owned()));
    }
    let until = Deadline::after(arguments.lasts);
    let stop = Canceller::new();
    if arguments.json {
        output::when_it_fails(&stop);
    }
    // Before the first line is printed: whoever reads it may interrupt us at once.
    interrupt::cancels(stop.clone())?;
    let talk = Talk { json: arguments.json };
    let peer = builder(arguments, talk, until, &stop)?.start()?;
    for protocol in arguments.mode.0.protocols() {
        talk.tell(&News::listening(protocol, peer.address()));
    }
    match stop.pause(until.remaining()) {
        Err(error) if !error.is_cancelled() => return Err(error.into()),
        _over => {}
    }
    drop(peer);
    talk.tell(&News::STOPPED);
    if arguments.json { output::check() } else { Ok(()) }
}

fn builder(arguments: &Arguments, talk: Talk, until: Deadline, stop: &Canceller) -> Result<PeerBuilder, Failure> {
    let lookup = Lookup::until(until.min(Deadline::after(serve::LOOKUP))).cancelled_by(stop);
    let (host, port, family) = (&*arguments.host, &arguments.port, arguments.families.wanted());
    let protocol = arguments.mode.0.protocols()[0];
    let address = serve::Host { host, port, family, protocol }.address(&lookup).map_err(serve::name_the_reason)?;
    let address = address.as_inet().ok_or_else(|| Failure::Other(format!("{address}: no internet address")))?;
    let mut builder = PeerBuilder::new(arguments.mode.0)
        .address(address)
        .skip(arguments.skip)
        .take(arguments.take.unwrap_or(u64::MAX))
        .every(arguments.every)
        .seed(arguments.seed)
        .when_asked(arguments.when_asked)
        .side(arguments.side)
        .max_connections(arguments.max_connections as usize)
        .max_bytes(arguments.max_bytes)
        .on_event(move |event| talk.tell(&News::from(&event)));
    if let Some(place) = &arguments.to {
        builder = builder.to(server(place, family, &lookup)?);
    }
    if let Some(file) = &arguments.content {
        builder = builder.content(content(file, arguments.max_bytes, until, stop)?);
    }
    Ok(builder)
}

/// Where the real server is.
fn server(place: &Place, family: Family, lookup: &Lookup<'_>) -> Result<SocketAddr, Failure> {
    let Place::Host { host, port: Some(port) } = place else {
        return Err(Failure::Usage("--to: expected HOST:PORT or [IPV6]:PORT".to_owned()));
    };
    let address =
        serve::Host { host, port, family, protocol: "tcp" }.address(lookup).map_err(serve::name_the_reason)?;
    address.as_inet().ok_or_else(|| Failure::Other(format!("{address}: no internet address")))
}

/// What is in the file, or comes out of a FIFO, but no more than is ever sent.
fn content(file: &Path, at_most: u64, until: Deadline, stop: &Canceller) -> Result<Vec<u8>, Failure> {
    let input = Input::file(file)?;
    let (mut content, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    while (content.len() as u64) < at_most {
        let len = match input.socket().until(until).cancelled_by(stop).recv_into(&mut buffer) {
            Ok(0) => {
                input.check()?;
                break;
            }
            Err(error) if error.is_timeout() => {
                return Err(Failure::Other(format!("{}: timed out before its end", file.display())));
            }
            received => received.map_err(serve::name_the_reason)?,
        };
        if content.try_reserve(len).is_err() {
            return Err(Failure::Other(format!("{}: no memory for more than {} bytes", file.display(), content.len())));
        }
        content.extend_from_slice(&buffer[..len]);
    }
    Ok(content)
}
