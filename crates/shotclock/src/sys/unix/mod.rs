//! What Unix systems share: system calls by rustix where they are hot, libc for the rest.

mod address;
pub(crate) mod address_info;
pub(crate) mod brief;
pub(crate) mod calls;
pub(crate) mod creation;
pub(crate) mod fork;
pub(crate) mod growing;
#[cfg(target_env = "musl")]
pub(crate) mod hosts_by_address_info;
#[cfg(target_env = "gnu")]
pub(crate) mod hosts_reentrant;
pub(crate) mod interface;
pub(crate) mod message;
pub(crate) mod msghdr;
#[cfg(target_env = "musl")]
pub(crate) mod protocols_in_turn;
pub(crate) mod resolver;
pub(crate) mod signal;
pub(crate) mod text;
pub(crate) mod thread;
pub(crate) mod timeouts;
pub(crate) mod wake;

pub(crate) use std::os::fd::{
    AsFd as AsHandle, AsRawFd as AsRawHandle, BorrowedFd as BorrowedHandle, OwnedFd as OwnedHandle, RawFd as RawHandle,
};

pub(crate) use libc as c;
pub(crate) use rustix::event::PollFd;
pub use rustix::event::PollFlags as Readiness;
pub use rustix::io::Errno;

use rustix::event::Timespec;

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// The time of CLOCK_MONOTONIC in nanoseconds.
#[inline]
pub(crate) fn monotonic_nanos() -> u64 {
    let mut time = c::timespec { tv_sec: 0, tv_nsec: 0 };
    // By libc, not rustix: its own search for the vDSO crashes under valgrind, and is no faster.
    // SAFETY: `time` is writable. CLOCK_MONOTONIC exists on every Linux, so the call cannot fail.
    unsafe { c::clock_gettime(c::CLOCK_MONOTONIC, &mut time) };
    // Nanoseconds since boot: positive, and under 2^64 for 584 years.
    time.tv_sec.unsigned_abs() * SECOND + time.tv_nsec.unsigned_abs()
}

/// Waits until one of `fds` is ready, for `nanos` at most; for ever if `None`. The kernel rounds a short time up; a wait
/// of a second or more may end up to a millisecond early.
#[allow(clippy::disallowed_methods, reason = "the one place that polls")]
pub(crate) fn poll(fds: &mut [PollFd<'_>], nanos: Option<u64>) -> Result<usize, Errno> {
    let millis = match nanos {
        None => -1,
        // A time too long for the call is cut short: the loop waits again for the rest.
        Some(nanos @ SECOND..) => c::c_int::try_from(nanos / (SECOND / 1000)).unwrap_or(c::c_int::MAX),
        Some(nanos) => return rustix::event::poll(fds, Some(&Timespec { tv_sec: 0, tv_nsec: nanos.cast_signed() })),
    };
    const { assert!(size_of::<PollFd<'_>>() == size_of::<c::pollfd>()) };
    const { assert!(align_of::<PollFd<'_>>() == align_of::<c::pollfd>()) };
    // poll(2), where whole milliseconds will do: ppoll(2) also writes back the time that is left, which takes long
    // enough to be seen in a round trip. SAFETY: the array is ours for the length of the call, and its elements are
    // `struct pollfd` by their documentation.
    let ready = unsafe { c::poll(fds.as_mut_ptr().cast(), fds.len() as c::nfds_t, millis) };
    usize::try_from(ready).map_err(|_| last_errno())
}

/// In which of the `wanted` ways the descriptor is ready now, or that it has ended; never waits.
pub(crate) fn readiness(fd: BorrowedHandle<'_>, wanted: Readiness) -> Result<Readiness, Errno> {
    let mut fds = [PollFd::from_borrowed_fd(fd, wanted)];
    poll(&mut fds, Some(0))?;
    Ok(fds[0].revents())
}

/// The system's words for an error number, without the number.
pub(crate) fn describe(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The error number the last libc call left on this thread.
pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}
