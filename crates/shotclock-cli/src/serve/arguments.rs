//! What `serve` is told.

use shotclock::{Canceller, Error, ServerPolicy, Timeout};

use super::bind::{self, Host, LOOPBACK, PORT, Protocol, Sockets};
use crate::arguments::{self, Families, Place, Port, Rate, TIME};
use crate::failure::Failure;
use crate::tls::ServerArguments;

/// Run echo servers
///
/// Whatever comes in goes back, byte for byte and datagram for datagram, until an interrupt. The first one (SIGINT or
/// SIGTERM) stops accepting, answers what has been sent already, gives clients 2 seconds to leave, and ends with code 0;
/// the second ends at once with code 130. The ports are free again at once.
///
/// A TCP client has a thread of its own and, for each wait, the limit of --timeout: one that vanishes or never reads is
/// cut off then, and costs nobody else anything. --first-byte, --idle and --total bound a connection as a whole. At --max-connections, and when the system has no descriptors left,
/// new clients wait in the system's queue until another one leaves.
///
/// It listens on 127.0.0.1 unless --host or --listen says otherwise: whoever can reach an echo server can have it send.
///
/// Nobody waits for whoever reads the events or the talk, or has stopped reading them: what finds 256 KiB waiting is
/// dropped, and once there is room a line says how many were.
#[derive(clap::Args)]
#[command(after_help = "\
Loops: the UDP server takes no part in an endless exchange with another echo service or itself.
  - Source ports below 1024 (echo, chargen and other old services), 8881, and the ports it
    listens on itself (other servers of this kind) are never answered.
  - Each answer has one hop less to live (TTL) than its question had left: between two servers
    of this kind, on whatever ports, a datagram dies after 255 rounds at most.
  - One source address gets at most --max-rate answers a second; more are dropped.
  - Of one and the same datagram repeated by a source, every 1,000th is not answered: no
    exchange survives that, however slow.

Examples:
  shotclock serve
  shotclock serve --host ''                    (every IPv4 address of this machine)
  shotclock serve tcp --listen [::1]:0 --timeout 30 --max-connections 100
  shotclock serve tcp --first-byte 5 --idle 30 --total 10m
  shotclock serve --listen unix:/run/user/1000/echo.sock
  shotclock serve --tls --cert server.pem --key server.key
  shotclock serve udp --json --max-rate 50

A certificate for tests, which `send --tls --ca server.pem` trusts:
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost
    -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE
    -keyout server.key -out server.pem")]
pub(crate) struct Arguments {
    /// Which servers [default: both; tcp alone with --tls or a local socket]
    #[arg(value_enum)]
    pub(super) protocol: Option<Protocol>,
    /// Address or name to listen on; '' is every IPv4 address, :: every IPv6 address
    #[arg(long, default_value = LOOPBACK)]
    pub(super) host: String,
    /// Port to listen on, or its service's name; 0: one that is free, the same for both
    #[arg(long, short, default_value_t = Port::Number(PORT), allow_hyphen_values = true, value_parser = arguments::listening_port)]
    pub(super) port: Port,
    /// Both in one: HOST:PORT, [IPV6]:PORT, :PORT, or unix:PATH for a local socket (unix:@NAME: an abstract name)
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["host", "port"])]
    pub(super) listen: Option<Place>,
    #[command(flatten)]
    pub(super) families: Families,
    /// Limit of each wait for a client, to receive or to send; 0 or none: for ever
    #[arg(long, value_name = TIME, default_value = "60", value_parser = arguments::limit, allow_hyphen_values = true)]
    pub(super) timeout: Timeout,
    /// How long a TCP client may take from its connect to its first byte
    #[arg(long, value_name = TIME, default_value = "none", value_parser = arguments::limit, allow_hyphen_values = true)]
    pub(super) first_byte: Timeout,
    /// How long a TCP connection may be without a byte, in either direction
    #[arg(long, value_name = TIME, default_value = "none", value_parser = arguments::limit, allow_hyphen_values = true)]
    pub(super) idle: Timeout,
    /// How long a TCP connection may last
    #[arg(long, value_name = TIME, default_value = "none", value_parser = arguments::limit, allow_hyphen_values = true)]
    pub(super) total: Timeout,
    /// How many TCP clients at once
    #[arg(long, value_name = "N", default_value_t = 4096, allow_hyphen_values = true,
          value_parser = arguments::count(1_000_000))]
    pub(super) max_connections: u32,
    /// How many UDP answers a second to one address (IPv6: to one /64); 0 or none: any number
    #[arg(long, value_name = "N", default_value = "1000", value_parser = arguments::rate, allow_hyphen_values = true)]
    pub(super) max_rate: Rate,
    /// Print events as JSON, one object a line, on standard output instead of the talk; see `shotclock schema`
    #[arg(long)]
    pub(super) json: bool,
    /// Do not tell of each client
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Tell how many bytes each client moved, and how long it stayed
    #[arg(long, short, conflicts_with = "quiet")]
    pub(super) verbose: bool,
    #[command(flatten)]
    pub(super) tls: ServerArguments,
}

impl Arguments {
    /// Which servers, if they can be what else is asked for.
    pub(super) fn protocol(&self) -> Result<Protocol, Failure> {
        let is_local = matches!(self.listen, Some(Place::Local(_)));
        let only_streams = [(is_local, "a local socket"), (self.tls.tls, "--tls")];
        let only_streams = only_streams.iter().find_map(|(is_asked, name)| is_asked.then_some(name));
        let has_policy = self.policy() != ServerPolicy::new();
        match (self.protocol, only_streams) {
            (None, Some(_)) => Ok(Protocol::Tcp),
            (None, None) => Ok(Protocol::Both),
            (Some(Protocol::Udp | Protocol::Both), Some(name)) => {
                Err(Failure::Usage(format!("{name} is for streams: expected tcp")))
            }
            (Some(Protocol::Udp), None) if has_policy => Err(Failure::Usage(
                "--first-byte, --idle and --total are for connections: expected tcp or both".to_owned(),
            )),
            (Some(protocol), _) => Ok(protocol),
        }
    }

    pub(super) fn policy(&self) -> ServerPolicy {
        ServerPolicy::new().first_byte(self.first_byte).idle(self.idle).total(self.total)
    }

    pub(super) fn bind(&self, protocol: Protocol, stop: &Canceller) -> Result<Sockets, Error> {
        let (host, port) = match &self.listen {
            Some(Place::Local(address)) => return bind::bind_local(address),
            Some(Place::Host { host, port }) => (host, port.as_ref().unwrap_or(&self.port)),
            None => (&self.host, &self.port),
        };
        let name = if protocol == Protocol::Udp { "udp" } else { "tcp" };
        bind::bind(protocol, &Host { host, port, family: self.families.wanted(), protocol: name }, stop)
    }
}
