//! What many datagrams are sent from and received into at once, as values, on any platform.

use super::address::SockAddr;
use super::control::ReceivedControl;

/// One message of a batch to send: one datagram, or several of the same length to be cut apart.
#[derive(Debug)]
pub(crate) struct Group {
    /// How many of the batch's datagrams, which follow those of the message before.
    pub(crate) count: usize,
    /// How many bytes they have together.
    pub(crate) bytes: usize,
    /// Whether they lie side by side, in their order.
    #[allow(dead_code, reason = "of importance where many go by one call")]
    pub(crate) is_one_piece: bool,
    /// Which of the batch's addresses; none for the connected peer.
    pub(crate) to: Option<usize>,
    /// How long each datagram is, where the system is to cut it apart; else 0.
    pub(crate) segment: u16,
}

/// What one call is to send.
#[allow(dead_code, reason = "read where there is such a call")]
pub(crate) struct Messages<'d, T, F> {
    pub(crate) groups: &'d [Group],
    /// The datagrams of all groups, one after another; there may be more.
    pub(crate) datagrams: &'d [T],
    /// A datagram's bytes.
    pub(crate) data: F,
    /// Where they go.
    pub(crate) addresses: &'d [SockAddr],
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
