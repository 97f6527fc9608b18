//! The timeouts that the system itself keeps for a socket, SO_RCVTIMEO and SO_SNDTIMEO: std's types keep theirs there. No
//! call of ours goes by them; they are read and written where a socket comes from std's types or goes there.

use std::ffi::c_int;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::{Errno, last_errno};

/// That of receiving calls, or of sending ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeout {
    Receive,
    Send,
}

/// The receiving and the sending timeout, where there is one.
pub(crate) fn of_both(fd: BorrowedFd<'_>) -> [Option<Duration>; 2] {
    [Timeout::Receive, Timeout::Send].map(|which| which.of(fd).ok().flatten())
}

/// Sets the receiving and the sending one, or takes them away. What is no socket has none.
pub(crate) fn set_both(fd: BorrowedFd<'_>, timeouts: [Option<Duration>; 2]) {
    for (which, timeout) in [Timeout::Receive, Timeout::Send].into_iter().zip(timeouts) {
        let _what_is_no_socket_has_none = which.set(fd, timeout);
    }
}

/// By libc, not rustix, which panics where the system answers in another size, as qemu's does for the number that rustix
/// asks by.
impl Timeout {
    fn option(self) -> c_int {
        match self {
            Self::Receive => libc::SO_RCVTIMEO,
            Self::Send => libc::SO_SNDTIMEO,
        }
    }

    /// What it is, if there is one.
    pub(super) fn of(self, fd: BorrowedFd<'_>) -> Result<Option<Duration>, Errno> {
        let mut time = MaybeUninit::<libc::timeval>::zeroed();
        let mut len = size_of::<libc::timeval>() as libc::socklen_t;
        let level = libc::SOL_SOCKET;
        // SAFETY: the place is as large as it says, and all zeroes are a value of it, should less be written.
        let time = unsafe {
            let place = time.as_mut_ptr().cast();
            if libc::getsockopt(fd.as_raw_fd(), level, self.option(), place, &raw mut len) < 0 {
                return Err(last_errno());
            }
            time.assume_init()
        };
        let (Ok(seconds), Ok(micros)) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_usec)) else {
            return Err(Errno::INVAL);
        };
        Ok(Some(Duration::from_secs(seconds) + Duration::from_micros(micros)).filter(|time| !time.is_zero()))
    }

    /// Sets it, in whole microseconds and never shorter than asked for, or takes it away. None of no length can be set,
    /// since that means none.
    pub(super) fn set(self, fd: BorrowedFd<'_>, timeout: Option<Duration>) -> Result<(), Errno> {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(Errno::INVAL);
        }
        let micros = timeout.unwrap_or_default().as_nanos().div_ceil(1000);
        let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
        // Under a million.
        let micros = micros as libc::c_int;
        let time = libc::timeval { tv_sec: seconds.try_into().map_err(|_| Errno::INVAL)?, tv_usec: micros.into() };
        let len = size_of::<libc::timeval>() as libc::socklen_t;
        // SAFETY: the value is as large as it says, and only read.
        let set =
            unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, self.option(), (&raw const time).cast(), len) };
        if set < 0 { Err(last_errno()) } else { Ok(()) }
    }
}
