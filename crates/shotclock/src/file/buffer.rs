//! The buffers of a file, from which bytes go only once they are taken or sent for good.

use std::io::{self, IoSlice, Read, Write};

use crate::constant::MessageFlags;
use crate::error::{Error, Reason, Result};
use crate::ops::{SendAll, SendVectored};
use crate::socket::{Begun, Timed};
use crate::sys::{BorrowedHandle, Readiness, socket};
use crate::wait::{Interest, Moves, Operation, Pause, run};

/// How long a line may be, in bytes, its end included, unless `set_line_limit` says otherwise: 64 KiB.
pub const LINE_LIMIT: usize = 64 << 10;

/// The buffers' size, in bytes; the reading one grows to hold a longer line.
const SIZE: usize = 8 << 10;

/// A reading buffer that has grown beyond this is given back once it is empty.
const KEPT: usize = 2 * LINE_LIMIT;

/// How long a message that is taken whole may be, in bytes, and what `fill_more` gathers, unless `set_message_limit` says
/// otherwise: 16 MiB.
pub const MESSAGE_LIMIT: usize = 16 << 20;

/// Bytes that were received and not yet taken: `bytes[start..end]`.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Where the message begins that is being taken, if one is: what comes after is kept, taken or not.
    held: Option<usize>,
    /// The limit of that message.
    begun: Option<Begun>,
    pub(super) message_limit: usize,
    /// How much the last `skip_until` had skipped when it failed, if nothing was read since.
    skipped: usize,
    pub(super) line_limit: usize,
}

impl Default for ReadBuffer {
    fn default() -> Self {
        let (held, begun) = (None, None);
        let (message_limit, line_limit) = (MESSAGE_LIMIT, LINE_LIMIT);
        Self { bytes: Vec::new(), start: 0, end: 0, held, begun, message_limit, skipped: 0, line_limit }
    }
}

impl ReadBuffer {
    fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The first `len` bytes, which stay.
    pub(super) fn peek(&self, len: usize) -> &[u8] {
        &self.waiting()[..len]
    }

    /// Takes the first `len` bytes out.
    pub(super) fn consume(&mut self, len: usize) {
        self.skipped = 0;
        self.start = (self.start + len).min(self.end);
        self.tidy();
    }

    /// Goes back to the beginning of the buffer once nothing is left in it.
    fn tidy(&mut self) {
        if self.start == self.end && self.held.is_none() {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEPT {
                self.bytes = Vec::new();
            }
        }
    }

    /// Begins a message, which is to be taken whole or not at all, or a part of one; gives where it begins.
    pub(super) fn begin_message(&mut self, view: &Timed<'_>) -> Mark {
        match self.held {
            Some(held) => Mark::Part(self.start - held),
            None => {
                (self.held, self.begun) = (Some(self.start), Some(view.begin()));
                Mark::Whole
            }
        }
    }

    /// Ends a message, or a part of one: what was taken of it is taken for good, or not at all.
    pub(super) fn end_message(&mut self, mark: &Mark, is_taken: bool) {
        let Some(held) = self.held else { return };
        if !is_taken {
            self.skipped = 0;
            self.start = held + if let Mark::Part(offset) = mark { *offset } else { 0 };
        }
        if matches!(mark, Mark::Whole) {
            (self.held, self.begun) = (None, None);
            self.tidy();
        }
    }

    /// The view to receive through: all that a message takes has one limit.
    pub(super) fn limited<'s>(&self, view: Timed<'s>) -> Timed<'s> {
        match &self.begun {
            Some(begun) => view.under_begun(begun),
            None => view,
        }
    }

    /// Receives once, behind what waits, and says how many bytes came.
    pub(super) fn fill_more(&mut self, view: Timed<'_>) -> Result<usize> {
        let kept = self.end - self.held.unwrap_or(self.start);
        self.expect_message_of(kept + 1, "fill_more")?;
        self.make_room(SIZE.min(self.message_limit - kept));
        let received = self.limited(view).recv_into(&mut self.bytes[self.end..]);
        let received = received.map_err(|error| error.during("fill_more"))?;
        self.end += received;
        Ok(received)
    }

    /// Refuses a message that comes to be longer than it may.
    fn expect_message_of(&self, len: usize, operation: &'static str) -> Result<()> {
        if len <= self.message_limit {
            return Ok(());
        }
        let text = format!("a message is longer than the limit of {} bytes", self.message_limit);
        Err(Error::new(operation, Reason::TooLong(text)))
    }

    /// Refuses to receive more of a message that is as long as it may be; a receive may bring as much again.
    fn check_message(&self, operation: &'static str) -> Result<()> {
        self.held.map_or(Ok(()), |held| self.expect_message_of(self.end - held + 1, operation))
    }

    /// What waits; receives once if nothing does. Empty at the end of the data.
    pub(super) fn fill(&mut self, view: Timed<'_>) -> Result<&[u8]> {
        if self.len() == 0 {
            self.check_message("read")?;
            self.make_room(SIZE);
            let result = self.limited(view).recv_into(&mut self.bytes[self.end..]);
            self.end += result.map_err(|error| error.during("read"))?;
        }
        Ok(self.waiting())
    }

    /// One read: what waits, or what one receive gives.
    pub(super) fn read(&mut self, into: &mut [u8], view: Timed<'_>) -> Result<usize> {
        if self.len() == 0 && into.len() >= SIZE && self.held.is_none() {
            self.skipped = 0;
            return view.recv_into(into).map_err(|error| error.during("read"));
        }
        if into.is_empty() {
            return Ok(0);
        }
        let waiting = self.fill(view)?;
        let len = waiting.len().min(into.len());
        into[..len].copy_from_slice(&waiting[..len]);
        self.consume(len);
        Ok(len)
    }

    /// The length of the line that comes next; see `until`.
    pub(super) fn line(&mut self, view: Timed<'_>) -> Result<usize> {
        let limit = self.line_limit;
        self.fill_until("readline", Some(b'\n'), limit, view)
    }

    /// The length of what comes before and with `delimiter`, or at the end of the data of all that is left, however much
    /// that is. Consumes nothing.
    pub(super) fn until(&mut self, delimiter: u8, view: Timed<'_>) -> Result<usize> {
        self.fill_until("read_until", Some(delimiter), usize::MAX, view)
    }

    /// The length of all that is left up to the end of the data. Consumes nothing.
    pub(super) fn all(&mut self, view: Timed<'_>) -> Result<usize> {
        self.fill_until("read_to_string", None, usize::MAX, view)
    }

    fn fill_until(
        &mut self,
        operation: &'static str,
        delimiter: Option<u8>,
        limit: usize,
        view: Timed<'_>,
    ) -> Result<usize> {
        let view = self.limited(view);
        let mut op = FillUntil { fd: view.fd(), scanned: 0, delimiter, limit, buffer: self };
        if let Some(found) = op.scan() {
            return found;
        }
        match run(operation, &mut op, view.limit()) {
            Ok(found) => found,
            Err(error) => Err(view.name_peer(error)),
        }
    }

    /// Throws away what comes before and with `delimiter`, and says how much that was; the buffer does not grow. After a
    /// failure the next call goes on, and counts from the beginning.
    pub(super) fn skip_until(&mut self, delimiter: u8, view: Timed<'_>) -> Result<usize> {
        let view = self.limited(view);
        let before = self.skipped;
        let mut op = SkipUntil { fd: view.fd(), skipped: before, delimiter, buffer: self };
        let done = if op.skip() { Ok(()) } else { run("skip_until", &mut op, view.limit()).and_then(|done| done) };
        let skipped = op.skipped;
        self.skipped = if done.is_ok() { 0 } else { skipped };
        done.map(|()| skipped).map_err(|error| view.name_peer(error.moved((skipped - before) as u64)))
    }

    /// Fills `into`; if that fails, what had come stays in the buffer.
    pub(super) fn read_exact(&mut self, into: &mut [u8], view: Timed<'_>) -> Result<()> {
        let waiting = self.len().min(into.len());
        into[..waiting].copy_from_slice(self.peek(waiting));
        if waiting == into.len() {
            self.consume(waiting);
            return Ok(());
        }
        if let Some(held) = self.held {
            self.expect_message_of(self.end - held + into.len() - waiting, "read_exact")?;
        }
        let Err(error) = self.limited(view).recv_exact(&mut into[waiting..]) else {
            self.consume(waiting);
            self.keep(&into[waiting..]);
            return Ok(());
        };
        let came = usize::try_from(error.bytes_moved()).unwrap_or(0);
        self.append(&into[waiting..waiting + came]);
        match error.reason() {
            Reason::Ended(_) => Err(Error::ended("read_exact", into.len(), waiting + came)),
            _ => Err(error.during("read_exact")),
        }
    }

    /// Takes everything up to the end of the data; if that fails, what had come is in `into`.
    pub(super) fn read_to_end(&mut self, into: &mut Vec<u8>, view: Timed<'_>) -> io::Result<usize> {
        let waiting = self.len();
        into.extend_from_slice(self.waiting());
        self.consume(waiting);
        let before = into.len();
        let received = self.limited(view).read_to_end(into);
        self.keep(&into[before..]);
        Ok(waiting + received?)
    }

    /// Keeps what was received past the buffer and is taken, if it is of a message that may not be taken after all.
    fn keep(&mut self, taken: &[u8]) {
        if self.held.is_some() {
            self.append(taken);
            self.consume(taken.len());
        }
    }

    /// Puts bytes behind what waits.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Makes at least so much room behind what waits.
    fn make_room(&mut self, room: usize) {
        if self.bytes.len() - self.end >= room {
            return;
        }
        let kept = self.held.unwrap_or(self.start);
        if kept > 0 {
            self.bytes.copy_within(kept..self.end, 0);
            (self.start, self.end) = (self.start - kept, self.end - kept);
            self.held = self.held.map(|_| 0);
        }
        if self.bytes.len() - self.end < room {
            // At least doubled, so that a long line is copied a few times and not each time something comes.
            let size = (self.end + room).max(self.bytes.len() * 2).max(SIZE);
            self.bytes.resize(size, 0);
        }
    }
}

/// Where a message begins: it is the whole one, or a part of one so far behind its beginning.
pub(super) enum Mark {
    Whole,
    Part(usize),
}

/// Receives into the buffer until a delimiter is in it, or without one until the end of the data.
struct FillUntil<'a> {
    fd: BorrowedHandle<'a>,
    buffer: &'a mut ReadBuffer,
    delimiter: Option<u8>,
    /// How far away the delimiter may be, in bytes, itself included.
    limit: usize,
    /// How much of what waits has been looked at.
    scanned: usize,
}

impl FillUntil<'_> {
    /// The length up to the delimiter, if it is there; an error if it comes too late.
    fn scan(&mut self) -> Option<Result<usize>> {
        let (delimiter, limit, waiting) = (self.delimiter?, self.limit, self.buffer.waiting());
        let within = &waiting[self.scanned..waiting.len().min(limit).max(self.scanned)];
        if let Some(found) = within.iter().position(|byte| *byte == delimiter) {
            return Some(Ok(self.scanned + found + 1));
        }
        self.scanned += within.len();
        (waiting.len() >= limit).then(|| {
            let text = format!("a line is longer than the limit of {limit} bytes");
            Err(Error::new("readline", Reason::TooLong(text)))
        })
    }
}

impl Operation for FillUntil<'_> {
    type Output = Result<usize>;
    const COMPOSITE: bool = true;

    fn attempt(&mut self, _: Readiness) -> Result<Self::Output, Pause> {
        if let Err(too_long) = self.buffer.check_message("read") {
            return Ok(Err(too_long));
        }
        self.buffer.make_room(1);
        let room = self.buffer.end;
        match socket::recv(self.fd, &mut self.buffer.bytes[room..], 0)? {
            0 => return Ok(Ok(self.buffer.len())),
            received => self.buffer.end += received,
        }
        self.scan().ok_or(Pause::Progress)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::IN);
    }

    fn moves(&self) -> Moves {
        Moves::In
    }
}

/// Receives into the buffer and throws away, until a delimiter has gone.
struct SkipUntil<'a> {
    fd: BorrowedHandle<'a>,
    buffer: &'a mut ReadBuffer,
    delimiter: u8,
    /// How much has been thrown away.
    skipped: usize,
}

impl SkipUntil<'_> {
    /// Throws away what waits, up to the delimiter and with it; true if it was there.
    fn skip(&mut self) -> bool {
        let found = self.buffer.waiting().iter().position(|byte| *byte == self.delimiter);
        let len = found.map_or(self.buffer.len(), |at| at + 1);
        self.buffer.consume(len);
        self.skipped += len;
        found.is_some()
    }
}

impl Operation for SkipUntil<'_> {
    type Output = Result<()>;
    const COMPOSITE: bool = true;

    fn attempt(&mut self, _: Readiness) -> Result<Result<()>, Pause> {
        if let Err(too_long) = self.buffer.check_message("skip_until") {
            return Ok(Err(too_long));
        }
        self.buffer.make_room(SIZE);
        let room = self.buffer.end;
        match socket::recv(self.fd, &mut self.buffer.bytes[room..], 0)? {
            0 => return Ok(Ok(())),
            received => self.buffer.end += received,
        }
        if self.skip() { Ok(Ok(())) } else { Err(Pause::Progress) }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::IN);
    }

    fn moves(&self) -> Moves {
        Moves::In
    }
}

/// Bytes that were written and not yet sent.
#[derive(Debug, Default)]
pub(super) struct WriteBuffer {
    bytes: Vec<u8>,
    /// Whether the last sending failed: then a drop does not wait for another failure.
    failed: bool,
}

impl WriteBuffer {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is something to send, and the last sending has not failed.
    pub(super) fn wants_flush(&self) -> bool {
        !self.bytes.is_empty() && !self.failed
    }

    /// Gives up what was not sent.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
        self.failed = false;
    }

    /// Takes what fits of `data`; sends first if nothing does. After an error none of `data` was taken.
    pub(super) fn write(&mut self, data: &[u8], view: Timed<'_>) -> Result<usize> {
        if self.len() >= SIZE {
            self.flush(view).map_err(|error| error.during("write"))?;
        }
        if self.len() == 0 && data.len() >= SIZE {
            return view.send(data).map_err(|error| error.during("write"));
        }
        let len = data.len().min(SIZE - self.len());
        self.bytes.extend_from_slice(&data[..len]);
        Ok(len)
    }

    /// Takes all the pieces if they fit in the buffer, which is sent first if need be; else what the socket takes of them.
    /// After an error none of them was taken.
    pub(super) fn write_vectored(&mut self, data: &[IoSlice<'_>], mut view: Timed<'_>) -> io::Result<usize> {
        let len: usize = data.iter().map(|piece| piece.len()).sum();
        if self.len() + len > SIZE {
            self.flush(view).map_err(|error| error.during("write_vectored"))?;
            if len >= SIZE {
                return view.write_vectored(data);
            }
        }
        data.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        Ok(len)
    }

    /// Takes all of `data`, and sends if it does not fit. After an error what was not sent is in the buffer.
    pub(super) fn write_all(&mut self, data: &[u8], view: Timed<'_>) -> Result<()> {
        if self.len() + data.len() <= SIZE {
            self.bytes.extend_from_slice(data);
            return Ok(());
        }
        let mut op = SendVectored { fd: view.fd(), first: &self.bytes, second: data, sent: 0 };
        let result = run("write_all", &mut op, &view.sending());
        let sent = op.sent;
        let (from_buffer, from_data) = (sent.min(self.len()), sent.saturating_sub(self.len()));
        self.bytes.drain(..from_buffer);
        self.bytes.extend_from_slice(&data[from_data..]);
        self.failed = result.is_err();
        result.map_err(|error| view.name_peer(error.moved(sent as u64)))
    }

    /// Sends everything. After an error what was not sent is still here.
    pub(super) fn flush(&mut self, view: Timed<'_>) -> Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let mut op = SendAll { fd: view.fd(), from: &self.bytes, flags: MessageFlags::NONE, sent: 0 };
        let result = run("flush", &mut op, &view.sending());
        let sent = op.sent;
        self.bytes.drain(..sent);
        self.failed = result.is_err();
        result.map_err(|error| view.name_peer(error.moved(sent as u64)))
    }
}
