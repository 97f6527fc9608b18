//! The operations: values with one non-blocking try each, all driven by [`drive`](crate::wait::drive).

mod accept;
mod batch;
mod connect;
mod message;
mod open_file;
mod ready;
mod recv;
mod recv_unfilled;
mod send;
mod sendfile;
mod shortage;
mod zero_copy;

pub use accept::Accept;
pub use batch::{BatchCalls, BatchToSend, join_datagrams, receive_batch, set_batch_calls};
pub(crate) use batch::{ReceiveBatch, SendBatch};
pub use connect::Connect;
pub(crate) use connect::Connecting;
pub(crate) use message::{ReceiveMessage, SendMessage};
pub use open_file::OpenFile;
pub use ready::Ready;
pub(crate) use ready::WaitReady;
pub use recv::{Recv, RecvExact, RecvFrom};
pub(crate) use recv_unfilled::RecvUnfilled;
pub use send::{Send, SendAll, SendTo};
pub(crate) use send::{SendMany, SendVectored};
pub(crate) use sendfile::SendFile;
pub use shortage::is_shortage;
pub(crate) use shortage::{AcceptInTime, SHORTAGE};
pub(crate) use zero_copy::{SendInPlace, Unfinished};
