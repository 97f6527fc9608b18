//! Datagrams: a socket that asks gets its answer in time, or ETIMEDOUT. One that is bound to a port, as servers' are, is off
//! the clock.

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::c::{self, socklen_t, timeval};
use crate::{real, terms};

/// The descriptors that were given a limit of ours, a bit each. One that was closed behind our back is a bit too many, which
/// `has_ended` notices.
static LIMITED: [AtomicU64; 1024] = [const { AtomicU64::new(0) }; 1024];

/// Whether a call on this descriptor that ended with EAGAIN had a limit of ours. Keeps errno.
pub(crate) fn has_ended(fd: c_int, flags: c_int) -> bool {
    if !is_limited(fd) || flags & c::MSG_DONTWAIT != 0 {
        return false;
    }
    let errno = c::errno();
    // SAFETY: a plain number.
    let blocks = unsafe { c::syscall(c::call::FCNTL, fd, c::F_GETFL) } & i64::from(c::O_NONBLOCK) == 0;
    let is_ours = blocks && terms::datagram().is_some_and(|limit| has_time(fd, c::SO_RCVTIMEO, limit));
    c::set_errno(errno);
    is_ours
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    // SAFETY: the caller's own arguments.
    let fd = unsafe { real::socket(family, kind, protocol) };
    if fd >= 0
        && kind & c::SOCK_TYPE_MASK == c::SOCK_DGRAM
        && (family == c::AF_INET || family == c::AF_INET6)
        && let Some(limit) = terms::datagram()
    {
        limited(fd, limit);
    }
    fd
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn bind(fd: c_int, to: *const c_void, length: socklen_t) -> c_int {
    // SAFETY: the caller's own arguments.
    let gave = unsafe { real::bind(fd, to, length) };
    if gave == 0 && is_limited(fd) && length >= 4 {
        // SAFETY: the system has just read as much; the port is behind the family.
        let port = unsafe { to.cast::<u16>().add(1).read_unaligned() };
        if port != 0 {
            limited(fd, 0);
            forget(fd);
        }
    }
    gave
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    forget(fd);
    // SAFETY: the caller's own argument.
    unsafe { real::close(fd) }
}

/// Gives the descriptor a limit, or none for zero. Keeps errno.
fn limited(fd: c_int, limit: u64) {
    let errno = c::errno();
    let time = time(limit);
    for option in [c::SO_RCVTIMEO, c::SO_SNDTIMEO] {
        // SAFETY: it lives through the call, and is as large as said.
        unsafe {
            c::setsockopt(fd, c::SOL_SOCKET, option, (&raw const time).cast(), size_of::<timeval>() as socklen_t)
        };
    }
    if let Some((word, bit)) = place(fd) {
        word.fetch_or(bit, Relaxed);
    }
    c::set_errno(errno);
}

/// Whether the descriptor has this time still: the program may have set its own.
fn has_time(fd: c_int, option: c_int, limit: u64) -> bool {
    let mut time_of_it = timeval { tv_sec: 0, tv_usec: 0 };
    let mut size = size_of::<timeval>() as socklen_t;
    // SAFETY: there is room for as much as it says.
    let gave = unsafe { real::getsockopt(fd, c::SOL_SOCKET, option, (&raw mut time_of_it).cast(), &raw mut size) };
    let set = time(limit);
    // The system rounds to its ticks.
    let micros = |time: timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    gave == 0 && (micros(time_of_it) - micros(set)).abs() < 20_000
}

fn time(limit: u64) -> timeval {
    let micros = if limit == 0 { 0 } else { (limit / 1000).max(1).cast_signed() };
    timeval { tv_sec: micros / 1_000_000, tv_usec: micros % 1_000_000 }
}

fn is_limited(fd: c_int) -> bool {
    place(fd).is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0)
}

fn forget(fd: c_int) {
    if let Some((word, bit)) = place(fd)
        && word.load(Relaxed) & bit != 0
    {
        word.fetch_and(!bit, Relaxed);
    }
}

fn place(fd: c_int) -> Option<(&'static AtomicU64, u64)> {
    let fd = usize::try_from(fd).ok()?;
    Some((LIMITED.get(fd / 64)?, 1 << (fd % 64)))
}
