//! Accepting a connection.

use super::OpenFile;
use crate::sys::address::AddressRoom;
use crate::sys::{Errno, OwnedHandle, PEER_IS_DONE, Readiness, socket};
use crate::wait::{Interest, OneCall, Operation, Pause, attempt_by_call};

/// Takes the first connection of the queue.
pub struct Accept<'a> {
    /// The listening socket.
    pub from: OpenFile<'a>,
    /// Where it says who connected.
    pub peer: &'a mut AddressRoom,
}

impl Operation for Accept<'_> {
    type Output = OwnedHandle;

    #[inline]
    fn attempt(&mut self, ready: Readiness) -> Result<Self::Output, Pause> {
        attempt_by_call(self, ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.from.fd(), Readiness::IN | PEER_IS_DONE);
    }
}

impl OneCall for Accept<'_> {
    #[inline(always)]
    fn call(&mut self) -> Result<Self::Output, Errno> {
        socket::accept(self.from.nonblocking()?, self.peer)
    }

    fn failed(&mut self, errno: Errno, ready: Readiness) -> Result<Self::Output, Pause> {
        Err(match errno {
            // Listeners that were shut down say so, but for one of AF_UNIX: that only says "would block".
            Errno::AGAIN if ready.intersects(PEER_IS_DONE) => Pause::Failed(Errno::INVAL),
            errno if is_the_connections(errno) => Pause::Again,
            errno => errno.into(),
        })
    }
}

/// Errors of a connection that died in the queue, which Linux hands to accept: the next one may be well. Source:
/// accept(2), "Error handling". EOPNOTSUPP stands there too, but says as well that this is no listening stream.
fn is_the_connections(errno: Errno) -> bool {
    #[cfg(not(any(target_os = "macos", target_os = "freebsd")))]
    if errno == Errno::NONET {
        return true;
    }
    matches!(
        errno,
        Errno::CONNABORTED
            | Errno::NETDOWN
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_connections_own_errors_are_passed_over() {
        for errno in [Errno::CONNABORTED, Errno::NETDOWN, Errno::PROTO, Errno::HOSTUNREACH, Errno::NETUNREACH] {
            assert!(is_the_connections(errno), "{errno:?}");
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::INVAL, Errno::OPNOTSUPP, Errno::BADF] {
            assert!(!is_the_connections(errno), "{errno:?}");
        }
    }
}
