//! Sending bytes.

use std::io::IoSlice;

use crate::constant::MessageFlags;
use crate::sys::address::SockAddr;
use crate::sys::message::{self, ControlBuffer};
use crate::sys::{BorrowedHandle, Errno, Readiness, socket};
use crate::wait::{Interest, Moves, OneCall, Operation, Pause, attempt_by_call};

/// What a failed try to send means. EINPROGRESS is a would-block: TCP Fast Open (MSG_FASTOPEN, TCP_FASTOPEN_CONNECT)
/// connects by sending, and where the first packet could take no data along the system has begun to connect and taken
/// no bytes. Once the connection stands they are sent like any others.
#[cold]
pub(super) fn connecting(errno: Errno) -> Pause {
    if errno == Errno::INPROGRESS { Pause::WouldBlock } else { errno.into() }
}

/// As [`connecting`], for a call with flags of its own. MSG_FASTOPEN goes, once a connection has begun; EALREADY says
/// that an earlier call has begun one.
#[cold]
pub(super) fn opening(errno: Errno, flags: &mut MessageFlags) -> Pause {
    match errno {
        Errno::ALREADY if flags.open() => return Pause::WouldBlock,
        Errno::INPROGRESS => *flags = flags.opened(),
        _ => {}
    }
    connecting(errno)
}

/// The flags of a try to open a connection to this address and send. A connection that leads there already is used: an
/// earlier call may have begun it and run out of time. One that leads elsewhere is an error: the system would send
/// there all the same.
///
/// # Errors
/// EISCONN.
#[cold]
pub(super) fn to_open(fd: BorrowedHandle<'_>, to: &SockAddr, flags: MessageFlags) -> Result<MessageFlags, Errno> {
    match socket::getpeername(fd) {
        Ok(Some(peer)) if peer == *to => Ok(flags.opened()),
        Ok(Some(_)) => Err(Errno::ISCONN),
        _ => Ok(flags),
    }
}

/// Sends as much as fits, once.
pub struct Send<'a> {
    /// The socket.
    pub fd: BorrowedHandle<'a>,
    /// The bytes.
    pub from: &'a [u8],
    /// Flags of send(2).
    pub flags: MessageFlags,
}

impl Operation for Send<'_> {
    type Output = usize;

    #[inline]
    fn attempt(&mut self, ready: Readiness) -> Result<usize, Pause> {
        attempt_by_call(self, ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}

impl OneCall for Send<'_> {
    #[inline(always)]
    fn call(&mut self) -> Result<usize, Errno> {
        socket::send(self.fd, self.from, self.flags.0)
    }

    #[inline]
    fn failed(&mut self, errno: Errno, _: Readiness) -> Result<usize, Pause> {
        Err(opening(errno, &mut self.flags))
    }
}

/// Sends all of the bytes. `sent` outlives a failure.
pub struct SendAll<'a> {
    /// The socket.
    pub fd: BorrowedHandle<'a>,
    /// The bytes.
    pub from: &'a [u8],
    /// Flags of send(2).
    pub flags: MessageFlags,
    /// How many bytes have gone out.
    pub sent: usize,
}

impl Operation for SendAll<'_> {
    type Output = ();
    const COMPOSITE: bool = true;

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        let sent = socket::send(self.fd, &self.from[self.sent..], self.flags.0);
        self.sent += sent.map_err(|errno| opening(errno, &mut self.flags))?;
        if self.sent == self.from.len() { Ok(()) } else { Err(Pause::Progress) }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}

/// Sends one datagram, or as much of a stream as fits, to an address.
pub struct SendTo<'a> {
    /// The socket.
    pub fd: BorrowedHandle<'a>,
    /// The bytes.
    pub from: &'a [u8],
    /// Flags of sendto(2).
    pub flags: MessageFlags,
    /// Where to.
    pub to: &'a SockAddr,
}

impl Operation for SendTo<'_> {
    type Output = usize;

    #[inline]
    fn attempt(&mut self, ready: Readiness) -> Result<usize, Pause> {
        attempt_by_call(self, ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}

impl OneCall for SendTo<'_> {
    #[inline(always)]
    fn call(&mut self) -> Result<usize, Errno> {
        if self.flags.open() {
            self.flags = to_open(self.fd, self.to, self.flags)?;
        }
        socket::sendto(self.fd, self.from, self.flags.0, self.to)
    }

    #[inline]
    fn failed(&mut self, errno: Errno, _: Readiness) -> Result<usize, Pause> {
        Err(opening(errno, &mut self.flags))
    }
}

/// Sends as much as fits of a stream's pieces, of which the system takes so many at a time, without joining them.
pub(crate) struct SendMany<'a> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) data: &'a [IoSlice<'a>],
    pub(crate) most: usize,
    pub(crate) flags: MessageFlags,
}

impl Operation for SendMany<'_> {
    type Output = usize;

    fn attempt(&mut self, _: Readiness) -> Result<usize, Pause> {
        let mut sent = 0;
        for group in self.data.chunks(self.most) {
            match message::sendmsg(self.fd, group, &ControlBuffer::default(), None, self.flags.0) {
                Ok(len) => {
                    sent += len;
                    if len < group.iter().map(|piece| piece.len()).sum() {
                        break;
                    }
                }
                // Report what went out; the error will show again at the next call.
                Err(_) if sent > 0 => break,
                Err(errno) => return Err(opening(errno, &mut self.flags)),
            }
        }
        Ok(sent)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}

/// Sends all of two pieces, in order, without joining them first. `sent` outlives a failure.
pub(crate) struct SendVectored<'a> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) first: &'a [u8],
    pub(crate) second: &'a [u8],
    pub(crate) sent: usize,
}

impl Operation for SendVectored<'_> {
    type Output = ();
    const COMPOSITE: bool = true;

    fn attempt(&mut self, _: Readiness) -> Result<(), Pause> {
        let first = &self.first[self.sent.min(self.first.len())..];
        let second = &self.second[self.sent.saturating_sub(self.first.len())..];
        let sent = if first.is_empty() {
            socket::send(self.fd, second, 0)
        } else {
            let pieces = [IoSlice::new(first), IoSlice::new(second)];
            message::sendmsg(self.fd, &pieces, &ControlBuffer::default(), None, 0)
        };
        self.sent += sent.map_err(connecting)?;
        if self.sent == self.first.len() + self.second.len() { Ok(()) } else { Err(Pause::Progress) }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, Readiness::OUT);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}
