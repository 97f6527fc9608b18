//! Messages and their control messages as values, on any platform.

use super::OwnedHandle;
use super::address::RawAddress;

/// One control message as the system has it.
#[derive(Debug)]
pub(crate) struct RawControl {
    pub(crate) level: i32,
    pub(crate) kind: i32,
    pub(crate) data: Vec<u8>,
    /// The descriptors, if it carries some; then `data` is empty.
    pub(crate) rights: Vec<OwnedHandle>,
}

/// What one recvmsg gave beside the data.
#[derive(Debug, Default)]
pub(crate) struct RawMessage {
    pub(crate) len: usize,
    pub(crate) flags: i32,
    pub(crate) address: Option<RawAddress>,
    pub(crate) control: Vec<RawControl>,
}

/// What one recvmsg(2) gave.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// How many bytes of data there were; with MSG_TRUNC it may be more than there was room for.
    pub len: usize,
    /// How many bytes of control messages were written.
    pub control_len: usize,
    /// The flags that came back.
    pub flags: i32,
    /// Whose message it is, if the system says.
    pub address: Option<RawAddress>,
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
