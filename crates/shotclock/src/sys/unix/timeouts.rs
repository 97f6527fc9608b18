//! The timeouts that the system itself keeps for a socket, SO_RCVTIMEO and SO_SNDTIMEO: std's types keep theirs there. No
//! call of ours goes by them; they are read and written where a socket comes from std's types or goes there.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_timeout};

/// The shorter of the receiving and the sending timeout, if there is one.
pub(crate) fn shorter(fd: BorrowedFd<'_>) -> Option<Duration> {
    let both = [Timeout::Recv, Timeout::Send].map(|which| socket_timeout(fd, which).ok().flatten());
    both.into_iter().flatten().min()
}

/// Sets both, or takes them away. What is no socket has none.
pub(crate) fn set_both(fd: BorrowedFd<'_>, timeout: Option<Duration>) {
    // In whole microseconds, and never shorter than asked for.
    let timeout =
        timeout.map(|time| Duration::from_micros(u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)));
    for which in [Timeout::Recv, Timeout::Send] {
        let _what_is_no_socket_has_none = set_socket_timeout(fd, which, timeout);
    }
}
