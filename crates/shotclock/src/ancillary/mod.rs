//! Control messages as values: what travels beside the data of sendmsg and recvmsg.

mod build;
mod decode;
mod message;
mod packet;
#[cfg(target_os = "linux")]
mod queued_error;
mod time;

pub use build::Ancillary;
pub use decode::control_message;
#[cfg(target_os = "linux")]
pub use message::QueuedMessage;
pub use message::{ControlMessage, Message, MessageInto, ReceivedFds};
pub use packet::{Ecn, PacketInfo, PacketInfo6, TrafficClass};
#[cfg(target_os = "linux")]
pub use queued_error::{ErrorCause, QueuedError};
pub use time::Timestamping;
