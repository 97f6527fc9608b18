//! Messages with control data.

use std::io::{IoSlice, IoSliceMut};

use super::recv::{is_plain, or_end, receive_readiness};
use super::send::{opening, to_open};
use crate::ancillary::ControlMessage;
use crate::constant::MessageFlags;
use crate::sys::address::SockAddr;
use crate::sys::message::{self, ControlBuffer, ReceivedMessage};
use crate::sys::{BorrowedHandle, Readiness};
use crate::wait::{Interest, Moves, Operation, Pause};

/// Sends one message with control data.
pub(crate) struct SendMessage<'a> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) data: &'a [IoSlice<'a>],
    pub(crate) control: &'a ControlBuffer,
    pub(crate) to: Option<&'a SockAddr>,
    pub(crate) flags: MessageFlags,
}

impl Operation for SendMessage<'_> {
    type Output = usize;

    fn attempt(&mut self, _: Readiness) -> Result<usize, Pause> {
        if let Some(to) = self.to.filter(|_| self.flags.open()) {
            self.flags = to_open(self.fd, to, self.flags)?;
        }
        let sent = message::sendmsg(self.fd, self.data, self.control, self.to, self.flags.0);
        sent.map_err(|errno| opening(errno, &mut self.flags))
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}

/// Receives one message with its control data.
pub(crate) struct ReceiveMessage<'a, 'b> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) into: &'a mut [IoSliceMut<'b>],
    pub(crate) control: ControlBuffer,
    pub(crate) flags: MessageFlags,
}

impl Operation for ReceiveMessage<'_, '_> {
    type Output = ReceivedMessage<ControlMessage>;

    fn attempt(&mut self, ready: Readiness) -> Result<Self::Output, Pause> {
        let received = message::recvmsg(self.fd, self.into, &mut self.control, self.flags.0);
        or_end(received, ready, ReceivedMessage::default())
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
