//! Receiving bytes into memory that is not initialized.

use super::recv::{is_plain, or_end, receive_readiness};
use crate::addr::Address;
use crate::constant::MessageFlags;
use crate::sys::unfilled::Unfilled;
use crate::sys::{BorrowedHandle, Errno, Readiness, socket};
use crate::wait::{Interest, Moves, OneCall, Operation, Pause, attempt_by_call};

/// Receives what is there, once, and says from whom, if it is to and there is somebody to be named.
pub(crate) struct RecvUnfilled<'a, 'm> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) into: &'a mut Unfilled<'m>,
    pub(crate) flags: MessageFlags,
    pub(crate) asks_sender: bool,
}

impl Operation for RecvUnfilled<'_, '_> {
    type Output = Option<Address>;

    fn attempt(&mut self, ready: Readiness) -> Result<Option<Address>, Pause> {
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

impl OneCall for RecvUnfilled<'_, '_> {
    #[inline]
    fn call(&mut self) -> Result<Option<Address>, Errno> {
        if self.asks_sender {
            return socket::recvfrom_unfilled(self.fd, self.into, self.flags.0, Address::from_bytes);
        }
        socket::recv_unfilled(self.fd, self.into, self.flags.0).map(|()| None)
    }

    fn failed(&mut self, errno: Errno, ready: Readiness) -> Result<Option<Address>, Pause> {
        or_end(Err(errno), ready, None)
    }
}
