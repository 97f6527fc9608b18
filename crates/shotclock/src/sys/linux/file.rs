//! Files of any kind, for the Python face: whether a call on one may have to wait, and the end of a child as a file.

use std::cell::Cell;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::io::{ReadWriteFlags, preadv2, pwritev2};

use super::{BorrowedHandle, Errno, OwnedHandle, Readiness, fork, last_errno};

/// Whether a read ([`Readiness::IN`]) or write of this file may have to wait for somebody: it blocks, is open in this
/// direction, and is no file of a disk. (In the direction in which it is not open a call fails at once, but poll(2)
/// would wait.)
pub fn may_block(fd: BorrowedHandle<'_>, toward: Readiness) -> bool {
    let Ok(flags) = fcntl_getfl(fd) else { return false };
    let other = if toward.contains(Readiness::OUT) { OFlags::RDONLY } else { OFlags::WRONLY };
    !flags.contains(OFlags::NONBLOCK) && flags & OFlags::RWMODE != other && !is_of_a_disk(fd)
}

/// Whether it is a file of a disk, which is always ready.
pub fn is_of_a_disk(fd: BorrowedHandle<'_>) -> bool {
    // A pipe, terminal or socket has no place in it, which is told in half the time.
    // SAFETY: plain numbers; the place is only asked for.
    if unsafe { libc::lseek(fd.as_raw_fd(), 0, libc::SEEK_CUR) } < 0 {
        return false;
    }
    let Ok(status) = fstat(fd) else { return false };
    matches!(
        FileType::from_raw_mode(status.st_mode),
        FileType::RegularFile | FileType::Directory | FileType::BlockDevice
    )
}

/// Whether it is a device that is no disk, such as a terminal.
pub fn is_device(fd: BorrowedHandle<'_>) -> bool {
    fstat(fd).is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::CharacterDevice)
}

/// A descriptor that is readable from when the process has ended. Source: pidfd_open(2).
///
/// # Errors
/// ESRCH without such a process, EMFILE without a descriptor left, ENOSYS before Linux 5.3.
pub fn process(pid: i32) -> Result<OwnedHandle, Errno> {
    // SAFETY: plain numbers; flags are none, and the descriptor is close-on-exec from birth.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let Ok(number) = i32::try_from(opened) else { return Err(Errno::INVAL) };
    if number < 0 {
        return Err(last_errno());
    }
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_fd(number) })
}

/// Whether this thread is the one that the process began with; after a fork the one that forked. It is asked of the system
/// once a thread.
pub fn is_main_thread() -> bool {
    thread_local! {
        /// After so many forks, what the system said.
        static KNOWN: Cell<Option<(u32, bool)>> = const { Cell::new(None) };
    }
    let generation = fork::generation();
    if let Some((then, is_main)) = KNOWN.get()
        && then == generation
    {
        return is_main;
    }
    // SAFETY: both ask for nothing and cannot fail.
    let is_main = unsafe { libc::c_long::from(libc::getpid()) == libc::syscall(libc::SYS_gettid) };
    KNOWN.set(Some((generation, is_main)));
    is_main
}

/// Reads what is there, as far as that is possible without a wait, whatever the file's O_NONBLOCK. Source: preadv2(2),
/// RWF_NOWAIT, which pipes know from Linux 6.4 on. It is asked of the kernel, since glibc has it from 2.26 only.
///
/// # Errors
/// EAGAIN where it would have to wait, EOPNOTSUPP of a file that cannot say, and those of read(2).
pub fn read_now(fd: BorrowedHandle<'_>, room: &mut [u8]) -> Result<usize, Errno> {
    preadv2(fd, &mut [IoSliceMut::new(room)], OWN_OFFSET, ReadWriteFlags::NOWAIT)
}

/// Writes as much as is possible without a wait, as [`read_now`] reads.
///
/// # Errors
/// As there, and those of write(2).
pub fn write_now(fd: BorrowedHandle<'_>, bytes: &[u8]) -> Result<usize, Errno> {
    pwritev2(fd, &[IoSlice::new(bytes)], OWN_OFFSET, ReadWriteFlags::NOWAIT)
}

/// -1: the file's own offset.
const OWN_OFFSET: u64 = u64::MAX;
