//! A file's bytes to a socket, as one try that never waits: over Linux's sendfile(2), and over that of macOS and FreeBSD.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::calls::NonBlocking;
use super::sendfile::sendfile_by;

/// One sendfile(2) from `offset`, which moves on by what was sent.
pub(crate) fn sendfile(
    to: NonBlocking<'_>,
    file: BorrowedFd<'_>,
    offset: &mut u64,
    count: usize,
) -> Result<usize, Errno> {
    let _brief = to.briefly(true);
    sendfile_by(to.as_fd(), file, offset, count)
}
