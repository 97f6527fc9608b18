//! What `send` is told, and whom it is to reach.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};

use shotclock::{Family, Timeout};

use crate::arguments::{self, Families, Place, Port, TIME};
use crate::failure::Failure;
use crate::tls::ClientArguments;

/// Send lines to a server, and print what it answers
///
/// Over TCP each line of a TEXT goes out as a line, and one line of answer is awaited; over UDP each TEXT is a datagram,
/// as it is, and one datagram of answer is awaited. Without TEXT, or with `-`, the lines come from standard input, over
/// UDP each as a datagram without its end. A line may have 64 KiB over TCP, a datagram 65,507 bytes. With --at-once more
/// than one datagram is on its way at a time: answers are printed as they come, in whatever order that is.
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
  shotclock send tcp [::1]:8881 hello
  echo hello | shotclock send udp localhost 8881 --timeout 500ms -
  shotclock send tcp example.org 7 --connect-timeout 2 --total 5 hello
  shotclock send udp localhost 8881 --at-once 32 --quiet < lines
  shotclock send tcp localhost 8881 --raw < file > the-same
  printf 'a\\nb' | shotclock send udp localhost 8881 --raw > answer
  printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | shotclock send tcp example.org https --tls --raw
  shotclock send unix /run/echo.sock hello

Exit codes: 3 name not found, 4 nobody there; the limit of 10 the lookup, 11 the connect,
12 one wait (--timeout), 13 the whole (--total). See `shotclock help`.")]
pub(crate) struct Arguments {
    /// Over what
    #[arg(value_enum)]
    pub(super) protocol: Protocol,
    /// The server: HOST, HOST:PORT, [IPV6]:PORT, or for a local socket its PATH, with an @ before it an abstract name
    #[arg(value_name = "HOST[:PORT]|PATH")]
    pub(super) to: String,
    /// The server's port, or the name of its service; not if HOST has it, nor for a PATH
    pub(super) port: Option<OsString>,
    /// What to send; nothing or `-`: the lines of standard input
    pub(super) text: Vec<OsString>,
    /// Limit of each wait for the server, a send or an answer; 0 or none: for ever
    #[arg(long, value_name = TIME, default_value = "10", value_parser = arguments::limit, allow_hyphen_values = true)]
    pub(super) timeout: Timeout,
    /// Limit of the lookup, the connect and the TLS handshake together; 0 or none: for ever
    #[arg(long, value_name = TIME, default_value = "10", value_parser = arguments::limit, allow_hyphen_values = true)]
    pub(super) connect_timeout: Timeout,
    /// Limit of everything together, standard input too; 0 or none: for ever
    #[arg(long, value_name = TIME, default_value = "none", value_parser = arguments::limit, allow_hyphen_values = true)]
    pub(super) total: Timeout,
    #[command(flatten)]
    pub(super) families: Families,
    /// Send from this address of ours: IP, IP:PORT or [IPV6]:PORT
    #[arg(long, value_name = "IP[:PORT]", value_parser = source)]
    pub(super) source: Option<SocketAddr>,
    /// Over UDP: so many datagrams that are there together go out as a batch, of up to 65,507 bytes, and as many answers
    /// are awaited; 1 to 64
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64), conflicts_with = "raw")]
    pub(super) at_once: u8,
    /// Print the answers only; with --raw: no progress bar
    #[arg(long, short, conflicts_with = "json")]
    pub(super) quiet: bool,
    /// Say on standard error what is done: with whom, from where, how long it took
    #[arg(long, short, conflicts_with = "quiet")]
    pub(super) verbose: bool,
    /// Standard input as it is: over TCP all that comes and goes, over UDP one datagram
    #[arg(long, conflicts_with = "json")]
    pub(super) raw: bool,
    /// Print events as JSON, one object a line; `shotclock schema` says which there are
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) tls: ClientArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Protocol {
    Tcp,
    Udp,
    /// A local socket, of the kind of a stream
    Unix,
}

/// An address of ours, with a port or with any.
fn source(text: &str) -> Result<SocketAddr, String> {
    let any_port = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    text.parse()
        .or_else(|_| any_port())
        .map_err(|_| "expected an IP address of this machine, as IP, IP:PORT or [IPV6]:PORT".to_owned())
}

impl Arguments {
    /// The server, and the texts to send; no texts are the lines of standard input.
    pub(super) fn addressed(&self) -> Result<(Place, Option<Vec<OsString>>), Failure> {
        let named = |value: &str, what: &str, why: String| Failure::Usage(format!("'{value}' is no {what}: {why}"));
        let mut words = self.port.iter().chain(&self.text).cloned();
        let mut place = match self.protocol {
            Protocol::Unix => Place::local(&self.to),
            Protocol::Tcp | Protocol::Udp => self.to.parse(),
        }
        .map_err(|why| named(&self.to, "server", why))?;
        if let Place::Host { host, port: port @ None } = &mut place {
            let word = words.next().ok_or_else(|| no_port(host))?;
            let word = word.to_string_lossy();
            *port = Some(arguments::port(&word).map_err(|why| named(&word, "port", why))?);
        }
        match &place {
            Place::Host { port: Some(Port::Number(0)), .. } => {
                return Err(named(&self.to, "server", "there is no port 0: expected one from 1 to 65535".to_owned()));
            }
            Place::Local(_) if self.protocol == Protocol::Udp => {
                return Err(Failure::Usage("udp: a local socket takes `unix`".to_owned()));
            }
            _ if self.at_once > 1 && self.protocol != Protocol::Udp => {
                return Err(Failure::Usage(
                    "--at-once: expected udp; a stream's lines are answered one by one".to_owned(),
                ));
            }
            _ if self.tls.tls && self.protocol == Protocol::Udp => {
                return Err(Failure::Usage("--tls: expected tcp or unix; there is none over UDP here".to_owned()));
            }
            _ => {}
        }
        let texts: Vec<OsString> = words.collect();
        let reads_input = matches!(texts.as_slice(), [] | [_]) && texts.first().is_none_or(|text| text == "-");
        Ok((place, (!reads_input).then_some(texts)))
    }

    /// Which addresses a name may have: the source's kind if it has one.
    pub(super) fn family(&self) -> Family {
        match (self.families.wanted(), self.source) {
            (Family::UNSPEC, Some(SocketAddr::V4(_))) => Family::INET,
            (Family::UNSPEC, Some(SocketAddr::V6(_))) => Family::INET6,
            (family, _) => family,
        }
    }
}

pub(super) fn no_port(host: &str) -> Failure {
    Failure::Usage(format!("which port of {host:?}? Expected a number or the name of a service after it"))
}
