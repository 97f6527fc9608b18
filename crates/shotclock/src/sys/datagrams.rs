//! What many datagrams are sent from and received into at once, as values, on any platform.

use std::ops::Range;

use super::address::SockAddr;
use super::control::ReceivedControl;

/// One message of a batch to send: some pieces of data, one datagram, or several of the same length to be cut apart.
#[derive(Debug)]
pub(crate) struct Group {
    /// Which of the batch's pieces of data.
    pub(crate) pieces: Range<usize>,
    /// Which of the batch's addresses; none for the connected peer.
    pub(crate) to: Option<usize>,
    /// How long each datagram is, where the system is to cut it apart; else 0.
    pub(crate) segment: u16,
}

/// What came of one place to receive into.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Whose message it is, if the system says.
    pub(crate) address: Option<SockAddr>,
    /// How long it was, which may be more than the place has room for.
    pub(crate) len: usize,
    pub(crate) flags: i32,
    /// How long each datagram is, where the system has joined several; else 0.
    pub(crate) segment: usize,
    pub(crate) control: Vec<ReceivedControl>,
}
