//! sendfile(2), as Linux has it.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::signal;

/// One sendfile(2) from `offset`, which moves on by what was sent; it waits or not as the descriptor's file says.
pub fn sendfile_by(to: BorrowedFd<'_>, file: BorrowedFd<'_>, offset: &mut u64, count: usize) -> Result<usize, Errno> {
    signal::without_sigpipe(|| rustix::fs::sendfile(to, file, Some(offset), count))
}
