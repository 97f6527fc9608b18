//! Sending and reading at once on one connection, so that neither end holds the other up.

use shotclock::{MessageFlags, Ready, Result, Timed};

const BUFFER: usize = 16 << 10;

/// What an exchange goes on for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Until all is sent.
    Sent,
    /// Until the client ends its data.
    ClientEnds,
    /// Until the connection breaks; else for as long as the limit allows.
    Never,
}

/// How an exchange ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By its goal.
    Reached,
    /// It has moved as many bytes as it may.
    Exhausted,
}

/// What is known of a connection, from one exchange to the next.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Whether the client has ended its data.
    pub(crate) ended: bool,
}

/// Sends `unsent`, and meanwhile reads and throws away what comes.
pub(crate) struct Exchange<'a> {
    /// The connection, under the limits of the exchange.
    pub(crate) socket: Timed<'a>,
    pub(crate) unsent: &'a [u8],
    pub(crate) goal: Goal,
    /// Whether to read at all.
    pub(crate) reads: bool,
    pub(crate) traffic: &'a mut Traffic,
    /// How many bytes the connection may move, both ways together.
    pub(crate) most: u64,
}

impl Exchange<'_> {
    /// Moves what can be moved, and waits for more, until its end or that of its limits.
    pub(crate) fn run(mut self) -> Result<End> {
        let mut ready = Ready::NONE;
        while !self.has_reached(ready) {
            if self.traffic.sent + self.traffic.received >= self.most {
                return Ok(End::Exhausted);
            }
            let received = if self.listens() { self.receive() } else { Ok(false) };
            let sent = if self.unsent.is_empty() { Ok(false) } else { self.send() };
            // What was sent must not hide behind a receive that failed, nor the other way round: both were tried.
            let has_moved = received? | sent?;
            ready = if has_moved { Ready::NONE } else { self.socket.wait_ready(self.wanted())? };
        }
        Ok(End::Reached)
    }

    fn has_reached(&self, ready: Ready) -> bool {
        match self.goal {
            Goal::Sent => self.unsent.is_empty(),
            Goal::ClientEnds => self.traffic.ended,
            // Both directions are shut down, or it was reset: seen here only where nothing is read or sent any more.
            Goal::Never => ready.contains(Ready::ENDED) && !self.listens(),
        }
    }

    fn listens(&self) -> bool {
        self.reads && !self.traffic.ended
    }

    /// With nothing to wait for, the system still tells of a connection that is no more.
    fn wanted(&self) -> Ready {
        let to_read = if self.listens() { Ready::READABLE } else { Ready::NONE };
        let to_send = if self.unsent.is_empty() { Ready::NONE } else { Ready::WRITABLE };
        to_read | to_send
    }

    /// Reads once; whether something came, if only the end.
    fn receive(&mut self) -> Result<bool> {
        let Some(received) = at_once(self.tries().recv_into(&mut [0; BUFFER]))? else { return Ok(false) };
        match received {
            0 => self.traffic.ended = true,
            len => self.traffic.received += len as u64,
        }
        Ok(true)
    }

    /// Sends once; whether something went.
    fn send(&mut self) -> Result<bool> {
        let left = self.most.saturating_sub(self.traffic.sent + self.traffic.received);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.unsent.len());
        let Some(sent) = at_once(self.tries().send(&self.unsent[..most]))? else { return Ok(false) };
        self.unsent = &self.unsent[sent..];
        self.traffic.sent += sent as u64;
        Ok(true)
    }

    fn tries(&self) -> Timed<'_> {
        self.socket.with_flags(MessageFlags::DONTWAIT)
    }
}

/// What a try came to, `None` if it would have had to wait.
fn at_once(tried: Result<usize>) -> Result<Option<usize>> {
    match tried {
        Err(error) if error.is_would_block() => Ok(None),
        tried => tried.map(Some),
    }
}
