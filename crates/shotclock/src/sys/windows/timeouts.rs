//! The timeouts that the system itself keeps for a socket, SO_RCVTIMEO and SO_SNDTIMEO: std's types keep theirs there. No
//! call of ours goes by them; they are read and written where a socket comes from std's types or goes there.

use std::time::Duration;

use windows_sys::Win32::Networking::WinSock as w;

use super::BorrowedHandle;
use super::calls::{getsockopt, setsockopt};

/// The receiving and the sending timeout, where there is one.
pub(crate) fn of_both(fd: BorrowedHandle<'_>) -> [Option<Duration>; 2] {
    [w::SO_RCVTIMEO, w::SO_SNDTIMEO].map(|which| {
        let mut millis = [0; 4];
        getsockopt(fd, w::SOL_SOCKET, which, &mut millis).ok()?;
        let millis = Some(u32::from_ne_bytes(millis)).filter(|millis| *millis != 0);
        millis.map(|millis| Duration::from_millis(u64::from(millis)))
    })
}

/// Sets the receiving and the sending one, or takes them away. What is no socket has none.
pub(crate) fn set_both(fd: BorrowedHandle<'_>, timeouts: [Option<Duration>; 2]) {
    for (which, timeout) in [w::SO_RCVTIMEO, w::SO_SNDTIMEO].into_iter().zip(timeouts) {
        // In whole milliseconds, and never shorter than asked for.
        let whole = |time: Duration| u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1);
        let millis = timeout.map_or(0, whole);
        let _what_is_no_socket_has_none = setsockopt(fd, w::SOL_SOCKET, which, &millis.to_ne_bytes());
    }
}
