//! `shotclock serve`: echo servers that no client can hold up.

mod arguments;
mod bind;
mod event;
mod guard;
mod local;
mod roster;
mod servers;
mod tcp;
mod terms;
mod udp;

use std::sync::Arc;

use shotclock::{Canceller, Error, Family};

use crate::arguments::Port;
use crate::failure::{Code, Failure};
use crate::tls::Server as Tls;
use crate::{interrupt, output};
pub(crate) use arguments::Arguments;
use bind::Protocol;
pub(crate) use bind::{Host, LOOKUP, LOOPBACK, PORT, Sockets};
pub(crate) use event::Talk;
pub(crate) use servers::Servers;
pub(crate) use terms::Terms;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    raise_descriptor_limit();
    let protocol = arguments.protocol()?;
    let mut terms = Terms::new(Talk::new(arguments.json, arguments.quiet, arguments.verbose));
    terms.timeout = arguments.timeout;
    terms.policy = arguments.policy();
    terms.tls = Tls::new(&arguments.tls)?;
    terms.most_connections = arguments.max_connections as usize;
    terms.most_answers = arguments.max_rate.0;
    let terms = Arc::new(terms);
    if arguments.json {
        output::when_it_fails(&terms.stop);
    }
    // Before the first line is printed: whoever reads it may interrupt us at once.
    interrupt::cancels(terms.stop.clone())?;
    let sockets = arguments.bind(protocol, &terms.stop).map_err(name_the_reason)?;
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

/// Sockets for the servers on one port of `host`; for `demo`.
pub(crate) fn bind_both(host: &str, port: u16) -> Result<Sockets, Error> {
    let host = Host { host, port: &Port::Number(port), family: Family::UNSPEC, protocol: "tcp" };
    bind::bind(Protocol::Both, &host, &Canceller::new())
}
