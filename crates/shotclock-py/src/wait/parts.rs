//! Sending and receiving in parts. Where a call without a timeout is bounded by a scope, a canceller or a policy, no
//! try may wait in the system. So what one blocking call promises (MSG_WAITALL, the low water mark, all bytes of a
//! send) is kept by several tries.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use shotclock::unstable::syscall::{self, Received};
use shotclock::unstable::{Errno, Pause, Readiness};
use shotclock::{MessageFlags, SockAddr};

use crate::wait::lent::Attempt;
use crate::wait::manner::Manner;

/// What says that the connection is over: there is nothing more to wait for.
const OVER: Readiness = Readiness::ERR.union(Readiness::HUP).union(Readiness::RDHUP);

/// After how long a call looks again for bytes that no readiness announces.
const UNANNOUNCED: Duration = Duration::from_millis(5);

/// What comes beside the bytes of a part.
pub(crate) trait Beside: Send {
    /// Whether the bytes of another part may follow in the same message.
    fn joins(&self) -> bool {
        true
    }

    /// What is beside all parts together; `last` is what came with the last one.
    #[must_use]
    fn with(self, last: Self) -> Self;
}

impl Beside for () {
    fn with(self, (): ()) {}
}

/// Who sent the bytes: of a stream's parts the first one says so.
impl Beside for Option<SockAddr> {
    fn with(self, _: Self) -> Self {
        self
    }
}

impl Beside for Received {
    // As in the system, control messages end a message.
    fn joins(&self) -> bool {
        self.control_len == 0 && self.flags & (MessageFlags::CTRUNC.0 | MessageFlags::EOR.0) == 0
    }

    fn with(self, last: Self) -> Self {
        Self { len: self.len + last.len, address: self.address, ..last }
    }
}

/// Receives one part after the other, as far as the call promises.
pub(crate) struct Receiving<F, M> {
    manner: Manner,
    flags: c_int,
    /// How many bytes there is room for.
    room: usize,
    part: F,
    /// How many have come, and what with them.
    pub(crate) filled: usize,
    beside: Option<M>,
    /// How many it promises, once that is known.
    promised: Option<usize>,
    /// Readiness will not announce the rest of what it promises, because of the low water mark.
    is_unannounced: bool,
    /// The low water mark is known to be 1, or does not matter to this call.
    is_unmarked: bool,
}

impl<M: Beside, F: FnMut(BorrowedFd<'_>, usize, c_int) -> Result<(usize, M), Errno> + Send> Receiving<F, M> {
    /// `part` receives once into the room from that byte on, with those flags; `is_unmarked` where the low water mark is 1.
    pub(crate) fn new(manner: Manner, room: usize, flags: c_int, is_unmarked: bool, part: F) -> Self {
        let (beside, promised) = (None, None);
        Self { manner, flags, room, part, filled: 0, beside, promised, is_unannounced: false, is_unmarked }
    }

    /// Goes on after a first part.
    pub(crate) fn after(self, (filled, beside): (usize, M)) -> Self {
        Self { filled, beside: Some(beside), ..self }
    }

    /// Whether so many bytes are all that it promises.
    fn is_enough(&mut self, fd: BorrowedFd<'_>, filled: usize) -> bool {
        matches!(self.manner, Manner::Once | Manner::Timed) || filled >= self.room || filled >= self.promise(fd)
    }

    /// How many bytes one blocking call with these flags would wait for. Only of streams are several messages joined.
    fn promise(&mut self, fd: BorrowedFd<'_>) -> usize {
        if let Some(promised) = self.promised {
            return promised;
        }
        let mark = if self.is_unmarked { 1 } else { syscall::low_water_mark(fd).unwrap_or(1) };
        let promised = if self.flags & MessageFlags::WAITALL.0 != 0 { self.room } else { mark.min(self.room) };
        let is_glued = promised > 1 && syscall::is_stream(fd).unwrap_or(false);
        self.is_unannounced = is_glued && mark > 1;
        *self.promised.insert(if is_glued { promised } else { 0 })
    }

    /// Whether what has come, if anything has, is enough.
    fn is_complete(&mut self, fd: BorrowedFd<'_>) -> bool {
        self.beside.is_some() && self.is_enough(fd, self.filled)
    }

    fn done(&mut self) -> Result<(usize, M), Pause> {
        self.beside.take().map(|beside| (self.filled, beside)).ok_or(Pause::Failed(Errno::AGAIN))
    }

    /// A part with MSG_PEEK, which leaves the bytes in the queue: the next one begins with them again.
    fn peek(&mut self, fd: BorrowedFd<'_>, ready: Readiness) -> Result<(usize, M), Pause> {
        let (filled, beside) =
            (self.part)(fd, 0, self.manner.flags(self.flags)).map_err(|errno| self.manner.pause(errno))?;
        // On AF_UNIX a blocking peek gives what is there, and waits for no more.
        let waits = !self.is_enough(fd, filled) && syscall::peeks_wait(fd).unwrap_or(false);
        if filled == 0 || !waits || ready.intersects(OVER) {
            return Ok((filled, beside));
        }
        (self.filled, self.beside) = (filled, Some(beside));
        Err(if self.manner == Manner::Plain { Pause::Drained } else { Pause::WouldBlock })
    }
}

impl<M: Beside, F: FnMut(BorrowedFd<'_>, usize, c_int) -> Result<(usize, M), Errno> + Send> Attempt
    for Receiving<F, M>
{
    type Output = (usize, M);

    fn attempt(&mut self, fd: BorrowedFd<'_>, ready: Readiness) -> Result<(usize, M), Pause> {
        if self.manner == Manner::Timed && !self.is_unmarked && ready.is_empty() {
            // The wait has not said that as much as the mark is there.
            return Err(Pause::WouldBlock);
        }
        if matches!(self.manner, Manner::Once | Manner::Timed) {
            let flags = self.manner.flags(self.flags);
            return (self.part)(fd, 0, flags).map_err(|errno| self.manner.pause(errno));
        }
        if self.flags & MessageFlags::PEEK.0 != 0 {
            return self.peek(fd, ready);
        }
        // What the first try brought, before the limit was looked at, may be enough.
        if self.beside.as_ref().is_some_and(|beside| !beside.joins() || self.filled == 0) || self.is_complete(fd) {
            return self.done();
        }
        // An error after some bytes is left to the next call, since the system tells it only once.
        if self.filled > 0 && ready.contains(Readiness::ERR) {
            return self.done();
        }
        let waits_by_itself = if self.manner == Manner::Plain { MessageFlags::WAITALL.0 } else { 0 };
        let flags = self.manner.flags(self.flags & (!MessageFlags::WAITALL.0 | waits_by_itself));
        let (part, beside) = match (self.part)(fd, self.filled, flags) {
            Ok(part) => part,
            Err(errno) => {
                return match self.manner.pause(errno) {
                    Pause::Failed(Errno::AGAIN) if self.filled > 0 => Err(Pause::Drained),
                    Pause::Failed(_) if self.filled > 0 => self.done(),
                    pause => Err(pause),
                };
            }
        };
        let joins = beside.joins();
        self.filled += part;
        self.beside = Some(match self.beside.take() {
            Some(before) => before.with(beside),
            None => beside,
        });
        if part == 0 || !joins || self.is_enough(fd, self.filled) { self.done() } else { Err(Pause::Drained) }
    }

    fn toward(&self) -> Readiness {
        let peeks = self.flags & MessageFlags::PEEK.0 != 0;
        if peeks { Readiness::IN | Readiness::RDHUP } else { Readiness::IN }
    }

    fn bytes(&self) -> usize {
        self.room
    }

    fn looks_again(&self) -> Option<Duration> {
        self.is_unannounced.then_some(UNANNOUNCED)
    }

    fn run_out(&mut self) -> Result<(usize, M), Pause> {
        self.done()
    }
}

/// Sends one part after the other: all there is, where the call promises that.
pub(crate) struct Sending<F, const ALL: bool> {
    manner: Manner,
    flags: c_int,
    /// How many bytes there are.
    whole: usize,
    part: F,
    /// How many went out.
    pub(crate) sent: usize,
    /// How many had gone out when the time of the system's own limit last began.
    sent_before: usize,
    /// MSG_FASTOPEN has begun to connect.
    pub(crate) connects: bool,
}

impl<F: FnMut(BorrowedFd<'_>, usize, c_int) -> Result<usize, Errno> + Send, const ALL: bool> Sending<F, ALL> {
    /// `part` sends once from that byte on, with those flags; so many are sent already.
    pub(crate) fn new(manner: Manner, whole: usize, sent: usize, flags: c_int, part: F) -> Self {
        Self { manner, flags, whole, part, sent, sent_before: 0, connects: false }
    }
}

impl<F: FnMut(BorrowedFd<'_>, usize, c_int) -> Result<usize, Errno> + Send, const ALL: bool> Attempt
    for Sending<F, ALL>
{
    type Output = usize;
    const COMPOSITE: bool = ALL;

    fn attempt(&mut self, fd: BorrowedFd<'_>, ready: Readiness) -> Result<usize, Pause> {
        // An error after some bytes is left to the next call.
        let may_stop = !ALL && self.sent > 0;
        if may_stop && ready.intersects(OVER) {
            return Ok(self.sent);
        }
        let flags = if self.connects { self.flags & !MessageFlags::FASTOPEN.0 } else { self.flags };
        match (self.part)(fd, self.sent, self.manner.flags(flags)) {
            Ok(part) => self.sent += part,
            Err(Errno::INPROGRESS) if self.manner == Manner::Bounded && !self.connects => {
                self.connects = true;
                return Err(Pause::WouldBlock);
            }
            Err(errno) => {
                return match self.manner.pause(errno) {
                    Pause::Failed(Errno::AGAIN) if may_stop => Err(Pause::Drained),
                    Pause::Failed(_) if may_stop => Ok(self.sent),
                    pause => Err(pause),
                };
            }
        }
        let promises_all = ALL || matches!(self.manner, Manner::Plain | Manner::Bounded);
        match self.sent >= self.whole || !promises_all {
            true => Ok(self.sent),
            // The handlers of signals run between the parts of a sendall, as in CPython.
            false => Err(if ALL { Pause::Progress } else { Pause::Drained }),
        }
    }

    fn toward(&self) -> Readiness {
        Readiness::OUT
    }

    fn bytes(&self) -> usize {
        self.whole
    }

    fn run_out(&mut self) -> Result<usize, Pause> {
        if ALL {
            // Each of several sends has this much time.
            let moved = std::mem::replace(&mut self.sent_before, self.sent) < self.sent;
            return Err(if moved { Pause::WouldBlock } else { Pause::Failed(Errno::AGAIN) });
        }
        match (self.sent, self.connects) {
            (0, true) => Err(Pause::Failed(Errno::INPROGRESS)),
            (0, false) => Err(Pause::Failed(Errno::AGAIN)),
            (sent, _) => Ok(sent),
        }
    }
}

/// Fills a room, whatever that takes: done where it is full, or the data has ended.
pub(crate) struct Filling<'a> {
    manner: Manner,
    room: &'a mut [u8],
    pub(crate) filled: usize,
    filled_before: usize,
}

impl<'a> Filling<'a> {
    /// From that byte on.
    pub(crate) fn new(manner: Manner, room: &'a mut [u8], filled: usize) -> Self {
        Self { manner, room, filled, filled_before: filled }
    }
}

impl Attempt for Filling<'_> {
    type Output = usize;

    fn attempt(&mut self, fd: BorrowedFd<'_>, _: Readiness) -> Result<usize, Pause> {
        let part = syscall::recv(fd, &mut self.room[self.filled..], self.manner.flags(0));
        let part = part.map_err(|errno| self.manner.pause(errno))?;
        self.filled += part;
        if part == 0 || self.filled >= self.room.len() { Ok(self.filled) } else { Err(Pause::Progress) }
    }

    fn toward(&self) -> Readiness {
        Readiness::IN
    }

    fn bytes(&self) -> usize {
        self.room.len()
    }

    fn run_out(&mut self) -> Result<usize, Pause> {
        let moved = std::mem::replace(&mut self.filled_before, self.filled) < self.filled;
        Err(if moved { Pause::WouldBlock } else { Pause::Failed(Errno::AGAIN) })
    }
}
