//! The header of sendmsg(2) and recvmsg(2), and the two calls.

#[cfg(not(target_env = "musl"))]
pub(crate) use libc::{msghdr as Header, recvmsg, sendmsg};

#[cfg(target_env = "musl")]
pub(crate) use raw::{Header, recvmsg, sendmsg};

/// The number of pieces of data, and of bytes of control messages, as the header has them.
#[cfg(target_os = "linux")]
pub(crate) type Parts = usize;
#[cfg(target_os = "linux")]
pub(crate) type ControlLen = usize;
#[cfg(not(target_os = "linux"))]
pub(crate) type Parts = std::ffi::c_int;
#[cfg(not(target_os = "linux"))]
pub(crate) type ControlLen = libc::socklen_t;

/// Linux's own, by its own calls. musl's header has other integers, and its sendmsg copies the control messages into a
/// kilobyte of its own and says ENOMEM of more than that, where Linux takes 253 descriptors. Source: linux/socket.h,
/// `struct user_msghdr`.
#[cfg(target_env = "musl")]
mod raw {
    use std::ffi::{c_int, c_long, c_void};

    #[repr(C)]
    pub(crate) struct Header {
        pub(crate) msg_name: *mut c_void,
        pub(crate) msg_namelen: libc::socklen_t,
        pub(crate) msg_iov: *mut libc::iovec,
        pub(crate) msg_iovlen: usize,
        pub(crate) msg_control: *mut c_void,
        pub(crate) msg_controllen: usize,
        pub(crate) msg_flags: c_int,
    }

    /// # Safety
    /// As for libc's: the header's pointers are good to be read for the lengths beside them.
    pub(crate) unsafe fn sendmsg(fd: c_int, header: *const Header, flags: c_int) -> c_long {
        // SAFETY: the header is the system's own, and its pointers are good by the caller's promise.
        unsafe { libc::syscall(libc::SYS_sendmsg, fd, header, flags) }
    }

    /// # Safety
    /// As for libc's: the header's pointers are good to be written for the lengths beside them.
    pub(crate) unsafe fn recvmsg(fd: c_int, header: *mut Header, flags: c_int) -> c_long {
        // SAFETY: as in `sendmsg`.
        unsafe { libc::syscall(libc::SYS_recvmsg, fd, header, flags) }
    }
}
