//! `shotclock serve`: echo servers that no client can hold up.

mod bind;
mod event;
mod guard;
mod roster;
mod tcp;
mod terms;
mod udp;

use std::sync::Arc;
use std::thread::JoinHandle;

use shotclock::{Canceller, Deadline, Error, Timeout};

use crate::arguments::{self, Rate, SECONDS};
use crate::failure::{Code, Failure};
use crate::{interrupt, output, thread};
use bind::Protocol;
pub(crate) use bind::{LOOKUP, PORT, Sockets, address};
use event::Event;
pub(crate) use event::Talk;
use roster::Roster;
use tcp::TcpServer;
pub(crate) use terms::Terms;
use terms::{CUT_OFF, GRACE};
use udp::UdpServer;

/// Run echo servers
///
/// Whatever comes in goes back, byte for byte and datagram for datagram, until an interrupt. The first one (SIGINT or
/// SIGTERM) stops accepting, answers what has been sent already, gives clients 2 seconds to leave, and ends with code 0;
/// the second ends at once with code 130. The ports are free again at once.
///
/// A TCP client has a thread of its own and, for each wait, the limit of --timeout: one that vanishes or never reads is
/// cut off then, and costs nobody else anything. At --max-connections, and when the system has no descriptors left,
/// new clients wait in the system's queue until another one leaves.
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
  shotclock serve tcp --host 127.0.0.1 --port 0 --timeout 30 --max-connections 100
  shotclock serve udp --json --max-rate 50")]
pub(crate) struct Arguments {
    /// Which servers
    #[arg(value_enum, default_value = "both")]
    protocol: Protocol,
    /// Address or name to listen on; '' is every IPv4 address, :: every IPv6 address
    #[arg(long, default_value = "")]
    host: String,
    /// Port to listen on; 0: one that is free, the same for both
    #[arg(long, default_value_t = PORT, allow_hyphen_values = true)]
    port: u16,
    /// How long a client may be idle, or not read; 0 or none: for ever
    #[arg(long, value_name = SECONDS, default_value = "60", value_parser = arguments::limit, allow_hyphen_values = true)]
    timeout: Timeout,
    /// How many TCP clients at once
    #[arg(long, value_name = "N", default_value_t = 4096, allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// How many UDP answers a second to one address (IPv6: to one /64); 0 or none: any number
    #[arg(long, value_name = "N", default_value = "1000", value_parser = arguments::rate, allow_hyphen_values = true)]
    max_rate: Rate,
    /// Print events as JSON, one object a line, on standard output instead of the talk
    #[arg(long)]
    json: bool,
    /// Do not tell of each client
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    raise_descriptor_limit();
    let mut terms = Terms::new(Talk::new(arguments.json, arguments.quiet));
    terms.idle = arguments.timeout;
    terms.most_connections = arguments.max_connections as usize;
    terms.most_answers = arguments.max_rate.0;
    let terms = Arc::new(terms);
    if arguments.json {
        output::when_it_fails(&terms.stop);
    }
    // Before the first line is printed: whoever reads it may interrupt us at once.
    interrupt::cancels(terms.stop.clone())?;
    let sockets =
        bind::bind(arguments.protocol, &arguments.host, arguments.port, &terms.stop).map_err(name_the_reason)?;
    Servers::start(sockets, &terms)?.wait()?;
    if arguments.json { output::check() } else { Ok(()) }
}

/// Binding waits for nothing but the lookup of the host.
pub(crate) fn name_the_reason(error: Error) -> Failure {
    if error.is_timeout() {
        Failure::Known(Code::LookupLimit, error)
    } else if error.is_cancelled() {
        Failure::Said(Code::Interrupted, "interrupted".to_owned())
    } else {
        Failure::from(error)
    }
}

/// As many descriptors as the system lets us have. If it says no, what there is must do.
fn raise_descriptor_limit() {
    let _as_it_was = rlimit::increase_nofile_limit(u64::MAX);
}

/// Servers that run, each in a thread.
pub(crate) struct Servers {
    threads: Vec<JoinHandle<Result<(), Error>>>,
    roster: Arc<Roster>,
    terms: Arc<Terms>,
}

impl Servers {
    /// Lets servers answer on the sockets.
    pub(crate) fn start(sockets: Sockets, terms: &Arc<Terms>) -> Result<Self, Failure> {
        let roster = Arc::new(Roster::new()?);
        let mut servers = Self { threads: Vec::new(), roster: Arc::clone(&roster), terms: Arc::clone(terms) };
        let addresses = sockets.addresses()?;
        for (protocol, address) in &addresses {
            terms.talk.tell(&Event::Listening { protocol, address: *address });
        }
        if let Some(listener) = sockets.tcp {
            let mut server = TcpServer::new(listener, roster, Arc::clone(terms));
            servers.spawn("tcp", move || server.run())?;
        }
        if let Some(socket) = sockets.udp {
            let ports = addresses.iter().filter_map(|(_, address)| address.port());
            let mut server = UdpServer::new(socket, ports, Arc::clone(terms))?;
            servers.spawn("udp", move || server.run())?;
        }
        Ok(servers)
    }

    /// A server that fails ends the others too.
    fn spawn<F>(&mut self, name: &'static str, server: F) -> Result<(), Failure>
    where
        F: FnOnce() -> Result<(), Error> + Send + 'static,
    {
        let terms = Arc::clone(&self.terms);
        let run = move || {
            let ended = server();
            terms.stop.cancel();
            ended
        };
        self.threads.push(thread::start(name, run)?);
        Ok(())
    }

    /// Runs until something calls for the end, then lets the clients leave.
    pub(crate) fn wait(self) -> Result<(), Failure> {
        let mut ended = Ok(());
        for thread in self.threads {
            let one = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ended = ended.and(one);
        }
        let Terms { talk, abort, .. } = &*self.terms;
        talk.tell(&Event::Stopping { connections: self.roster.open() });
        self.roster.wait_until_empty(Deadline::after(GRACE));
        let cut_off = self.roster.open();
        abort.cancel();
        self.roster.wait_until_empty(Deadline::after(CUT_OFF));
        talk.tell(&Event::Stopped { cut_off });
        Ok(ended?)
    }

    /// Calls for the end, and waits for it.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.terms.stop.cancel();
        self.wait()
    }
}

/// Sockets for the servers on one port of `host`; for `demo`.
pub(crate) fn bind_both(host: &str, port: u16) -> Result<Sockets, Error> {
    bind::bind(Protocol::Both, host, port, &Canceller::new())
}
