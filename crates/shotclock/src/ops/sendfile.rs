//! Sending a file's content.

use super::OpenFile;
use super::send::connecting;
use crate::sys::{BorrowedHandle, Errno, Readiness, socket};
use crate::wait::{Interest, Moves, Operation, Pause};

/// The most that one try hands to the system; between tries the limit is looked at.
const PIECE: usize = 1 << 20;
/// The most that is read at once where the system cannot send a file by itself.
const COPIED_PIECE: usize = 64 << 10;

/// Sends a file from `offset` on, `left` bytes or to its end. `sent` outlives a failure.
pub(crate) struct SendFile<'a> {
    to: OpenFile<'a>,
    file: BorrowedHandle<'a>,
    offset: u64,
    left: u64,
    pub(crate) sent: u64,
    /// What was read but not yet sent, once sendfile(2) has refused this pair.
    copied: Option<Vec<u8>>,
}

impl<'a> SendFile<'a> {
    pub(crate) fn new(to: OpenFile<'a>, file: BorrowedHandle<'a>, offset: u64, count: Option<u64>) -> Self {
        Self { to, file, offset, left: count.unwrap_or(u64::MAX), sent: 0, copied: None }
    }

    fn count(&mut self, sent: usize) {
        self.left -= sent as u64;
        self.sent += sent as u64;
    }

    fn piece(&self, most: usize) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX).min(most)
    }

    /// Reads a piece if none is waiting, and sends what it can of it.
    fn copy(&mut self, mut waiting: Vec<u8>) -> Result<u64, Pause> {
        if waiting.is_empty() {
            waiting.resize(self.piece(COPIED_PIECE), 0);
            let read = socket::pread(self.file, &mut waiting, self.offset);
            waiting.truncate(*read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Ok(self.sent);
            }
            self.offset += waiting.len() as u64;
        }
        let result = socket::send(self.to.fd(), &waiting, 0);
        waiting.drain(..*result.as_ref().unwrap_or(&0));
        self.copied = Some(waiting);
        self.count(result.map_err(connecting)?);
        Err(Pause::Progress)
    }
}

impl Operation for SendFile<'_> {
    type Output = u64;
    const COMPOSITE: bool = true;

    fn attempt(&mut self, _: Readiness) -> Result<u64, Pause> {
        if self.left == 0 {
            return Ok(self.sent);
        }
        if let Some(waiting) = self.copied.take() {
            return self.copy(waiting);
        }
        let piece = self.piece(PIECE);
        match socket::sendfile(self.to.nonblocking()?, self.file, &mut self.offset, piece) {
            Ok(0) => Ok(self.sent),
            Ok(sent) => {
                self.count(sent);
                Err(Pause::Progress)
            }
            Err(Errno::INVAL | Errno::NOSYS) => self.copy(Vec::new()),
            Err(errno) => Err(connecting(errno)),
        }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.to.fd(), Readiness::OUT);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}
