//! How a socket is closed under those who wait on it, on every Unix system.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::calls::shutdown;
use super::dead::cover_at_close;

/// Ends what a number stands for, and keeps the number taken: by [`cover_at_close`], or, if that fails, by shutdown(2),
/// which ends the connection for all who share it.
pub(crate) fn bury(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let Err(errno) = cover_at_close(fd) else { return Ok(()) };
    let _may_not_be_connected = shutdown(fd, libc::SHUT_RDWR);
    if matches!(errno, Errno::MFILE | Errno::NFILE | Errno::BADF) { Ok(()) } else { Err(errno) }
}
