//! Public but not promised: hooks for the project's other faces. Anything here may change in any release.

pub use crate::cancel::{Gate, Signal};
pub use crate::ops::{Accept, Connect, Recv, RecvExact, RecvFrom, Send, SendAll, SendTo};
pub use crate::sys::{Errno, Readiness};
pub use crate::timed::{Interest, Limit, Operation, Pause, PollWaiter, Stop, Waiter, drive, wait_out};

/// Splits control-message bytes as `recvmsg` does: level, type and data of each. Total, whatever the bytes.
///
/// ```
/// assert!(shotclock::raw::control_messages(&[0; 7]).is_empty());
/// ```
pub fn control_messages(bytes: &[u8]) -> Vec<(i32, i32, &[u8])> {
    let messages = crate::sys::message::parse_control(bytes).into_iter();
    messages.map(|message| (message.level, message.kind, message.data)).collect()
}
