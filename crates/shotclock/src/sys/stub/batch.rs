//! Many datagrams by one call: there is no such call, and whoever asks makes one for each.

use super::message::ControlBuffer;
use super::{BorrowedHandle, Errno};
use crate::sys::datagrams::{Messages, Slot};

/// So many messages at most are taken by one call.
pub(crate) const MOST: usize = 64;
/// So many pieces of data at most.
pub(crate) const MOST_PIECES: usize = 256;
/// The control message that says how long each of several joined datagrams is.
pub(crate) const JOINED: Option<(i32, i32)> = None;
/// What has a receive say how long a datagram was that it has cut.
pub(crate) const TELL_LENGTH: i32 = 0;
/// How a message says that it was cut.
pub(crate) const IS_CUT: i32 = super::c::MSG_TRUNC;

/// Nothing is kept between calls.
#[derive(Default)]
pub(crate) struct Headers;

/// None: there is no such call.
pub(crate) fn send<'d, T, F: Fn(&T) -> &'d [u8]>(
    _fd: BorrowedHandle<'_>,
    _what: &Messages<'_, T, F>,
    _control: &ControlBuffer,
    _flags: i32,
) -> Option<Result<usize, Errno>> {
    None
}

/// None: there is no such call.
pub(crate) fn receive(
    _fd: BorrowedHandle<'_>,
    _headers: &mut Headers,
    _room: &mut [u8],
    _control: usize,
    _slots: &mut [Slot],
    _flags: i32,
) -> Option<Result<usize, Errno>> {
    None
}

/// The system cuts no message apart.
pub(crate) fn can_segment(_fd: BorrowedHandle<'_>) -> bool {
    false
}

/// Control messages do not say so either.
pub(crate) fn has_segment_size(_: &ControlBuffer) -> bool {
    false
}

/// No message is to be cut apart.
pub(crate) fn may_be_of_segments(_: Errno) -> bool {
    false
}

/// The system joins no datagrams.
pub(crate) fn join(_fd: BorrowedHandle<'_>) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}
