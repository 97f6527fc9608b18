//! [`Timed`]: a socket under other limits. Every call that can wait is written here, once. Five hot ones have a first
//! try before that, in the socket's own methods (`calls.rs`).

use std::io::{IoSlice, IoSliceMut};

use super::Socket;
use crate::addr::Address;
use crate::ancillary::{Ancillary, ControlMessage, Message, MessageInto, ReceivedFds};
use crate::constant::{Family, MessageFlags};
use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, LimitKind, Reason, Result};
use crate::ops::{self, Ready};
use crate::sys::address::AddressRoom;
use crate::sys::message::ControlBuffer;
use crate::sys::{AsHandle, BorrowedHandle, Errno, socket};
use crate::target::Target;
use crate::wait::{Canceller, FirstCall, Limit, Moves, OneCall, Operation, call_first, run, run_on};

/// A socket seen under more limits than its own timeout, or with message flags: `socket.until(deadline)`,
/// `socket.within(duration)`, `socket.cancelled_by(&canceller)`, `socket.with_flags(flags)`, in any combination.
///
/// It has the socket's calls that can wait. Whatever passes first ends a call: the socket's timeout, the deadline, the
/// canceller. A deadline is one for all calls made through the view. Cheap to make and to copy.
///
/// ```
/// use shotclock::{Canceller, Family, Kind, socketpair};
/// use std::time::Duration;
///
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let canceller = Canceller::new();
/// let error = ours.within(Duration::from_millis(10)).cancelled_by(&canceller).recv(1).unwrap_err();
/// assert!(error.is_timeout());
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Timed<'s> {
    pub(super) socket: &'s Socket,
    pub(super) limit: Limit<'s>,
    /// Whether the limit's timeout is the socket's, which may have another one for sending.
    pub(super) is_own_timeout: bool,
    pub(super) flags: MessageFlags,
}

/// The limit of a call of several receives, apart from its view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    deadline: Deadline,
    deadline_kind: LimitKind,
    since: Deadline,
}

impl<'s> Timed<'s> {
    /// This view, with a deadline as well: calls end no later than `deadline`, which may be an
    /// [`Instant`](std::time::Instant), or `None`.
    ///
    /// ```
    /// use shotclock::{Deadline, Family, Kind, socketpair};
    /// let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let both = one.until(Deadline::NEVER).until(Deadline::now());
    /// assert!(both.recv(1).unwrap_err().is_timeout(), "the earlier counts");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn until(mut self, deadline: impl Into<Deadline>) -> Self {
        self.limit.deadline = self.limit.deadline.min(deadline.into());
        self
    }

    /// This view, with a deadline so long from now as well.
    ///
    /// ```
    /// use shotclock::{Canceller, Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let canceller = Canceller::new();
    /// let view = one.cancelled_by(&canceller).within(Duration::from_millis(10));
    /// assert!(view.recv(1).unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn within(self, timeout: impl Into<Timeout>) -> Self {
        self.until(Deadline::after(timeout))
    }

    /// This view, with an idle limit as well: how long a call may wait without moving a byte, beside the limits on the
    /// whole.
    ///
    /// Each call counts from its start, and anew from each byte that it moves itself, in its own direction: what
    /// `recv_exact`, `readline` or `read_to_end` has received, what `sendall` or `sendfile` has handed to the system. A
    /// call that need not wait is never ended by it. `connect`, `accept` and lookups move no bytes and end so long
    /// after they began. The error's limit is [`LimitKind::Idle`](crate::LimitKind::Idle). Of two the shorter counts.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let view = one.within(Duration::from_secs(60)).idle(Duration::from_millis(20));
    /// assert!(view.recv(1).unwrap_err().is_timeout());
    /// # other.close()?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn idle(mut self, limit: impl Into<Timeout>) -> Self {
        self.limit.idle = self.limit.idle.min(limit.into());
        self
    }

    /// This view, with `canceller` as well, beside those named before: each ends its calls. There is room for four;
    /// with more the call fails and says so ([`Canceller::any_of`] makes one of many).
    ///
    /// ```
    /// use shotclock::{Canceller, Deadline, Family, Kind, socketpair};
    /// let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let canceller = Canceller::new();
    /// let shutdown = Canceller::new();
    /// canceller.cancel();
    /// let view = one.until(Deadline::NEVER).cancelled_by(&canceller).cancelled_by(&shutdown);
    /// assert!(view.recv(1).unwrap_err().is_cancelled());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn cancelled_by(mut self, canceller: &'s Canceller) -> Self {
        self.limit.cancellers = self.limit.cancellers.and(canceller);
        self
    }

    /// This view, with these flags for each send and receive.
    ///
    /// ```
    /// use shotclock::{Family, Kind, MessageFlags, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"x")?;
    /// let peek = other.within(Duration::from_secs(5)).with_flags(MessageFlags::PEEK);
    /// assert_eq!((peek.recv(1)?, other.recv(1)?), (b"x".to_vec(), b"x".to_vec()));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn with_flags(mut self, flags: MessageFlags) -> Self {
        self.flags |= flags;
        if flags.contains(MessageFlags::DONTWAIT) {
            self.limit.timeout = Timeout::ZERO;
            self.is_own_timeout = false;
        }
        self
    }

    /// The socket behind the view.
    ///
    /// ```
    /// use shotclock::{Deadline, Family, Kind, socketpair};
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert_eq!(one.until(Deadline::NEVER).socket().fileno(), one.fileno());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn socket(&self) -> &'s Socket {
        self.socket
    }

    /// Receives up to `size` bytes; see [`Socket::recv`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recv(3)?, b"hel");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recv(&self, size: usize) -> Result<Vec<u8>> {
        let mut data = allocate("recv", size)?;
        if data.capacity() != size || size == 0 || self.flags.contains(MessageFlags::TRUNC) {
            data.resize(size, 0);
            let len = self.recv_into(&mut data)?;
            data.truncate(len);
        } else {
            self.recv_spare(&mut data)?;
        }
        // A little data would hold on to a big allocation.
        if data.len() < data.capacity() / 2 {
            data.shrink_to_fit();
        }
        Ok(data)
    }

    /// Receives into `buffer`; see [`Socket::recv_into`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// let mut buffer = [0; 9];
    /// assert_eq!(other.within(Duration::from_secs(5)).recv_into(&mut buffer)?, 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[inline]
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() && self.socket.receives_nothing("recv")? {
            return Ok(0);
        }
        self.run_ready("recv", ops::Recv { fd: self.fd(), into: buffer, flags: self.flags })
    }

    /// Fills `buffer`; see [`Socket::recv_exact`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// let mut buffer = [0; 5];
    /// other.within(Duration::from_secs(5)).recv_exact(&mut buffer)?;
    /// assert_eq!(&buffer, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recv_exact(&self, buffer: &mut [u8]) -> Result<()> {
        self.refuse_flags("recv_exact")?;
        self.socket.expect_stream("recv_exact")?;
        let wanted = buffer.len();
        let mut op = ops::RecvExact { fd: self.fd(), into: buffer, filled: 0 };
        let error = match self.run("recv_exact", &mut op) {
            Ok(true) => return Ok(()),
            Ok(false) => Error::ended("recv_exact", wanted, op.filled),
            Err(error) => error,
        };
        Err(self.name_peer(error.moved(op.filled as u64)))
    }

    /// Receives up to `size` bytes and their sender; see [`Socket::recvfrom`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recvfrom(9)?.0, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recvfrom(&self, size: usize) -> Result<(Vec<u8>, Option<Address>)> {
        let mut data = allocate("recvfrom", size)?;
        let from = if data.capacity() != size || size == 0 || self.flags.contains(MessageFlags::TRUNC) {
            data.resize(size, 0);
            let (len, from) = self.recvfrom_into(&mut data)?;
            data.truncate(len);
            from
        } else {
            self.recvfrom_spare(&mut data)?.1
        };
        data.shrink_to_fit();
        Ok((data, from))
    }

    /// Receives into `buffer`, and tells the sender; see [`Socket::recvfrom_into`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recvfrom_into(&mut [0; 9])?.0, 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[inline]
    pub fn recvfrom_into(&self, buffer: &mut [u8]) -> Result<(usize, Option<Address>)> {
        let mut from = AddressRoom::new();
        let mut op = ops::RecvFrom { fd: self.fd(), into: buffer, flags: self.flags, from: &mut from };
        let len = self.run("recvfrom", &mut op)?;
        Ok((len, Address::from_bytes(from.told())))
    }

    /// Receives a message and its control messages; see [`Socket::recvmsg`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recvmsg(9, 0)?.data, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recvmsg(&self, size: usize, ancillary_size: usize) -> Result<Message> {
        let mut data = allocate("recvmsg", size)?;
        data.resize(size, 0);
        let message = self.recvmsg_into(&mut [IoSliceMut::new(&mut data)], ancillary_size)?;
        let MessageInto { len, ancillary, flags, address } = message;
        data.truncate(len);
        data.shrink_to_fit();
        Ok(Message { data, ancillary, flags, address })
    }

    /// Receives a message into several buffers; see [`Socket::recvmsg_into`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::{io::IoSliceMut, time::Duration};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// let mut buffer = [0; 9];
    /// let message = other.within(Duration::from_secs(5)).recvmsg_into(&mut [IoSliceMut::new(&mut buffer)], 0)?;
    /// assert_eq!(message.len, 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recvmsg_into(&self, buffers: &mut [IoSliceMut<'_>], ancillary_size: usize) -> Result<MessageInto> {
        let control = ControlBuffer::with_room(ancillary_size).map_err(|_| out_of_memory("recvmsg", ancillary_size))?;
        let mut op = ops::ReceiveMessage { fd: self.fd(), into: buffers, control, flags: self.flags };
        Ok(self.run("recvmsg", &mut op)?.into())
    }

    /// Receives bytes and descriptors; see [`Socket::recv_fds`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::{io::IoSlice, os::fd::AsFd, time::Duration};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.send_fds(&[IoSlice::new(b"x")], &[one.as_fd()])?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recv_fds(1, 1)?.fds.len(), 1);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recv_fds(&self, size: usize, most: usize) -> Result<ReceivedFds> {
        let room = most.checked_mul(4).ok_or_else(|| out_of_memory("recv_fds", most))?;
        let message = crate::order::cmsg_len(room).and_then(|room| self.recvmsg(size, room));
        let message = message.map_err(|error| error.during("recv_fds"))?;
        let Message { data, ancillary, flags, address } = message;
        let rights = ancillary.into_iter().filter_map(|message| match message {
            ControlMessage::Rights(fds) => Some(fds),
            _ => None,
        });
        Ok(ReceivedFds { data, fds: rights.flatten().collect(), flags, address })
    }

    /// Sends what fits of `data`; see [`Socket::send`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert_eq!(one.within(Duration::from_secs(5)).send(b"hello")?, 5);
    /// assert_eq!(other.recv(9)?, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[inline]
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        self.run_ready("send", ops::Send { fd: self.fd(), from: data, flags: self.flags })
    }

    /// Sends all of `data`; see [`Socket::sendall`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.within(Duration::from_secs(5)).sendall(b"hello")?;
    /// assert_eq!(other.recv(9)?, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn sendall(&self, data: &[u8]) -> Result<()> {
        let mut op = ops::SendAll { fd: self.fd(), from: data, flags: self.flags, sent: 0 };
        self.run("sendall", &mut op).map_err(|error| self.name_peer(error.moved(op.sent as u64)))
    }

    /// Sends `data` to an address; see [`Socket::sendto`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// let port = socket.getsockname()?.port().unwrap();
    /// // The limit bounds the lookup of the name as well.
    /// socket.within(Duration::from_secs(5)).sendto(b"to myself", ("localhost", port))?;
    /// assert_eq!(socket.recv(100)?, b"to myself");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn sendto<'t>(&self, data: &[u8], target: impl Into<Target<'t>>) -> Result<usize> {
        let target = target.into();
        if let Target::Address(to) = &target {
            return self
                .sendto_address(data, to, &self.sending())
                .map_err(|error| self.explain_address(error, &target, to));
        }
        let (to, limit) = self.resolve("sendto", &target)?;
        self.sendto_address(data, &to, &limit).map_err(|error| self.explain_address(error, &target, &to))
    }

    #[inline]
    fn sendto_address(&self, data: &[u8], to: &Address, limit: &Limit<'_>) -> Result<usize> {
        let sockaddr = to.to_sockaddr();
        run("sendto", &mut ops::SendTo { fd: self.fd(), from: data, flags: self.flags, to: &sockaddr }, limit)
    }

    /// Sends one message with control messages; see [`Socket::sendmsg`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::{io::IoSlice, time::Duration};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.within(Duration::from_secs(5)).sendmsg(&[IoSlice::new(b"hello")], &[], None)?;
    /// assert_eq!(other.recv(9)?, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn sendmsg<'c>(
        &self,
        data: &[IoSlice<'_>],
        ancillary: impl Into<Ancillary<'c>>,
        to: Option<Target<'_>>,
    ) -> Result<usize> {
        let ancillary = ancillary.into();
        let control = ancillary.control("sendmsg")?;
        let Some(target) = to else {
            let mut op = ops::SendMessage { fd: self.fd(), data, control, to: None, flags: self.flags };
            return self.run("sendmsg", &mut op).map_err(|error| ancillary.explain(self.name_peer(error)));
        };
        let (to, limit) = self.resolve("sendmsg", &target)?;
        let sockaddr = to.to_sockaddr();
        let mut op = ops::SendMessage { fd: self.fd(), data, control, to: Some(&sockaddr), flags: self.flags };
        run("sendmsg", &mut op, &limit).map_err(|error| ancillary.explain(self.explain_address(error, &target, &to)))
    }

    /// Sends bytes and descriptors; see [`Socket::send_fds`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::{io::IoSlice, os::fd::AsFd, time::Duration};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.within(Duration::from_secs(5)).send_fds(&[IoSlice::new(b"x")], &[one.as_fd()])?;
    /// assert_eq!(other.recv_fds(1, 1)?.fds.len(), 1);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn send_fds(&self, data: &[IoSlice<'_>], fds: &[BorrowedHandle<'_>]) -> Result<usize> {
        self.sendmsg(data, Ancillary::new().rights(fds), None).map_err(|error| error.during("send_fds"))
    }

    /// Sends a file's content; see [`Socket::sendfile`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let program = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    /// assert_eq!(one.within(Duration::from_secs(5)).sendfile(&program, 1, Some(3))?, 3);
    /// assert_eq!(other.recv(9)?, b"ELF");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn sendfile(&self, file: impl AsHandle, offset: u64, count: Option<u64>) -> Result<u64> {
        let mut op = ops::SendFile::new(self.socket.open_file(), file.as_fd(), offset, count);
        self.run("sendfile", &mut op).map_err(|error| self.name_peer(error.moved(op.sent)))
    }

    /// Takes a connection from the queue; see [`Socket::accept`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::create_server;
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// assert!(listener.within(Duration::from_millis(10)).accept().unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn accept(&self) -> Result<(Socket, Address)> {
        let mut peer = AddressRoom::new();
        let accepted = self.run("accept", &mut ops::Accept { from: self.socket.open_file(), peer: &mut peer })?;
        Ok(self.socket.welcome(accepted, &peer))
    }

    /// Connects; see [`Socket::connect`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, create_server};
    /// use std::time::Duration;
    /// let listener = create_server(("localhost", 0))?;
    /// let port = listener.getsockname()?.port().unwrap();
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// // The limit bounds the lookup of the name as well.
    /// socket.within(Duration::from_secs(5)).connect(("localhost", port))?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn connect<'t>(&self, target: impl Into<Target<'t>>) -> Result<()> {
        let target = target.into();
        if let Target::Address(to) = &target {
            return self
                .connect_to_address(to, &self.sending())
                .map_err(|error| self.explain_address(error, &target, to));
        }
        let (to, limit) = self.resolve("connect", &target)?;
        self.connect_to_address(&to, &limit).map_err(|error| self.explain_address(error, &target, &to))
    }

    #[inline]
    fn connect_to_address(&self, to: &Address, limit: &Limit<'_>) -> Result<()> {
        let to = to.to_sockaddr();
        let op = ops::Connect::new(self.socket.open_file(), &to);
        run("connect", &mut if limit.timeout == Timeout::ZERO { op } else { op.that_may_wait() }, limit)
    }

    /// Connects, and gives the system's error number; see [`Socket::connect_ex`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// assert_eq!(socket.within(Duration::from_secs(5)).connect_ex(([127, 0, 0, 1], 1))?, 111); // ECONNREFUSED
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn connect_ex<'t>(&self, target: impl Into<Target<'t>>) -> Result<i32> {
        match self.connect(target) {
            Ok(()) => Ok(0),
            Err(error) if error.is_timeout() && error.operation() == "connect" => Ok(Errno::AGAIN.raw_os_error()),
            // EAGAIN, not EINPROGRESS: on AF_UNIX no connect is under way; its peer's queue is full.
            Err(error) if error.is_would_block() && self.socket.family()? == Family::UNIX => {
                Ok(Errno::AGAIN.raw_os_error())
            }
            Err(error) if error.is_would_block() => Ok(Errno::INPROGRESS.raw_os_error()),
            Err(error) => match error.reason() {
                Reason::System(errno) | Reason::OtherFamily { errno, .. } if error.operation() == "connect" => {
                    Ok(errno.raw_os_error())
                }
                Reason::Closed => Ok(Errno::BADF.raw_os_error()),
                _ => Err(error),
            },
        }
    }

    /// Gives the socket an address of its own; see [`Socket::bind`].
    ///
    /// # Errors
    /// As there; a timeout or a cancellation, while the name is looked up.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// // The limit bounds the lookup of the name.
    /// socket.within(Duration::from_secs(5)).bind(("localhost", 0))?;
    /// assert!(socket.getsockname()?.ip().unwrap().is_loopback());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn bind<'t>(&self, target: impl Into<Target<'t>>) -> Result<()> {
        let target = target.into();
        let (address, _) = self.resolve("bind", &target)?;
        let bound = self.socket.checked("bind", |fd| socket::bind(fd, &address.to_sockaddr()));
        bound.map_err(|error| self.explain_address(error, &target, &address))
    }

    /// Waits until the socket is ready; see [`Socket::wait_ready`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Ready, socketpair};
    /// use std::time::Duration;
    /// let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert!(one.within(Duration::from_millis(10)).wait_ready(Ready::READABLE).unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn wait_ready(&self, wanted: Ready) -> Result<Ready> {
        let limit = if wanted == Ready::WRITABLE { self.sending() } else { self.limit };
        let ready = run("wait_ready", &mut ops::WaitReady { fd: self.fd(), wanted }, &limit);
        ready.map_err(|error| self.name_peer(error))
    }

    /// Closes, and waits no longer for a lingering connection than the limit allows; see [`Socket::close`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.within(Duration::from_secs(5)).close()?;
    /// assert_eq!(other.recv(1)?, b"");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn close(&self) -> Result<()> {
        self.end()
    }

    /// The socket under this limit in place of its own, beside its closing.
    pub(crate) fn under(socket: &'s Socket, limit: Limit<'s>) -> Self {
        let limit = Limit { gate: Some(socket.gate()), ..limit };
        Self { socket, limit, is_own_timeout: false, flags: MessageFlags::NONE }
    }

    /// What bounds a call of several receives that begins now.
    pub(crate) fn begin(&self) -> Begun {
        let Limit { deadline, deadline_kind, since, .. } = self.limit.begun(Deadline::now());
        Begun { deadline, deadline_kind, since }
    }

    /// This view, for one of the receives of a call that has begun.
    pub(crate) fn under_begun(mut self, begun: &Begun) -> Self {
        if self.limit.timeout != Timeout::ZERO {
            self.limit.timeout = Timeout::NEVER;
        }
        self.is_own_timeout = false;
        (self.limit.deadline, self.limit.deadline_kind) = (begun.deadline, begun.deadline_kind);
        self.limit.since = begun.since;
        self
    }

    /// This view as one call that begins now: its timeout runs once for all that follows.
    #[must_use]
    pub(crate) fn begun(mut self) -> Self {
        self.limit = self.limit.begun(Deadline::now());
        self.is_own_timeout = false;
        self
    }

    /// This view for a file on the socket: it goes on after the socket was closed, and reads a plain stream, without
    /// flags.
    pub(crate) fn for_file(mut self) -> Self {
        self.limit.gate = None;
        self.flags = MessageFlags::NONE;
        self
    }

    /// Refuses flags that make a receive something else than the next bytes of the stream.
    pub(super) fn refuse_flags(&self, operation: &'static str) -> Result<()> {
        let strange = [
            MessageFlags::PEEK,
            MessageFlags::OOB,
            #[cfg(target_os = "linux")]
            MessageFlags::ERRQUEUE,
            MessageFlags::TRUNC,
        ];
        match strange.into_iter().find(|flag| self.flags.contains(*flag)) {
            Some(flag) => Err(Error::invalid(operation, format!("{flag} in a call of many parts: use recv_into"))),
            None => Ok(()),
        }
    }

    pub(crate) fn limit(&self) -> &Limit<'s> {
        &self.limit
    }

    #[inline]
    pub(crate) fn fd(&self) -> BorrowedHandle<'s> {
        self.socket.borrow()
    }

    #[inline]
    fn run<O: Operation>(&self, name: &'static str, op: &mut O) -> Result<O::Output> {
        if op.moves() == Moves::Out && self.sends_otherwise() {
            return run(name, op, &self.sending());
        }
        run(name, op, &self.limit)
    }

    /// As [`run`](Self::run), for an operation of one system call. What only waiting and failing need is put together
    /// out of line, so that a call that finds its data keeps everything in registers.
    #[inline(always)]
    pub(super) fn run_ready<O: OneCall>(&self, name: &'static str, mut op: O) -> Result<O::Output> {
        match call_first(&mut op, &self.limit) {
            Ok(output) => Ok(output),
            Err(first) => self.run_on(name, op, first),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn run_on<O: OneCall>(self, name: &'static str, mut op: O, first: FirstCall) -> Result<O::Output> {
        let limit = if op.moves() == Moves::Out { self.sending() } else { self.limit };
        run_on(name, &mut op, &limit, first).map_err(|error| self.name_peer(error))
    }

    /// The target's address, and the limit that is left: a lookup and what follows share one budget.
    pub(super) fn resolve(&self, operation: &'static str, target: &Target<'_>) -> Result<(Address, Limit<'s>)> {
        if let Target::Address(address) = target {
            return Ok((*address, self.sending()));
        }
        let limit = self.sending().begun(Deadline::now());
        let (family, kind) = (self.socket.family()?, self.socket.kind()?);
        Ok((target.resolve(operation, family, kind, limit)?, limit))
    }

    /// Adds the peer to an error, where it can be named. Not to a would-block, of which event loops see many: asking
    /// for the peer takes time.
    #[cold]
    pub(crate) fn name_peer(&self, error: Error) -> Error {
        if error.is_would_block() || error.is_closed() {
            return error;
        }
        match socket::getpeername(self.fd()) {
            Ok(Some(peer)) => match Address::from_sockaddr(&peer) {
                Address::Unix(name) if name.is_unnamed() => error,
                peer => error.to(peer),
            },
            _ => error,
        }
    }

    #[cold]
    pub(super) fn explain_address(&self, error: Error, target: &Target<'_>, address: &Address) -> Error {
        self.socket.explain_family(error, address).to(target)
    }
}

impl std::fmt::Debug for Timed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Limit { timeout, deadline, cancellers, .. } = &self.limit;
        let mut view = f.debug_struct("Timed");
        view.field("socket", self.socket).field("timeout", timeout).field("deadline", deadline);
        view.field("cancellers", cancellers).field("flags", &self.flags).finish()
    }
}

/// Room for so many bytes, or an error instead of an abort.
fn allocate(operation: &'static str, size: usize) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    data.try_reserve_exact(size).map_err(|_| out_of_memory(operation, size))?;
    Ok(data)
}

fn out_of_memory(operation: &'static str, size: usize) -> Error {
    Error::new(operation, Reason::OutOfMemory(format!("no memory for a buffer of {size} bytes")))
}
