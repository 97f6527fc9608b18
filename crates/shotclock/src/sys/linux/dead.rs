//! The dead descriptor, which takes the number of a socket that was closed: every socket call on it says EBADF.

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use super::last_errno;

/// The number of the dead descriptor that this process keeps, or [`NONE_YET`] or [`LOST`].
static KEPT: AtomicI32 = AtomicI32::new(NONE_YET);
const NONE_YET: RawFd = -1;
/// Somebody has closed the kept one (daemons close all they find), or this thread has a table of descriptors without
/// it. From then on one is opened each time: else threads with different tables would each replace the other's for
/// ever.
const LOST: RawFd = -2;

/// Puts a dead descriptor over the number, atomically: what the number stood for is closed, the number stays taken. It
/// is the dead descriptor that this process keeps: to open and close one would be most of what a close costs beside the
/// end of the socket.
///
/// # Errors
/// As for [`cover`]; without a descriptor left only where none could be kept yet.
pub(crate) fn cover_at_close(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    match kept() {
        Some(dead) => put_over(dead, fd),
        None => cover(fd),
    }
}

/// As `cover_at_close`, with a dead descriptor opened for this one use: for closes that are rare.
///
/// # Errors
/// EMFILE or ENFILE without a descriptor left, EBADF for a number above what RLIMIT_NOFILE has become, over which the
/// system puts nothing.
pub fn cover(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    // The root directory exists in every chroot. It is closed again: a directory that is kept open would be a way out
    // of a later chroot.
    let dead = open(c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    put_over(dead.as_raw_fd(), fd)
}

fn put_over(dead: RawFd, fd: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: plain numbers. The caller owns `fd`'s number; after dup3 it is open still, so that whoever borrowed it keeps
    // a valid, if dead, descriptor.
    while unsafe { libc::dup3(dead, fd.as_raw_fd(), libc::O_CLOEXEC) } < 0 {
        match last_errno() {
            Errno::BUSY | Errno::INTR => {}
            errno => return Err(errno),
        }
    }
    Ok(())
}

/// The number of the kept one, if it is dead still: other code may have closed it, and the number may be another
/// file's. Any file that is dead (O_PATH) will do, whoever opened it.
fn kept() -> Option<RawFd> {
    let dead = match KEPT.load(Ordering::Acquire) {
        NONE_YET => keep_one()?,
        LOST => return None,
        dead => dead,
    };
    // SAFETY: plain numbers; of a number that is not open it says EBADF.
    let flags = unsafe { libc::fcntl(dead, libc::F_GETFL) };
    if flags >= 0 && flags & libc::O_PATH != 0 {
        return Some(dead);
    }
    KEPT.store(LOST, Ordering::Release);
    None
}

/// Opens one to be kept, of a file that leads nowhere else.
#[cold]
fn keep_one() -> Option<RawFd> {
    let dead = open(c"/dev/null", OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let kept = KEPT.compare_exchange(NONE_YET, dead.as_raw_fd(), Ordering::AcqRel, Ordering::Acquire);
    match kept {
        Ok(_) => Some(dead.into_raw_fd()),
        Err(theirs) => (theirs != LOST).then_some(theirs),
    }
}
