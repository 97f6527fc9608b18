//! Sending without a copy, and waiting until the system has done with the bytes.

use crate::sys::{BorrowedHandle, Errno, Readiness, socket, zero_copy};
use crate::wait::{Interest, Moves, Operation, Pause};

/// What the system has yet to do with sends of one socket.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// Of how many sends the system has the bytes still.
    pub(crate) sends: u32,
    /// Whether it has said of one that it was copied after all.
    pub(crate) is_copied: bool,
}

impl Unfinished {
    /// Takes all reports that are there.
    fn take_reports(&mut self, fd: BorrowedHandle<'_>) -> Result<(), Errno> {
        while self.sends > 0 {
            match zero_copy::done_with(fd) {
                Ok((count, is_copied)) => {
                    self.sends = self.sends.saturating_sub(count);
                    self.is_copied |= is_copied;
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

/// Sends all of the bytes where they are, and is done once the system has done with them. `sent` outlives a failure.
pub(crate) struct SendInPlace<'a> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) from: &'a [u8],
    pub(crate) flags: i32,
    pub(crate) unfinished: &'a mut Unfinished,
    /// Whether the system can; else it copies.
    pub(crate) in_place: bool,
    pub(crate) sent: usize,
}

impl SendInPlace<'_> {
    fn send(&mut self) -> Result<(), Pause> {
        let flag = if self.in_place { zero_copy::FLAG } else { 0 };
        match socket::send(self.fd, &self.from[self.sent..], self.flags | flag) {
            Ok(len) => {
                self.sent += len;
                self.unfinished.sends += u32::from(self.in_place);
                Err(Pause::Progress)
            }
            // There is no more memory for bytes that stay where they are: once it has done with some there is, and if it has
            // none of them these go as a copy.
            Err(Errno::NOBUFS) if self.in_place && self.unfinished.sends > 0 => Err(Pause::WouldBlock),
            Err(Errno::NOBUFS) if self.in_place => {
                (self.in_place, self.unfinished.is_copied) = (false, true);
                Err(Pause::Again)
            }
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Operation for SendInPlace<'_> {
    type Output = ();
    const COMPOSITE: bool = true;

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        // Reports that are left there would end each wait at once.
        self.unfinished.take_reports(self.fd)?;
        if self.sent < self.from.len() {
            return self.send();
        }
        if self.unfinished.sends > 0 {
            return Err(Pause::WouldBlock);
        }
        // The system has done with the bytes of a connection that has failed as well.
        if self.in_place { Ok(socket::take_error(self.fd)?) } else { Ok(()) }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        // A report is an error to poll(2), which it says unasked.
        let room = if self.sent < self.from.len() { Readiness::OUT } else { Readiness::ERR };
        wanted.readiness(self.fd, room);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}
