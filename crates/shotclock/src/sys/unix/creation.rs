//! New sockets, with just the flags that are asked for; and descriptors of our own.

use std::os::fd::{FromRawFd, OwnedFd};

use super::{Errno, last_errno};

/// socket(2) with just these flags in its kind.
pub(crate) fn socket_of(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: socket(2) takes plain numbers; a descriptor it returns is new and nobody else's.
    unsafe {
        let fd = libc::socket(family, kind, protocol);
        if fd < 0 { Err(last_errno()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// socketpair(2) with just these flags in its kind.
pub(crate) fn socketpair_of(family: i32, kind: i32, protocol: i32) -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut fds = [-1; 2];
    // SAFETY: `fds` has room for the two numbers; on success both are new and nobody else's.
    unsafe {
        if libc::socketpair(family, kind, protocol, fds.as_mut_ptr()) < 0 {
            return Err(last_errno());
        }
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// A socket that is asked for what the system says of such, close-on-exec.
pub(crate) fn asked() -> Result<OwnedFd, Errno> {
    #[cfg(not(target_os = "macos"))]
    return socket_of(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
    #[cfg(target_os = "macos")]
    {
        let fd = socket_of(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
        Ok(fd)
    }
}

/// The ends of a pipe, to be read from and to be written to, close-on-exec.
#[cfg(not(all(target_os = "linux", not(shotclock_bsd))))]
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut fds = [-1; 2];
    // SAFETY: `fds` has room for the two numbers; on success both are new and nobody else's.
    let (read, write) = unsafe {
        #[cfg(not(target_os = "macos"))]
        let made = libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC);
        #[cfg(target_os = "macos")]
        let made = libc::pipe(fds.as_mut_ptr());
        if made < 0 {
            return Err(last_errno());
        }
        (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1]))
    };
    #[cfg(target_os = "macos")]
    for fd in [&read, &write] {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok((read, write))
}
