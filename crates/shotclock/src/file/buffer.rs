//! The buffers of a file, from which bytes go only once they are taken or sent for good.

use std::io::{self, IoSlice, Read, Write};

use crate::constant::MessageFlags;
use crate::error::{Error, Reason, Result};
use crate::ops::{SendAll, SendVectored};
use crate::socket::Timed;
use crate::sys::{BorrowedHandle, Readiness, socket};
use crate::wait::{Interest, Moves, Operation, Pause, run};

/// How long a line may be, in bytes, its end included, unless `set_line_limit` says otherwise: 64 KiB.
pub const LINE_LIMIT: usize = 64 << 10;

/// The buffers' size, in bytes; the reading one grows to hold a longer line.
const SIZE: usize = 8 << 10;

/// A reading buffer that has grown beyond this is given back once it is empty.
const KEPT: usize = 2 * LINE_LIMIT;

/// Bytes that were received and not yet taken: `bytes[start..end]`.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How much the last `skip_until` had skipped when it failed, if nothing was read since.
    skipped: usize,
    pub(super) line_limit: usize,
}

impl Default for ReadBuffer {
    fn default() -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, skipped: 0, line_limit: LINE_LIMIT }
    }
}

impl ReadBuffer {
    fn len(&self) -> usize {
        self.end - self.start
    }

    fn waiting(&self) -> &[u8] {
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
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEPT {
                self.bytes = Vec::new();
            }
        }
    }

    /// What waits; receives once if nothing does. Empty at the end of the data.
    pub(super) fn fill(&mut self, view: Timed<'_>) -> Result<&[u8]> {
        if self.len() == 0 {
            self.make_room(SIZE);
            let result = view.recv_into(&mut self.bytes);
            self.end = result.map_err(|error| error.during("read"))?;
        }
        Ok(self.waiting())
    }

    /// One read: what waits, or what one receive gives.
    pub(super) fn read(&mut self, into: &mut [u8], view: Timed<'_>) -> Result<usize> {
        if self.len() == 0 && into.len() >= SIZE {
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
        let before = self.skipped;
        let mut op = SkipUntil { fd: view.fd(), skipped: before, delimiter, buffer: self };
        let done = if op.skip() { Ok(()) } else { run("skip_until", &mut op, view.limit()) };
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
        let Err(error) = view.recv_exact(&mut into[waiting..]) else {
            self.consume(waiting);
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
    pub(super) fn read_to_end(&mut self, into: &mut Vec<u8>, mut view: Timed<'_>) -> io::Result<usize> {
        let waiting = self.len();
        into.extend_from_slice(self.waiting());
        self.consume(waiting);
        Ok(waiting + view.read_to_end(into)?)
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
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.len());
        if self.bytes.len() - self.end < room {
            // At least doubled, so that a long line is copied a few times and not each time something comes.
            let size = (self.end + room).max(self.bytes.len() * 2).max(SIZE);
            self.bytes.resize(size, 0);
        }
    }
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
    type Output = ();
    const COMPOSITE: bool = true;

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        self.buffer.make_room(SIZE);
        let room = self.buffer.end;
        match socket::recv(self.fd, &mut self.buffer.bytes[room..], 0)? {
            0 => return Ok(()),
            received => self.buffer.end += received,
        }
        if self.skip() { Ok(()) } else { Err(Pause::Progress) }
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
