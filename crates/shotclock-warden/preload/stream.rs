//! Calls on connections: where one fails since the warden ended the connection, the program sees ETIMEDOUT.

use core::ffi::{c_int, c_void};

use crate::c::{self, size_t, socklen_t, ssize_t};
use crate::{datagram, ended, real, region};

/// What the call gave, with errno as the program is to see it.
macro_rules! seen {
    ($fd:expr, $flags:expr, $gave:expr) => {{
        let gave = $gave;
        if gave < 0 {
            failed($fd, $flags);
        }
        gave
    }};
}

/// The same of calls by which datagrams are received: one that a scope has ended in this process gives nothing.
macro_rules! received {
    ($fd:expr, $flags:expr, $gave:expr) => {{
        let gave = seen!($fd, $flags, $gave);
        if gave == 0 && ended::is_any() && region::has_ended($fd) {
            c::set_errno(c::ETIMEDOUT);
            -1
        } else {
            gave
        }
    }};
}

#[cold]
fn failed(fd: c_int, flags: c_int) {
    let is_ours = match c::errno() {
        c::ECONNRESET | c::EPIPE | c::ENOTCONN | c::ECONNABORTED | c::ESHUTDOWN => region::has_ended(fd),
        c::EAGAIN => datagram::has_ended(fd, flags),
        _ => false,
    };
    if is_ours {
        c::set_errno(c::ETIMEDOUT);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: c_int, to: *mut c_void, size: size_t) -> ssize_t {
    // SAFETY: the caller's own arguments.
    received!(fd, 0, unsafe { real::read(fd, to, size) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __read_chk(fd: c_int, to: *mut c_void, size: size_t, room: size_t) -> ssize_t {
    if size > room {
        // SAFETY: as the function that it stands for.
        unsafe { c::abort() }
    }
    // SAFETY: the caller's own arguments.
    unsafe { read(fd, to, size) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readv(fd: c_int, to: *const c_void, count: c_int) -> ssize_t {
    // SAFETY: the caller's own arguments.
    received!(fd, 0, unsafe { real::readv(fd, to, count) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn recv(fd: c_int, to: *mut c_void, size: size_t, flags: c_int) -> ssize_t {
    // SAFETY: the caller's own arguments.
    received!(fd, flags, unsafe { real::recv(fd, to, size, flags) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __recv_chk(fd: c_int, to: *mut c_void, size: size_t, room: size_t, flags: c_int) -> ssize_t {
    if size > room {
        // SAFETY: as the function that it stands for.
        unsafe { c::abort() }
    }
    // SAFETY: the caller's own arguments.
    unsafe { recv(fd, to, size, flags) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvfrom(
    fd: c_int,
    to: *mut c_void,
    size: size_t,
    flags: c_int,
    from: *mut c_void,
    length: *mut socklen_t,
) -> ssize_t {
    // SAFETY: the caller's own arguments.
    received!(fd, flags, unsafe { real::recvfrom(fd, to, size, flags, from, length) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __recvfrom_chk(
    fd: c_int,
    to: *mut c_void,
    size: size_t,
    room: size_t,
    flags: c_int,
    from: *mut c_void,
    length: *mut socklen_t,
) -> ssize_t {
    if size > room {
        // SAFETY: as the function that it stands for.
        unsafe { c::abort() }
    }
    // SAFETY: the caller's own arguments.
    unsafe { recvfrom(fd, to, size, flags, from, length) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvmsg(fd: c_int, message: *mut c_void, flags: c_int) -> ssize_t {
    // SAFETY: the caller's own arguments.
    received!(fd, flags, unsafe { real::recvmsg(fd, message, flags) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvmmsg(
    fd: c_int,
    messages: *mut c_void,
    count: u32,
    flags: c_int,
    timeout: *mut c_void,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let gave = seen!(fd, flags, unsafe { real::recvmmsg(fd, messages, count, flags, timeout) });
    if gave > 0 && ended::is_any() && region::has_ended(fd) {
        // SAFETY: as many were given.
        unsafe { without_end(messages, gave) }
    } else {
        gave
    }
}

/// `struct mmsghdr`, of whose message only the size matters here.
#[repr(C)]
struct Message {
    header: [usize; 7],
    len: u32,
}

/// How many of the messages came before the end, which shows as empty ones; with none it is an error.
///
/// # Safety
/// So many messages are there.
#[cold]
unsafe fn without_end(messages: *const c_void, gave: c_int) -> c_int {
    // SAFETY: by the caller's promise.
    let is_empty = |index: &c_int| unsafe { (*messages.cast::<Message>().offset(*index as isize)).len == 0 };
    match (0..gave).find(is_empty) {
        Some(0) => {
            c::set_errno(c::ETIMEDOUT);
            -1
        }
        Some(came) => came,
        None => gave,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, from: *const c_void, size: size_t) -> ssize_t {
    // SAFETY: the caller's own arguments.
    seen!(fd, 0, unsafe { real::write(fd, from, size) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, from: *const c_void, count: c_int) -> ssize_t {
    // SAFETY: the caller's own arguments.
    seen!(fd, 0, unsafe { real::writev(fd, from, count) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(fd: c_int, from: *const c_void, size: size_t, flags: c_int) -> ssize_t {
    // SAFETY: the caller's own arguments.
    seen!(fd, flags, unsafe { real::send(fd, from, size, flags) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendto(
    fd: c_int,
    from: *const c_void,
    size: size_t,
    flags: c_int,
    to: *const c_void,
    length: socklen_t,
) -> ssize_t {
    // SAFETY: the caller's own arguments.
    seen!(fd, flags, unsafe { real::sendto(fd, from, size, flags, to, length) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(fd: c_int, message: *const c_void, flags: c_int) -> ssize_t {
    // SAFETY: the caller's own arguments.
    seen!(fd, flags, unsafe { real::sendmsg(fd, message, flags) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmmsg(fd: c_int, messages: *mut c_void, count: u32, flags: c_int) -> c_int {
    // SAFETY: the caller's own arguments.
    seen!(fd, flags, unsafe { real::sendmmsg(fd, messages, count, flags) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile(to: c_int, from: c_int, offset: *mut i64, size: size_t) -> ssize_t {
    // SAFETY: the caller's own arguments.
    seen!(to, 0, unsafe { real::sendfile(to, from, offset, size) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile64(to: c_int, from: c_int, offset: *mut i64, size: size_t) -> ssize_t {
    // SAFETY: the caller's own arguments.
    seen!(to, 0, unsafe { real::sendfile64(to, from, offset, size) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn splice(
    from: c_int,
    at: *mut i64,
    to: c_int,
    there: *mut i64,
    size: size_t,
    flags: u32,
) -> ssize_t {
    // SAFETY: the caller's own arguments.
    let gave = unsafe { real::splice(from, at, to, there, size, flags) };
    if gave < 0 {
        failed(from, c::MSG_DONTWAIT);
        failed(to, c::MSG_DONTWAIT);
    }
    gave
}

/// A connection that the warden ended is not made again by the same socket: the program would wait for the same once more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn connect(fd: c_int, to: *const c_void, length: socklen_t) -> c_int {
    if region::is_any_ended() && region::has_ended(fd) {
        c::set_errno(c::ETIMEDOUT);
        return -1;
    }
    // SAFETY: the caller's own arguments.
    seen!(fd, 0, unsafe { real::connect(fd, to, length) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_void,
    size: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let gave = unsafe { real::getsockopt(fd, level, option, value, size) };
    if gave == 0 && (level, option) == (c::SOL_SOCKET, c::SO_ERROR) {
        let error = value.cast::<c_int>();
        // SAFETY: the call has just written it.
        unsafe {
            if [c::ECONNRESET, c::EPIPE, c::ECONNABORTED].contains(&*error) && region::has_ended(fd) {
                *error = c::ETIMEDOUT;
            }
        }
    }
    gave
}
