//! The C library, as far as it is needed. Numbers are Linux's, of x86-64 and aarch64 alike but for the calls.

#![allow(non_camel_case_types, reason = "C's names")]

use core::ffi::{c_char, c_int, c_long, c_uint, c_void};

pub(crate) type size_t = usize;
pub(crate) type ssize_t = isize;
pub(crate) type socklen_t = c_uint;

pub(crate) const EAGAIN: c_int = 11;
pub(crate) const EPIPE: c_int = 32;
pub(crate) const ECONNABORTED: c_int = 103;
pub(crate) const ECONNRESET: c_int = 104;
pub(crate) const ENOTCONN: c_int = 107;
pub(crate) const ESHUTDOWN: c_int = 108;
pub(crate) const ETIMEDOUT: c_int = 110;

pub(crate) const AF_INET: c_int = 2;
pub(crate) const AF_INET6: c_int = 10;
pub(crate) const SOCK_DGRAM: c_int = 2;
pub(crate) const SOCK_TYPE_MASK: c_int = 0xf;
pub(crate) const SOL_SOCKET: c_int = 1;
pub(crate) const SO_ERROR: c_int = 4;
pub(crate) const SO_RCVTIMEO: c_int = 20;
pub(crate) const SO_SNDTIMEO: c_int = 21;
pub(crate) const SO_COOKIE: c_int = 57;
pub(crate) const MSG_DONTWAIT: c_int = 0x40;
pub(crate) const F_GETFL: c_int = 3;
pub(crate) const O_NONBLOCK: c_int = 0o4000;
pub(crate) const O_RDWR_CLOEXEC: c_int = 0o2_000_002;
pub(crate) const PROT_READ_WRITE: c_int = 3;
pub(crate) const MAP_SHARED: c_int = 1;
pub(crate) const PR_GET_NAME: c_int = 16;
pub(crate) const CLOCK_MONOTONIC: c_int = 1;
pub(crate) const FUTEX_WAIT_PRIVATE: c_int = 128;
pub(crate) const FUTEX_WAKE_PRIVATE: c_int = 129;
pub(crate) const SIG_SETMASK: c_int = 2;
pub(crate) const PTHREAD_CREATE_DETACHED: c_int = 1;
pub(crate) const EAI_FAIL: c_int = -4;
pub(crate) const EAI_OVERFLOW: c_int = -12;
pub(crate) const AI_NUMERICHOST: c_int = 4;
pub(crate) const NI_NUMERICHOST: c_int = 1;
pub(crate) const NO_RECOVERY: c_int = 3;

#[cfg(target_arch = "x86_64")]
pub(crate) mod call {
    pub(crate) const CLOSE: i64 = 3;
    pub(crate) const FCNTL: i64 = 72;
    pub(crate) const GETTID: i64 = 186;
    pub(crate) const FUTEX: i64 = 202;
}

#[cfg(target_arch = "aarch64")]
pub(crate) mod call {
    pub(crate) const CLOSE: i64 = 57;
    pub(crate) const FCNTL: i64 = 25;
    pub(crate) const GETTID: i64 = 178;
    pub(crate) const FUTEX: i64 = 98;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct timespec {
    pub(crate) tv_sec: i64,
    pub(crate) tv_nsec: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct timeval {
    pub(crate) tv_sec: i64,
    pub(crate) tv_usec: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct addrinfo {
    pub(crate) ai_flags: c_int,
    pub(crate) ai_family: c_int,
    pub(crate) ai_socktype: c_int,
    pub(crate) ai_protocol: c_int,
    pub(crate) ai_addrlen: socklen_t,
    pub(crate) ai_addr: *mut c_void,
    pub(crate) ai_canonname: *mut c_char,
    pub(crate) ai_next: *mut addrinfo,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct hostent {
    pub(crate) h_name: *mut c_char,
    pub(crate) h_aliases: *mut *mut c_char,
    pub(crate) h_addrtype: c_int,
    pub(crate) h_length: c_int,
    pub(crate) h_addr_list: *mut *mut c_char,
}

/// As large as glibc's and musl's.
#[repr(C)]
pub(crate) struct sigset_t([u64; 16]);
#[repr(C)]
pub(crate) struct pthread_attr_t([u64; 8]);

impl sigset_t {
    pub(crate) const NONE: Self = Self([0; 16]);
}

impl pthread_attr_t {
    pub(crate) const NONE: Self = Self([0; 8]);
}

pub(crate) const RTLD_NEXT: *mut c_void = core::ptr::without_provenance_mut(usize::MAX);

#[link(name = "dl")]
unsafe extern "C" {
    pub(crate) fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

#[link(name = "pthread")]
unsafe extern "C" {
    pub(crate) fn pthread_create(
        thread: *mut usize,
        attributes: *const pthread_attr_t,
        run: extern "C" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> c_int;
    pub(crate) fn pthread_attr_init(attributes: *mut pthread_attr_t) -> c_int;
    pub(crate) fn pthread_attr_destroy(attributes: *mut pthread_attr_t) -> c_int;
    pub(crate) fn pthread_attr_setdetachstate(attributes: *mut pthread_attr_t, state: c_int) -> c_int;
    pub(crate) fn pthread_sigmask(how: c_int, set: *const sigset_t, old: *mut sigset_t) -> c_int;
}

#[link(name = "c")]
unsafe extern "C" {
    pub(crate) fn abort() -> !;
    pub(crate) fn getenv(name: *const c_char) -> *const c_char;
    pub(crate) fn syscall(number: c_long, ...) -> c_long;
    pub(crate) fn clock_gettime(clock: c_int, time: *mut timespec) -> c_int;
    pub(crate) fn setsockopt(fd: c_int, level: c_int, option: c_int, value: *const c_void, size: socklen_t) -> c_int;
    pub(crate) fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub(crate) fn readlink(path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t;
    pub(crate) fn mmap(
        at: *mut c_void,
        size: size_t,
        access: c_int,
        kind: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
    pub(crate) fn malloc(size: size_t) -> *mut c_void;
    pub(crate) fn free(memory: *mut c_void);
    pub(crate) fn strlen(text: *const c_char) -> size_t;
    pub(crate) fn inet_pton(family: c_int, text: *const c_char, address: *mut c_void) -> c_int;
    pub(crate) fn freeaddrinfo(list: *mut addrinfo);
    pub(crate) fn sigfillset(set: *mut sigset_t) -> c_int;
    pub(crate) fn getpid() -> c_int;
    pub(crate) fn prctl(option: c_int, ...) -> c_int;
    fn __errno_location() -> *mut c_int;
    fn __h_errno_location() -> *mut c_int;
}

pub(crate) fn errno() -> c_int {
    // SAFETY: each thread has one.
    unsafe { *__errno_location() }
}

pub(crate) fn set_errno(errno: c_int) {
    // SAFETY: each thread has one.
    unsafe { *__errno_location() = errno }
}

pub(crate) fn set_h_errno(error: c_int) {
    // SAFETY: each thread has one.
    unsafe { *__h_errno_location() = error }
}

/// Nanoseconds of a clock that never steps.
pub(crate) fn now() -> u64 {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it lives through the call.
    unsafe { clock_gettime(CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}
