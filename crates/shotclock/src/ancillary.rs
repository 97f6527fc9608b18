//! Control messages: what travels beside the data of sendmsg and recvmsg.

use crate::addr::Address;
use crate::constant::MessageFlags;
use crate::error::{Error, Result};
#[cfg(target_os = "linux")]
use crate::option::{Credentials, OptionValue};
use crate::sys::message::{self, ControlBuffer, ReceivedControl, ReceivedMessage};
use crate::sys::{AsRawHandle, BorrowedHandle, OwnedHandle};

/// A control message to send. Source: cmsg(3), unix(7).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Ancillary<'a> {
    /// Descriptors for the peer (AF_UNIX), at most 253.
    Rights(&'a [BorrowedHandle<'a>]),
    /// Who sends (AF_UNIX); the kernel checks it. Only on Linux.
    #[cfg(target_os = "linux")]
    Credentials(Credentials),
    /// Any other message, by its numbers; not SCM_RIGHTS, whose descriptors must be borrowed.
    Other {
        /// Its level, such as SOL_SOCKET.
        level: i32,
        /// Its type in that level.
        kind: i32,
        /// Its data, in the system's layout.
        data: &'a [u8],
    },
}

/// A control message that was received. Source: cmsg(3), unix(7).
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlMessage {
    /// Descriptors from the peer, close-on-exec; those you do not take are closed when this is dropped.
    Rights(Vec<OwnedHandle>),
    /// A descriptor of the sending process (AF_UNIX with SO_PASSPIDFD), close-on-exec. Only on Linux.
    #[cfg(target_os = "linux")]
    ProcessFd(OwnedHandle),
    /// Who sent (AF_UNIX with `PASSCRED`). Only on Linux.
    #[cfg(target_os = "linux")]
    Credentials(Credentials),
    /// Any other message, by its numbers; its data is cut short where `MessageFlags::CTRUNC` is set.
    Other {
        /// Its level, such as SOL_SOCKET.
        level: i32,
        /// Its type in that level.
        kind: i32,
        /// Its data, in the system's layout.
        data: Vec<u8>,
    },
}

/// A message that `recvmsg` received.
#[derive(Debug)]
#[non_exhaustive]
pub struct Message {
    /// The bytes.
    pub data: Vec<u8>,
    /// What came beside them.
    pub ancillary: Vec<ControlMessage>,
    /// What the system says of it: `TRUNC`, `CTRUNC`, `EOR`, `OOB`, `ERRQUEUE`.
    pub flags: MessageFlags,
    /// Who sent it; `None` on a connected stream, or from an unnamed sender.
    pub address: Option<Address>,
}

/// A message that `recvmsg_into` received.
#[derive(Debug)]
#[non_exhaustive]
pub struct MessageInto {
    /// How many bytes went into the buffers; with `TRUNC` asked for, how long the datagram was.
    pub len: usize,
    /// What came beside them.
    pub ancillary: Vec<ControlMessage>,
    /// What the system says of it: `TRUNC`, `CTRUNC`, `EOR`, `OOB`, `ERRQUEUE`.
    pub flags: MessageFlags,
    /// Who sent it; `None` on a connected stream, or from an unnamed sender.
    pub address: Option<Address>,
}

/// What `recv_fds` received.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReceivedFds {
    /// The bytes.
    pub data: Vec<u8>,
    /// The descriptors, close-on-exec; those you do not take are closed when this is dropped.
    pub fds: Vec<OwnedHandle>,
    /// What the system says of it; `CTRUNC` if descriptors did not fit and were closed.
    pub flags: MessageFlags,
    /// Who sent it, if the sender has a name.
    pub address: Option<Address>,
}

/// The bytes of control messages, as sendmsg(2) takes them.
pub(crate) fn encode(ancillary: &[Ancillary<'_>]) -> Result<ControlBuffer> {
    let mut buffer = ControlBuffer::default();
    for one in ancillary {
        match one {
            Ancillary::Rights(fds) => {
                let numbers: Vec<u8> = fds.iter().flat_map(|fd| fd.as_raw_fd().to_ne_bytes()).collect();
                buffer.push(message::RIGHTS, &numbers);
            }
            #[cfg(target_os = "linux")]
            Ancillary::Credentials(who) => buffer.push(message::CREDENTIALS, &who.encode()),
            Ancillary::Other { level, kind, .. } if (*level, *kind) == message::RIGHTS => {
                return Err(Error::invalid("sendmsg", "SCM_RIGHTS as bytes: expected Ancillary::Rights"));
            }
            Ancillary::Other { level, kind, data } => buffer.push((*level, *kind), data),
        }
    }
    Ok(buffer)
}

impl From<ReceivedControl> for ControlMessage {
    fn from(received: ReceivedControl) -> Self {
        let ReceivedControl { level, kind, data, mut rights } = received;
        match ((level, kind), rights.pop()) {
            #[cfg(target_os = "linux")]
            (message::PROCESS, Some(process)) => return Self::ProcessFd(process),
            (message::RIGHTS, last) => {
                rights.extend(last);
                return Self::Rights(rights);
            }
            _ => {}
        }
        #[cfg(target_os = "linux")]
        if let Some(who) = Credentials::decode(&data).filter(|_| (level, kind) == message::CREDENTIALS) {
            return Self::Credentials(who);
        }
        Self::Other { level, kind, data }
    }
}

impl From<ReceivedMessage> for MessageInto {
    fn from(received: ReceivedMessage) -> Self {
        Self {
            len: received.len,
            ancillary: received.control.into_iter().map(ControlMessage::from).collect(),
            flags: MessageFlags(received.flags),
            address: received.address.as_ref().map(Address::from_sockaddr),
        }
    }
}
