//! The TCP echo server: a thread for each client, and limits so that none costs another anything.

use std::io::ErrorKind;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{Address, Deadline, Error, Family, MessageFlags, Result, Socket, SocketOption};

use super::bind::Listener;
use super::event::Event;
use super::roster::{Place, Roster};
use super::terms::Terms;
use crate::wire::Wire;

/// A connection's thread keeps little on its stack; its buffer is elsewhere.
const STACK: usize = 128 << 10;
const BUFFER: usize = 16 << 10;
/// When descriptors, memory or threads ran out: look again when a client leaves, or after this long, since others may
/// have used them up.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const TELL_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct TcpServer {
    listener: Listener,
    roster: Arc<Roster>,
    terms: Arc<Terms>,
    shortage: Shortage,
}

/// When accepting pauses: each spell is told of once, and no more than one in `TELL_AGAIN`, since with many clients that
/// come and go a spell may end at each of them.
#[derive(Default)]
struct Shortage {
    is_told: bool,
    last: Option<Instant>,
}

impl TcpServer {
    pub(super) fn new(listener: Listener, roster: Arc<Roster>, terms: Arc<Terms>) -> Self {
        Self { listener, roster, terms, shortage: Shortage::default() }
    }

    /// Accepts until the end is called for.
    pub(super) fn run(&mut self) -> Result<()> {
        loop {
            match self.accept_one() {
                Err(error) if error.is_cancelled() => return Ok(()),
                result => result?,
            }
        }
    }

    fn accept_one(&mut self) -> Result<()> {
        let most = self.terms.most_connections;
        if self.roster.open() >= most {
            return self.pause(format!("that is as many as --max-connections says ({most})"));
        }
        match self.listener.socket.cancelled_by(&self.terms.stop).accept() {
            Ok((socket, from)) => self.welcome(socket, from),
            Err(error) if is_broken(&error) => Err(error),
            Err(error) => self.pause(error.to_string()),
        }
    }

    fn welcome(&mut self, socket: Socket, from: Address) -> Result<()> {
        let terms = Arc::clone(&self.terms);
        let connection = Connection { from, terms, bytes: 0, begun: Instant::now() };
        let place = self.roster.enter();
        let thread = thread::Builder::new().stack_size(STACK);
        match thread.spawn(move || connection.run(socket, place)) {
            Ok(_detached) => {
                self.resume();
                Ok(())
            }
            Err(error) => {
                // The connection was closed with the closure that owned it: this hears of that, the pause of others.
                self.roster.wait_for_leaver(&self.terms.stop, LOOK_AGAIN)?;
                self.pause(format!("no thread for {from}: {error}"))
            }
        }
    }

    fn pause(&mut self, reason: String) -> Result<()> {
        let Self { shortage, roster, terms, .. } = self;
        if shortage.begins(Instant::now()) {
            terms.talk.tell(&Event::Full { connections: roster.open(), reason });
        }
        roster.wait_for_leaver(&terms.stop, LOOK_AGAIN)
    }

    fn resume(&mut self) {
        if self.shortage.ends() {
            self.terms.talk.tell(&Event::Accepting);
        }
    }
}

impl Shortage {
    /// Whether to tell that accepting pauses.
    fn begins(&mut self, now: Instant) -> bool {
        let again = self.last.is_none_or(|last| now.saturating_duration_since(last) >= TELL_AGAIN);
        let tell = again && !self.is_told;
        if tell {
            (self.is_told, self.last) = (true, Some(now));
        }
        tell
    }

    /// Whether to tell that accepting goes on.
    fn ends(&mut self) -> bool {
        std::mem::take(&mut self.is_told)
    }
}

/// Whether there is no sense in trying again: the end was called for, or the listener is none.
fn is_broken(error: &Error) -> bool {
    let hopeless = matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported);
    error.is_cancelled() || error.is_closed() || hopeless
}

struct Connection {
    from: Address,
    terms: Arc<Terms>,
    bytes: u64,
    begun: Instant,
}

impl Connection {
    fn run(mut self, socket: Socket, place: Place) {
        let terms = Arc::clone(&self.terms);
        terms.talk.tell(&Event::Connected { from: self.from });
        let ended = self.serve(socket);
        let Self { from, bytes, begun, .. } = self;
        let (error, seconds) = (ended.as_ref().err(), begun.elapsed().as_secs_f64());
        terms.talk.tell(&Event::Disconnected { from, bytes, seconds, error });
        // The descriptor went before: whoever hears of the place may want it.
        drop(place);
    }

    /// From the handshake, if there is one, to the end; then the socket is closed.
    fn serve(&mut self, socket: Socket) -> Result<()> {
        socket.set_timeout(self.terms.timeout);
        if socket.family()? != Family::UNIX {
            socket.setsockopt(SocketOption::KEEPALIVE, true)?;
            socket.setsockopt(SocketOption::NODELAY, true)?;
        }
        let terms = Arc::clone(&self.terms);
        // The whole handshake has the time of one wait, however it drips.
        let view = socket.until(Deadline::after(terms.timeout)).cancelled_by(&terms.stop);
        let session = terms.tls.as_ref().map(|tls| tls.begin(view)).transpose();
        match session {
            Err(error) if error.is_cancelled() => Ok(()),
            session => self.echo(&Wire::new(socket, session?)),
        }
    }

    fn echo(&mut self, wire: &Wire) -> Result<()> {
        let terms = Arc::clone(&self.terms);
        let mut buffer = vec![0; BUFFER];
        loop {
            match wire.recv_into(wire.socket().cancelled_by(&terms.stop), &mut buffer) {
                Ok(0) => return self.answer_the_end(wire),
                Ok(len) => self.answer(wire, &buffer[..len])?,
                Err(error) if error.is_cancelled() => return self.drain(wire, &mut buffer),
                Err(error) => return Err(error),
            }
        }
    }

    fn answer(&mut self, wire: &Wire, data: &[u8]) -> Result<()> {
        let sent = wire.sendall(wire.socket().cancelled_by(&self.terms.abort), data);
        if sent.is_err() {
            // Nobody reads: let the system throw away what is left, instead of keeping it for minutes.
            let _may_be_gone = wire.socket().setsockopt(SocketOption::LINGER, Some(Duration::ZERO));
        }
        self.bytes += sent.as_ref().map_or_else(Error::bytes_moved, |()| data.len() as u64);
        sent
    }

    /// The client has ended its data: under TLS an end of ours says that nothing is missing. Closing says it else.
    fn answer_the_end(&self, wire: &Wire) -> Result<()> {
        if wire.tls().is_some() {
            // The client may be gone, which is its right by now.
            let _gone = wire.end(wire.socket().cancelled_by(&self.terms.abort));
        }
        Ok(())
    }

    /// The end was called for: what has arrived is answered, then the client is asked to leave. When it must have left
    /// is for one to say, who counts those that have not.
    fn drain(&mut self, wire: &Wire, buffer: &mut [u8]) -> Result<()> {
        loop {
            match wire.recv_into(wire.socket().with_flags(MessageFlags::DONTWAIT), buffer) {
                Ok(0) => return self.answer_the_end(wire),
                Ok(len) => self.answer(wire, &buffer[..len])?,
                Err(error) if error.is_would_block() => break,
                Err(error) => return Err(error),
            }
        }
        let terms = Arc::clone(&self.terms);
        let view = wire.socket().cancelled_by(&terms.abort);
        wire.end(view)?;
        while wire.recv_into(view, buffer)? > 0 {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spell_is_told_of_once_and_not_too_often() {
        let (mut shortage, start) = (Shortage::default(), Instant::now());
        assert!(!shortage.ends(), "nothing had begun");
        assert!(shortage.begins(start));
        assert!(!shortage.begins(start + TELL_AGAIN), "the same spell");
        assert!(shortage.ends());
        assert!(!shortage.begins(start + TELL_AGAIN / 2) && !shortage.ends(), "too soon, and then not its end either");
        assert!(shortage.begins(start + TELL_AGAIN), "a spell that lasts is told of in the end");
        assert!(shortage.ends());
    }
}
