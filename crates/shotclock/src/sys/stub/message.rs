//! sendmsg, recvmsg and control messages: no handle has them, but buffers can be made.

use std::io::{IoSlice, IoSliceMut};

pub use crate::sys::control::ControlSlice;
use crate::sys::control::{ControlKinds, Kind};
pub(crate) use crate::sys::control::{ReceivedControl, ReceivedMessage};

use super::{BorrowedHandle, Errno};
use crate::sys::address::SockAddr;

/// The bytes before a control message's data.
pub(crate) const HEADER: usize = 16;
/// What control messages are aligned to.
pub(crate) const ALIGNMENT: usize = 8;

pub(crate) const RIGHTS: Kind = (1, 1);
pub(crate) const KINDS: ControlKinds = ControlKinds::NONE;

/// Control messages ready to be sent, or room for received ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct ControlBuffer;

impl ControlBuffer {
    pub(crate) const NONE: Self = Self;

    pub(crate) fn with_room(_bytes: usize) -> Result<Self, Errno> {
        Ok(Self)
    }

    pub(crate) fn push(&mut self, _what: (i32, i32), _data: &[u8]) {}

    pub(crate) fn clear(&mut self) {}

    pub(crate) fn is_empty(&self) -> bool {
        true
    }
}

pub(crate) fn sendmsg(
    _fd: BorrowedHandle<'_>,
    _data: &[IoSlice<'_>],
    _control: &ControlBuffer,
    _to: Option<&SockAddr>,
    _flags: i32,
) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}

pub(crate) fn recvmsg<T: From<ReceivedControl>>(
    _fd: BorrowedHandle<'_>,
    _data: &mut [IoSliceMut<'_>],
    _control: &mut ControlBuffer,
    _flags: i32,
) -> Result<ReceivedMessage<T>, Errno> {
    Err(Errno::NOSYS)
}

pub(crate) fn parse_control(_bytes: &[u8]) -> Vec<ControlSlice<'_>> {
    Vec::new()
}
