//! What Unix systems share: system calls by rustix where they are hot, libc for the rest.

mod address;
pub(crate) mod address_info;
pub(crate) mod brief;
pub(crate) mod calls;
mod control_kinds;
pub(crate) mod creation;
#[cfg(any(target_env = "musl", target_os = "macos", shotclock_bsd))]
mod databases_in_turn;
#[cfg(not(any(target_os = "macos", shotclock_bsd)))]
mod databases_reentrant;
pub(crate) mod fork;
pub(crate) mod growing;
#[cfg(any(target_env = "musl", target_os = "macos", shotclock_bsd))]
mod hosts_by_address_info;
#[cfg(not(any(target_env = "musl", target_os = "macos", shotclock_bsd)))]
mod hosts_reentrant;
pub(crate) mod interface;
pub(crate) mod message;
pub(crate) mod msghdr;
pub(crate) mod resolver;
#[cfg(not(target_os = "macos"))]
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

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = SECOND / 1000;

/// A clock that never steps, and stands still while the machine sleeps. Source: clock_gettime(2) of each system: macOS's
/// CLOCK_MONOTONIC counts the sleep, CLOCK_UPTIME_RAW does not; FreeBSD's CLOCK_UPTIME counts "while the machine is running".
#[cfg(target_os = "linux")]
const CLOCK: c::clockid_t = c::CLOCK_MONOTONIC;
#[cfg(target_os = "macos")]
const CLOCK: c::clockid_t = c::CLOCK_UPTIME_RAW;
#[cfg(target_os = "freebsd")]
const CLOCK: c::clockid_t = c::CLOCK_UPTIME;

/// The time of [`CLOCK`] in nanoseconds.
#[inline]
pub(crate) fn monotonic_nanos() -> u64 {
    let mut time = c::timespec { tv_sec: 0, tv_nsec: 0 };
    // By libc, not rustix: its own search for the vDSO crashes under valgrind, and is no faster.
    // SAFETY: `time` is writable. The clock exists on every version of its system, so the call cannot fail.
    unsafe { c::clock_gettime(CLOCK, &mut time) };
    // Nanoseconds since boot: positive, and under 2^64 for 584 years.
    time.tv_sec.unsigned_abs() * SECOND + time.tv_nsec.unsigned_abs()
}

/// Waits until one of `fds` is ready, for `nanos` at most; for ever if `None`. The system rounds a short time up; a wait
/// of a second or more may end up to a millisecond early.
#[allow(clippy::disallowed_methods, reason = "the one place that polls")]
pub(crate) fn poll(fds: &mut [PollFd<'_>], nanos: Option<u64>) -> Result<usize, Errno> {
    let millis = match nanos {
        None => -1,
        // A time too long for the call is cut short: the loop waits again for the rest.
        Some(nanos @ SECOND..) => c::c_int::try_from(nanos / MILLISECOND).unwrap_or(c::c_int::MAX),
        #[cfg(not(any(target_os = "macos", shotclock_bsd)))]
        Some(nanos) => {
            let left = rustix::event::Timespec { tv_sec: 0, tv_nsec: nanos.cast_signed() };
            return rustix::event::poll(fds, Some(&left));
        }
        // Without ppoll(2) in whole milliseconds, and never early. Under 1001.
        #[cfg(any(target_os = "macos", shotclock_bsd))]
        Some(nanos) => nanos.div_ceil(MILLISECOND) as c::c_int,
    };
    const { assert!(size_of::<PollFd<'_>>() == size_of::<c::pollfd>()) };
    const { assert!(align_of::<PollFd<'_>>() == align_of::<c::pollfd>()) };
    // poll(2), where whole milliseconds will do: Linux's ppoll(2) also writes back the time that is left, which takes long
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
