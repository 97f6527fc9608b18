//! The functions that stand behind those of this library: the C library's, or those of another library in between.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::transmute;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use crate::c::{self, addrinfo, hostent, size_t, socklen_t, ssize_t};

/// Each is looked up once, before the program begins, or when it is called before that.
macro_rules! functions {
    ($($name:ident($($argument:ident: $of:ty),*) -> $gives:ty;)*) => {
        mod pointer {
            use super::*;
            $(#[allow(non_upper_case_globals, reason = "the function's own name")]
            pub(super) static $name: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());)*
        }

        pub(crate) fn resolve() {
            $(find(&pointer::$name, name(concat!(stringify!($name), "\0")));)*
        }

        $(#[inline]
        pub(crate) unsafe fn $name($($argument: $of),*) -> $gives {
            let mut known = pointer::$name.load(Relaxed);
            if known.is_null() {
                known = find(&pointer::$name, name(concat!(stringify!($name), "\0")));
            }
            // SAFETY: the function of this name has these types; the caller answers for the arguments.
            unsafe {
                let function: unsafe extern "C" fn($($of),*) -> $gives = transmute(known);
                function($($argument),*)
            }
        })*
    };
}

functions! {
    read(fd: c_int, to: *mut c_void, size: size_t) -> ssize_t;
    readv(fd: c_int, to: *const c_void, count: c_int) -> ssize_t;
    recv(fd: c_int, to: *mut c_void, size: size_t, flags: c_int) -> ssize_t;
    recvfrom(fd: c_int, to: *mut c_void, size: size_t, flags: c_int, from: *mut c_void, length: *mut socklen_t) -> ssize_t;
    recvmsg(fd: c_int, message: *mut c_void, flags: c_int) -> ssize_t;
    recvmmsg(fd: c_int, messages: *mut c_void, count: u32, flags: c_int, timeout: *mut c_void) -> c_int;
    write(fd: c_int, from: *const c_void, size: size_t) -> ssize_t;
    writev(fd: c_int, from: *const c_void, count: c_int) -> ssize_t;
    send(fd: c_int, from: *const c_void, size: size_t, flags: c_int) -> ssize_t;
    sendto(fd: c_int, from: *const c_void, size: size_t, flags: c_int, to: *const c_void, length: socklen_t) -> ssize_t;
    sendmsg(fd: c_int, message: *const c_void, flags: c_int) -> ssize_t;
    sendmmsg(fd: c_int, messages: *mut c_void, count: u32, flags: c_int) -> c_int;
    sendfile(to: c_int, from: c_int, offset: *mut i64, size: size_t) -> ssize_t;
    sendfile64(to: c_int, from: c_int, offset: *mut i64, size: size_t) -> ssize_t;
    splice(from: c_int, at: *mut i64, to: c_int, there: *mut i64, size: size_t, flags: u32) -> ssize_t;
    connect(fd: c_int, to: *const c_void, length: socklen_t) -> c_int;
    getsockopt(fd: c_int, level: c_int, option: c_int, value: *mut c_void, size: *mut socklen_t) -> c_int;
    socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    bind(fd: c_int, to: *const c_void, length: socklen_t) -> c_int;
    close(fd: c_int) -> c_int;
    getaddrinfo(host: *const c_char, service: *const c_char, hints: *const addrinfo, found: *mut *mut addrinfo) -> c_int;
    getnameinfo(of: *const c_void, length: socklen_t, host: *mut c_char, host_size: socklen_t, service: *mut c_char, service_size: socklen_t, flags: c_int) -> c_int;
    gethostbyname(name: *const c_char) -> *mut hostent;
    gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent;
    gethostbyaddr(address: *const c_void, length: socklen_t, family: c_int) -> *mut hostent;
    gethostbyname_r(name: *const c_char, host: *mut hostent, room: *mut c_char, size: size_t, found: *mut *mut hostent, error: *mut c_int) -> c_int;
    gethostbyname2_r(name: *const c_char, family: c_int, host: *mut hostent, room: *mut c_char, size: size_t, found: *mut *mut hostent, error: *mut c_int) -> c_int;
    gethostbyaddr_r(address: *const c_void, length: socklen_t, family: c_int, host: *mut hostent, room: *mut c_char, size: size_t, found: *mut *mut hostent, error: *mut c_int) -> c_int;
}

fn name(name: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or_default()
}

#[cold]
fn find(known: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
    // SAFETY: a name that ends.
    let found = unsafe { c::dlsym(c::RTLD_NEXT, name.as_ptr()) };
    known.store(found, Relaxed);
    found
}
