//! New sockets, with just the flags that are asked for.

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
