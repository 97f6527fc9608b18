//! One connection through a proxy: to the server and back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Builder};
use std::time::Duration;

use shotclock::{Canceller, Connector, Error, Result, Socket, SocketOption, Timeout};

use crate::connection::Connection;
use crate::event::{Event, EventKind};
use crate::fault::{Fault, ProxyFault, Side};
use crate::pump::{Finish, Pump};
use crate::terms::Terms;

/// How long the server may take to be connected.
const CONNECT: Duration = Duration::from_secs(10);
/// One direction keeps little on its stack: a buffer of 16 KiB is the most.
const STACK: usize = 128 << 10;

/// Whether there is a server where one is needed, and none where nobody would reach it.
pub(crate) fn check(fault: Fault, to: Option<SocketAddr>) -> Result<()> {
    let text = match (fault, to) {
        (Fault::Proxy(_), None) => "a proxy needs a server that it stands in front of",
        (Fault::Proxy(_), Some(_)) | (_, None) => return Ok(()),
        _ => "only a proxy stands in front of a server",
    };
    Err(Error::other("faults", io::Error::new(io::ErrorKind::InvalidInput, text)))
}

/// Passes a client's data on to the server and back, until both have ended or the fault ends them.
pub(crate) fn pass_on(connection: &mut Connection, fault: ProxyFault) -> Result<()> {
    let terms = Arc::clone(&connection.terms);
    if terms.when_asked {
        connection.wait_to_be_asked()?;
    }
    let server = connect(&terms)?;
    let fault_of = |side| (connection.is_befallen() && [side, Side::Both].contains(&terms.side)).then_some(fault);
    let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
    let event = |kind| {
        let (sent, received) = (sent.load(Ordering::Relaxed), received.load(Ordering::Relaxed));
        Event { sent, received, ..connection.event(kind) }
    };
    let tell = |kind| terms.tell(event(kind));
    let over = terms.stop.child();
    let (client, terms) = (&connection.socket, &*terms);
    let down = Pump { from: &server, to: client, over: &over, terms, passed: &sent, back: &received, tell: &tell };
    let up = Pump { from: client, to: &server, over: &over, terms, passed: &received, back: &sent, tell: &tell };
    let ended = both(&over, || down.run(fault_of(Side::Server)), || up.run(fault_of(Side::Client)));
    connection.traffic.sent = sent.into_inner();
    connection.traffic.received = received.into_inner();
    finish(connection, &server, ended?)
}

fn connect(terms: &Terms) -> Result<Socket> {
    let to = terms.to.unwrap_or_else(|| unreachable!("checked at the start"));
    let server = Connector::new().timeout(Timeout::NEVER).within(CONNECT).cancelled_by(&terms.stop).connect(to)?;
    server.setsockopt(SocketOption::NODELAY, true)?;
    Ok(server)
}

/// Runs both directions, each in a thread, and ends both where one ends the whole.
fn both(
    over: &Canceller,
    down: impl FnOnce() -> Result<Finish> + Send,
    up: impl FnOnce() -> Result<Finish> + Send,
) -> Result<Finish> {
    let one = |run: Result<Finish>| {
        if !matches!(run, Ok(Finish::Ended)) {
            over.cancel();
        }
        run
    };
    thread::scope(|scope| {
        let up = Builder::new().name("faults".to_owned()).stack_size(STACK).spawn_scoped(scope, || one(up()));
        let up = up.map_err(|error| Error::other("faults", error))?;
        let down = one(down());
        let up = up.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (down, up) {
            // Who had to stop because the other one did has nothing to say of its own.
            (Err(error), up) if error.is_cancelled() => up,
            (down, Err(error)) if error.is_cancelled() => down,
            (Ok(Finish::Ended), up) => up,
            (down, Ok(_)) => down,
            (Ok(_), Err(error)) | (Err(error), Err(_)) => Err(error),
        }
    })
}

/// What is said of the end, and what a reset needs; both sockets are closed by whoever owns them, at once.
fn finish(connection: &Connection, server: &Socket, finish: Finish) -> Result<()> {
    let kind = match finish {
        Finish::Ended => return Ok(()),
        Finish::CutOff => EventKind::CutOff,
        Finish::Reset => EventKind::Reset,
    };
    if finish == Finish::Reset {
        for socket in [&connection.socket, server] {
            socket.setsockopt(SocketOption::LINGER, Some(Duration::ZERO))?;
        }
    }
    connection.tell(kind);
    Ok(())
}
