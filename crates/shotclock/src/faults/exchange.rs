//! Sending and reading at once on one connection, so that neither end holds the other up.

use crate::constant::MessageFlags;
use crate::deadline::Deadline;
use crate::ops;
use crate::sys::{BorrowedHandle, Readiness, socket};
use crate::wait::{Interest, Operation, Pause, backoff};

const BUFFER: usize = 16 << 10;

/// What an exchange goes on for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Until all is sent.
    Sent,
    /// Until the client ends its data.
    ClientEnds,
    /// Until the connection breaks; else for as long as the limit allows.
    Never,
}

/// How an exchange ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By its goal.
    Reached,
    /// It has moved as many bytes as it may.
    Exhausted,
}

/// What is known of a connection, from one exchange to the next.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Whether the client has ended its data.
    pub(super) ended: bool,
}

/// Sends `unsent`, and meanwhile reads and throws away what comes.
pub(super) struct Exchange<'a> {
    pub(super) fd: BorrowedHandle<'a>,
    pub(super) unsent: &'a [u8],
    pub(super) goal: Goal,
    /// Whether to read at all.
    pub(super) reads: bool,
    pub(super) traffic: &'a mut Traffic,
    /// How many bytes the connection may move, both ways together.
    pub(super) most: u64,
}

impl Exchange<'_> {
    fn listens(&self) -> bool {
        self.reads && !self.traffic.ended
    }

    fn receive(&mut self, ready: Readiness) -> Result<(), Pause> {
        let mut buffer = [0; BUFFER];
        match (ops::Recv { fd: self.fd, into: &mut buffer, flags: MessageFlags::NONE }).attempt(ready)? {
            0 => self.traffic.ended = true,
            len => self.traffic.received += len as u64,
        }
        Ok(())
    }

    fn send(&mut self, ready: Readiness) -> Result<(), Pause> {
        let left = self.most.saturating_sub(self.traffic.sent + self.traffic.received);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.unsent.len());
        let sent = (ops::Send { fd: self.fd, from: &self.unsent[..most], flags: MessageFlags::NONE }).attempt(ready)?;
        self.unsent = &self.unsent[sent..];
        self.traffic.sent += sent as u64;
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        self.traffic.sent + self.traffic.received >= self.most
    }
}

impl Operation for Exchange<'_> {
    type Output = End;

    fn attempt(&mut self, ready: Readiness) -> Result<End, Pause> {
        let reached = match self.goal {
            Goal::Sent => self.unsent.is_empty(),
            Goal::ClientEnds => self.traffic.ended,
            // Both directions are shut down, or it was reset: seen here only where nothing is read or sent any more.
            Goal::Never => ready.intersects(Readiness::HUP | Readiness::ERR) && !self.listens(),
        };
        if reached {
            return Ok(End::Reached);
        }
        if self.is_exhausted() {
            return Ok(End::Exhausted);
        }
        let received = if self.listens() { self.receive(ready) } else { Err(Pause::WouldBlock) };
        let sent = if self.unsent.is_empty() { Err(Pause::WouldBlock) } else { self.send(ready) };
        match (received, sent) {
            // What was sent must not hide behind a receive that failed, nor the other way round.
            (Err(Pause::Failed(errno)), _) | (_, Err(Pause::Failed(errno))) => Err(Pause::Failed(errno)),
            (Err(Pause::WouldBlock), Err(pause)) => Err(pause),
            (Err(pause), Err(Pause::WouldBlock)) => Err(pause),
            _ => Err(Pause::Progress),
        }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        let mut ready = Readiness::empty();
        ready.set(Readiness::IN, self.listens());
        ready.set(Readiness::OUT, !self.unsent.is_empty());
        // With nothing to wait for, the system still tells of a connection that is no more.
        wanted.readiness(self.fd, ready);
    }
}

/// Ends once the client's system has acknowledged all that was sent. Nothing announces that, so it looks again after
/// 1, 2, 4 .. 32 ms.
pub(super) struct Acknowledged<'a> {
    fd: BorrowedHandle<'a>,
    looks: u32,
}

impl<'a> Acknowledged<'a> {
    pub(super) fn new(fd: BorrowedHandle<'a>) -> Self {
        Self { fd, looks: 0 }
    }
}

impl Operation for Acknowledged<'_> {
    type Output = ();

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        self.looks += 1;
        if socket::is_acknowledged(self.fd)? { Ok(()) } else { Err(Pause::WouldBlock) }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.timer(Deadline::now().plus(backoff::pause_after(self.looks.saturating_sub(1))));
    }
}
