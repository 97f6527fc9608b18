//! The dead descriptor, which takes the number of a socket that was closed: no socket, hence ENOTSOCK from every call.
//!
//! Closing by a flag, with the last call that leaves closing the number, would need a count of all calls in their way in and
//! out, also of those that never wait. It is not needed: dup2(2) replaces what a number stands for here as well, in one step.
//! What it cannot do in the same step is close-on-exec. In between a child that begins another program inherits the dead
//! descriptor: of the connection it learns nothing.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use super::creation::pipe;
use super::last_errno;

/// Puts a dead descriptor over the number: what the number stood for is closed, the number stays taken.
///
/// The dead one is the reading end of a pipe that nobody writes to. It needs no file system, as `/dev/null` would, in a
/// chroot too; poll(2) says at once that it is over; and it leads nowhere. Calls that wait in poll(2) are woken by their
/// bell, whatever the system does about a descriptor that goes under a wait.
///
/// # Errors
/// EMFILE or ENFILE without two descriptors left.
pub(super) fn cover_at_close(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let (dead, writing) = pipe()?;
    drop(writing);
    loop {
        // SAFETY: plain numbers. The caller owns `fd`'s number; after the call it is open still, so that whoever borrowed it
        // keeps a valid, if dead, descriptor.
        if unsafe { libc::dup2(dead.as_raw_fd(), fd.as_raw_fd()) } >= 0 {
            break;
        }
        match last_errno() {
            Errno::BUSY | Errno::INTR => {}
            errno => return Err(errno),
        }
    }
    rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::super::{Readiness, readiness, socket};
    use super::*;

    #[test]
    fn what_is_covered_is_over_for_its_peer_and_no_socket_any_more() {
        let (one, other) = socket::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0).unwrap();
        cover_at_close(one.as_fd()).unwrap();
        assert_eq!(socket::recv(other.as_fd(), &mut [0], 0), Ok(0), "the peer sees the end");
        assert_eq!(socket::recv(one.as_fd(), &mut [0], 0), Err(Errno::NOTSOCK));
        assert_eq!(socket::send(one.as_fd(), &[0], 0), Err(Errno::NOTSOCK));
        assert!(!readiness(one.as_fd(), Readiness::IN).unwrap().is_empty(), "no wait for it");
        assert!(!socket::is_inheritable(one.as_fd()).unwrap());
    }
}
