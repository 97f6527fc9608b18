//! sendfile(2), which takes its arguments otherwise than Linux's, and may have sent a part when it fails.

#[cfg(not(target_os = "linux"))]
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

#[cfg(not(target_os = "linux"))]
use super::last_errno;

/// One sendfile(2) from `offset`, which moves on by what was sent.
pub(super) fn sendfile_by(
    to: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: &mut u64,
    count: usize,
) -> Result<usize, Errno> {
    let start = libc::off_t::try_from(*offset).map_err(|_| Errno::INVAL)?;
    // A count of zero would mean "to the end of the file". Source: sendfile(2) of either system.
    if count == 0 {
        return Ok(0);
    }
    let (errno, sent) = call(to, file, start, count);
    let sent = outcome(errno, sent)?;
    *offset += sent as u64;
    Ok(sent)
}

/// What a call has done that failed, or did not, after so many bytes. One that was interrupted or would have to wait may
/// have sent a part: those bytes are gone, and count; the next call says why it went no further. Source: sendfile(2) of
/// FreeBSD and macOS, "EAGAIN", "EINTR".
fn outcome(errno: Option<Errno>, sent: libc::off_t) -> Result<usize, Errno> {
    let sent = usize::try_from(sent).unwrap_or(0);
    match errno {
        Some(errno) if sent == 0 => Err(errno),
        _ => Ok(sent),
    }
}

/// The bytes that were sent are written back to the length. Source: sendfile(2) of macOS.
#[cfg(target_os = "macos")]
fn call(to: BorrowedFd<'_>, file: BorrowedFd<'_>, start: libc::off_t, count: usize) -> (Option<Errno>, libc::off_t) {
    let mut len = libc::off_t::try_from(count).unwrap_or(libc::off_t::MAX);
    // SAFETY: two descriptors that the borrows keep open, a length of ours, and no headers. SIGPIPE was switched off for the
    // socket when it was made.
    let done = unsafe { libc::sendfile(file.as_raw_fd(), to.as_raw_fd(), start, &mut len, std::ptr::null_mut(), 0) };
    ((done < 0).then(last_errno), len)
}

/// Source: sendfile(2) of FreeBSD.
#[cfg(target_os = "freebsd")]
fn call(to: BorrowedFd<'_>, file: BorrowedFd<'_>, start: libc::off_t, count: usize) -> (Option<Errno>, libc::off_t) {
    let mut sent: libc::off_t = 0;
    let done = super::signal::without_sigpipe(|| {
        // SAFETY: two descriptors that the borrows keep open, a length of ours, and no headers.
        let done = unsafe {
            libc::sendfile(file.as_raw_fd(), to.as_raw_fd(), start, count, std::ptr::null_mut(), &mut sent, 0)
        };
        if done < 0 { Err(last_errno()) } else { Ok(()) }
    });
    (done.err(), sent)
}

/// In the place of the BSDs' call, as it may turn out there: a few bytes are sent at a time, and each call says EAGAIN.
#[cfg(target_os = "linux")]
fn call(to: BorrowedFd<'_>, file: BorrowedFd<'_>, start: libc::off_t, count: usize) -> (Option<Errno>, libc::off_t) {
    let mut offset = start.unsigned_abs();
    let sent = super::signal::without_sigpipe(|| rustix::fs::sendfile(to, file, Some(&mut offset), count.min(5000)));
    match sent {
        Ok(0) => (None, 0),
        Ok(sent) => (Some(Errno::AGAIN), sent as libc::off_t),
        Err(errno) => (Some(errno), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_were_sent_count_whatever_the_call_says() {
        assert_eq!(outcome(Some(Errno::AGAIN), 3), Ok(3));
        assert_eq!(outcome(Some(Errno::INTR), 1), Ok(1));
        assert_eq!(outcome(Some(Errno::AGAIN), 0), Err(Errno::AGAIN));
        assert_eq!(outcome(Some(Errno::PIPE), 0), Err(Errno::PIPE));
        assert_eq!(outcome(None, 0), Ok(0), "the end of the file");
        assert_eq!(outcome(None, 7), Ok(7));
    }
}
