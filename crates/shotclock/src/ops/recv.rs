//! Receiving bytes.

use crate::constant::MessageFlags;
use crate::sys::address::AddressRoom;
use crate::sys::{BorrowedHandle, Errno, PEER_IS_DONE, Readiness, socket};
use crate::wait::{Interest, Moves, OneCall, Operation, Pause, attempt_by_call};

/// Receives what is there, once.
pub struct Recv<'a> {
    /// The socket.
    pub fd: BorrowedHandle<'a>,
    /// Where the bytes go.
    pub into: &'a mut [u8],
    /// Flags of recv(2).
    pub flags: MessageFlags,
}

impl Operation for Recv<'_> {
    type Output = usize;

    #[inline]
    fn attempt(&mut self, ready: Readiness) -> Result<usize, Pause> {
        attempt_by_call(self, ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, receive_readiness(self.flags));
    }

    fn takes_what_comes(&self) -> bool {
        is_plain(self.flags)
    }

    fn moves(&self) -> Moves {
        Moves::In
    }
}

impl OneCall for Recv<'_> {
    #[inline(always)]
    fn call(&mut self) -> Result<usize, Errno> {
        socket::recv(self.fd, self.into, self.flags.0)
    }

    #[inline]
    fn failed(&mut self, errno: Errno, ready: Readiness) -> Result<usize, Pause> {
        or_end(Err(errno), ready, 0)
    }
}

/// Receives what is there, once, and says from whom.
pub struct RecvFrom<'a> {
    /// The socket.
    pub fd: BorrowedHandle<'a>,
    /// Where the bytes go.
    pub into: &'a mut [u8],
    /// Flags of recvfrom(2).
    pub flags: MessageFlags,
    /// Where it says from whom.
    pub from: &'a mut AddressRoom,
}

impl Operation for RecvFrom<'_> {
    type Output = usize;

    #[inline]
    fn attempt(&mut self, ready: Readiness) -> Result<Self::Output, Pause> {
        attempt_by_call(self, ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, receive_readiness(self.flags));
    }

    fn takes_what_comes(&self) -> bool {
        is_plain(self.flags)
    }

    fn moves(&self) -> Moves {
        Moves::In
    }
}

impl OneCall for RecvFrom<'_> {
    #[inline(always)]
    fn call(&mut self) -> Result<Self::Output, Errno> {
        socket::recvfrom(self.fd, self.into, self.flags.0, self.from)
    }

    #[inline]
    fn failed(&mut self, errno: Errno, ready: Readiness) -> Result<Self::Output, Pause> {
        or_end(Err(errno), ready, 0)
    }
}

/// Receives until the buffer is full or the peer has ended; true if full. `filled` outlives a failure.
pub struct RecvExact<'a> {
    /// The socket.
    pub fd: BorrowedHandle<'a>,
    /// Where the bytes go.
    pub into: &'a mut [u8],
    /// How many of them are there.
    pub filled: usize,
}

impl Operation for RecvExact<'_> {
    type Output = bool;
    const COMPOSITE: bool = true;

    fn attempt(&mut self, ready: Readiness) -> Result<bool, Pause> {
        if self.filled == self.into.len() {
            return Ok(true);
        }
        match or_end(socket::recv(self.fd, &mut self.into[self.filled..], 0), ready, 0)? {
            0 => Ok(false),
            n => {
                self.filled += n;
                if self.filled == self.into.len() { Ok(true) } else { Err(Pause::Progress) }
            }
        }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, receive_readiness(MessageFlags::NONE));
    }

    fn moves(&self) -> Moves {
        Moves::In
    }
}

/// What a receive with these flags waits for. For the error queue nothing is named: poll(2) reports errors unasked, and
/// ordinary data, if it were named too, would end each wait for nothing.
pub(super) fn receive_readiness(flags: MessageFlags) -> Readiness {
    if flags.are_of_error_queue() {
        Readiness::ERR
    } else if flags.contains(MessageFlags::OOB) {
        // Or the end of the peer's data: nothing urgent can come after that.
        Readiness::PRI | PEER_IS_DONE
    } else {
        Readiness::IN | PEER_IS_DONE
    }
}

/// Whether a receive with these flags takes ordinary data, which readiness announces. Data out of band or in the error
/// queue is there at once, or the call is an error.
#[inline]
pub(super) fn is_plain(flags: MessageFlags) -> bool {
    flags.0 & MessageFlags::OUT_OF_ORDER.0 == 0
}

/// What a try has received; zero bytes, the end, where a datagram socket was shut down. There a blocking receive gives
/// no bytes, but one that does not wait says EAGAIN, although poll(2) says readable. RDHUP tells the case: datagram
/// sockets have it only where their own receiving side was shut down. On all other sockets the receive itself sees the
/// end.
#[inline]
pub(super) fn or_end<T>(received: Result<T, Errno>, ready: Readiness, end: T) -> Result<T, Pause> {
    match received {
        Err(Errno::AGAIN) if ready.intersects(PEER_IS_DONE) => Ok(end),
        received => Ok(received?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sort_of_data_announces_itself_in_its_own_way() {
        assert_eq!(receive_readiness(MessageFlags::PEEK), Readiness::IN | PEER_IS_DONE);
        #[cfg(target_os = "linux")]
        assert_eq!(receive_readiness(MessageFlags::ERRQUEUE | MessageFlags::PEEK), Readiness::ERR);
        assert!(receive_readiness(MessageFlags::OOB).contains(Readiness::PRI));
        assert!(!receive_readiness(MessageFlags::OOB).contains(Readiness::IN));
    }
}
