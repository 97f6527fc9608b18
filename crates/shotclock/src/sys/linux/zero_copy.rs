//! Sends out of memory that the system does not copy: pages of our own, and what it says once it has done with them. Source:
//! the kernel's Documentation/networking/msg_zerocopy.rst.

use std::os::fd::BorrowedFd;
use std::{ptr, slice};

use rustix::io::Errno;

use super::last_errno;
use super::message::{ControlBuffer, ReceivedControl, recvmsg};
use super::socket::{number, setsockopt};

/// Has a send leave the bytes where they are.
pub(crate) const FLAG: i32 = libc::MSG_ZEROCOPY;

/// Room for one report: a control message of `struct sock_extended_err` and an address.
const REPORT: usize = 128;
/// SO_EE_ORIGIN_ZEROCOPY and SO_EE_CODE_ZEROCOPY_COPIED, and where they stand in a report. Source: linux/errqueue.h.
const ORIGIN: (usize, u8) = (4, 5);
const COPIED: (usize, u8) = (6, 1);
/// Where the numbers of the first and of the last send stand.
const FIRST: usize = 8;
const LAST: usize = 12;

/// Memory of its own from the system, in whole pages. Once unmapped nobody can write to the pages any more, and the system
/// keeps those that it sends from until it has.
#[derive(Debug)]
pub(crate) struct Pages {
    begin: *mut u8,
    len: usize,
}

// SAFETY: it is memory that this value alone owns, as a Box does.
unsafe impl Send for Pages {}
// SAFETY: by a shared borrow it is only read.
unsafe impl Sync for Pages {}

impl Pages {
    /// So many bytes, all zero; at least one.
    pub(crate) fn new(len: usize) -> Result<Self, Errno> {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address that the system picks touches no other memory.
        let begin = unsafe { libc::mmap(ptr::null_mut(), len, access, kind, -1, 0) };
        if begin == libc::MAP_FAILED { Err(last_errno()) } else { Ok(Self { begin: begin.cast(), len }) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for so many bytes, readable, until the value goes.
        unsafe { slice::from_raw_parts(self.begin, self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and writable; the borrow is the only one.
        unsafe { slice::from_raw_parts_mut(self.begin, self.len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's, and nothing borrows it any more.
        unsafe { libc::munmap(self.begin.cast(), self.len) };
    }
}

/// Whether sends may leave the bytes where they are.
pub(crate) fn is_allowed(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(number(fd, libc::SO_ZEROCOPY)? != 0)
}

/// Says whether sends may leave the bytes where they are.
pub(crate) fn allow(fd: BorrowedFd<'_>, allowed: bool) -> Result<(), Errno> {
    setsockopt(fd, libc::SOL_SOCKET, libc::SO_ZEROCOPY, &i32::from(allowed).to_ne_bytes())
}

/// Takes one report out of the socket's error queue: of how many sends the system has done with the bytes, and whether it has
/// copied them after all. Of anything else that is in the queue, of none.
pub(crate) fn done_with(fd: BorrowedFd<'_>) -> Result<(u32, bool), Errno> {
    let mut room = ControlBuffer::with_room(REPORT)?;
    let report = recvmsg(fd, &mut [], &mut room, libc::MSG_ERRQUEUE)?;
    Ok(report.control.iter().find_map(|message: &ReceivedControl| read(&message.data)).unwrap_or((0, false)))
}

/// What a report says, if it is one of these.
fn read(report: &[u8]) -> Option<(u32, bool)> {
    let number = |at: usize| Some(u32::from_ne_bytes(*report.get(at..)?.first_chunk()?));
    if *report.get(ORIGIN.0)? != ORIGIN.1 {
        return None;
    }
    // The numbers of sends go round.
    let count = number(LAST)?.wrapping_sub(number(FIRST)?).wrapping_add(1);
    Some((count, report.get(COPIED.0)? & COPIED.1 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_whole_or_not_at_all() {
        let mut report = [0; 16];
        (report[4], report[6]) = (5, 1);
        report[8..12].copy_from_slice(&u32::MAX.to_ne_bytes());
        report[12..16].copy_from_slice(&1_u32.to_ne_bytes());
        assert_eq!(read(&report), Some((3, true)), "the numbers go round");
        (0..16).for_each(|len| assert_eq!(read(&report[..len]), None, "{len}"));
        report[4] = 2;
        assert_eq!(read(&report), None, "another origin");
    }
}
