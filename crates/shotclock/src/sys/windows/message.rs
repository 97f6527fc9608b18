//! WSASendTo and WSARecvFrom: messages of several pieces, without control messages, which would take functions that Winsock
//! gives out at run time.

use std::io::{IoSlice, IoSliceMut};
use std::ptr;

use windows_sys::Win32::Networking::WinSock as w;

pub use crate::sys::control::ControlSlice;
use crate::sys::control::{ControlKinds, Kind};
pub(crate) use crate::sys::control::{ReceivedControl, ReceivedMessage};

use super::calls::{Room, parts, receive_flags, received_of, send_flags};
use super::{BorrowedHandle, Errno, c};
use crate::sys::address::SockAddr;

/// The bytes before a control message's data.
pub(crate) const HEADER: usize = 16;
/// What control messages are aligned to.
pub(crate) const ALIGNMENT: usize = 8;

/// Messages that no socket here has.
pub(crate) const RIGHTS: Kind = (w::SOL_SOCKET, 1);
pub(crate) const KINDS: ControlKinds = ControlKinds::NONE;

/// Control messages: room for received ones, of which there are none, or the fact that some were to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct ControlBuffer {
    is_refused: bool,
}

impl ControlBuffer {
    pub(crate) const NONE: Self = Self { is_refused: false };

    pub(crate) fn with_room(_bytes: usize) -> Result<Self, Errno> {
        Ok(Self::default())
    }

    pub(crate) fn push(&mut self, _what: (i32, i32), _data: &[u8]) {
        self.is_refused = true;
    }

    pub(crate) fn clear(&mut self) {
        self.is_refused = false;
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.is_refused
    }
}

/// One try to send `data` to `to`, or to the connected peer.
///
/// # Errors
/// That Windows has no such call, with control messages.
pub(crate) fn sendmsg(
    fd: BorrowedHandle<'_>,
    data: &[IoSlice<'_>],
    control: &ControlBuffer,
    to: Option<&SockAddr>,
    flags: i32,
) -> Result<usize, Errno> {
    if control.is_refused {
        return Err(Errno::NOSYS);
    }
    let entered = fd.enter()?;
    let (address, address_len) = to.map_or((ptr::null(), 0), parts);
    let (mut sent, flags) = (0, send_flags(flags).cast_unsigned());
    // SAFETY: std states that IoSlice has the layout of WSABUF; pieces and address are readable during the call, and nothing
    // is done behind it.
    let failed = unsafe {
        let (pieces, count) = (data.as_ptr().cast(), data.len() as u32);
        let none = ptr::null_mut();
        w::WSASendTo(entered.socket(), pieces, count, &mut sent, flags, address, address_len, none, None)
    };
    if failed == 0 { Ok(sent as usize) } else { Err(Errno::last()) }
}

/// One try to receive into `data`. What is longer than the room is cut, and MSG_TRUNC says so.
pub(crate) fn recvmsg<T: From<ReceivedControl>>(
    fd: BorrowedHandle<'_>,
    data: &mut [IoSliceMut<'_>],
    _control: &mut ControlBuffer,
    flags: i32,
) -> Result<ReceivedMessage<T>, Errno> {
    let entered = fd.enter()?;
    let room = data.iter().map(|piece| piece.len()).sum();
    let (mut len, mut flags, mut from) = (0, receive_flags(flags).cast_unsigned(), Room::default());
    // SAFETY: as above, for writing.
    let failed = unsafe {
        let (pieces, count) = (data.as_ptr().cast(), data.len() as u32);
        let (address, none) = (from.bytes.as_mut_ptr().cast(), ptr::null_mut());
        let socket = entered.socket();
        w::WSARecvFrom(socket, pieces, count, &mut len, &mut flags, address, &mut from.len, none, None)
    };
    let outcome = if failed == 0 { Ok(len as usize) } else { Err(Errno::last()) };
    let truncated = if outcome == Err(Errno::MSGSIZE) { c::MSG_TRUNC } else { 0 };
    let len = received_of(outcome, room)?;
    // Nothing but a receive from nobody leaves the address alone.
    let address = if from.len as usize == SockAddr::CAPACITY { None } else { from.address() };
    Ok(ReceivedMessage { len, flags: truncated, address, control: Vec::new() })
}

pub(crate) fn parse_control(_bytes: &[u8]) -> Vec<ControlSlice<'_>> {
    Vec::new()
}
