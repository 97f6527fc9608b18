//! Messages and their control messages as values, on any platform.

use super::OwnedHandle;
use super::address::SockAddr;

/// One control message as the system has it.
#[derive(Debug)]
pub(crate) struct ReceivedControl {
    pub(crate) level: i32,
    pub(crate) kind: i32,
    pub(crate) data: Vec<u8>,
    /// The descriptors, if it carries some; then `data` is empty.
    pub(crate) rights: Vec<OwnedHandle>,
}

/// What one recvmsg gave beside the data.
#[derive(Debug, Default)]
pub(crate) struct ReceivedMessage {
    pub(crate) len: usize,
    pub(crate) flags: i32,
    pub(crate) address: Option<SockAddr>,
    pub(crate) control: Vec<ReceivedControl>,
}

/// A control message's place among the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlSlice<'b> {
    /// The protocol level.
    pub level: i32,
    /// The type, which the level gives a meaning.
    pub kind: i32,
    /// The data, or what is there of it.
    pub data: &'b [u8],
    /// Whether the message says that it has more data than is there.
    pub is_cut: bool,
}
