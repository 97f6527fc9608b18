//! The socket's calls that can wait, documented; each is the view's of the same name under the socket's own timeout.

use std::io::{IoSlice, IoSliceMut};

use super::Socket;
use crate::addr::Address;
use crate::ancillary::{Ancillary, Message, MessageInto, ReceivedFds};
use crate::constant::MessageFlags;
use crate::error::Result;
use crate::ops::{self, Ready};
use crate::sys::address::AddressRoom;
use crate::sys::{AsHandle, BorrowedHandle};
use crate::target::Target;
use crate::wait::{FirstCall, OneCall, call_first};

/// The calls that can wait. Each ends with a result, or with an error: `is_timeout()` when the limit passed,
/// `is_would_block()` when the timeout is zero, `is_cancelled()`, `is_closed()`, or the system's own.
impl Socket {
    /// Takes the first connection from a listening socket's queue, and says who connected. Source: accept(2).
    ///
    /// The new socket begins with the process-wide default timeout, never with the listener's, and with the listener's
    /// policy ([`set_policy`](Self::set_policy)). Connections that died in the queue are passed over.
    ///
    /// # Errors
    /// EINVAL if the socket does not listen, EOPNOTSUPP if its kind cannot, EMFILE if there are no descriptors left:
    /// then the connection stays in the queue.
    ///
    /// ```
    /// use shotclock::create_server;
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// listener.set_timeout(Duration::from_millis(10));
    /// assert!(listener.accept().unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[inline]
    pub fn accept(&self) -> Result<(Self, Address)> {
        let mut peer = AddressRoom::new();
        let accepted = self.run_ready("accept", ops::Accept { from: self.open_file(), peer: &mut peer })?;
        Ok(self.welcome(accepted, &peer))
    }

    /// Connects to an address, or to a host's name and a port; on a datagram socket, sets where `send` goes and from
    /// whom `recv` takes. The lookup of a name and the connecting share one limit. Source: connect(2).
    ///
    /// After a timeout the attempt may still be under way: connecting again to the same address goes on waiting for it;
    /// connecting elsewhere is EISCONN once it has succeeded. On a connected socket a further connect to the same
    /// address may say `Ok` once, and EISCONN after that: the system keeps a success until it is asked for.
    ///
    /// # Errors
    /// The system's (ECONNREFUSED, ENETUNREACH, ...), a failed lookup, or an address of another family.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, create_server};
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// socket.connect(listener.getsockname()?)?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn connect<'t>(&self, target: impl Into<Target<'t>>) -> Result<()> {
        self.view().connect(target)
    }

    /// Connects, and gives the system's error number, 0 for success. A timeout is EAGAIN, a connect under way on a
    /// non-blocking socket EINPROGRESS. Source: Python's `socket.connect_ex`.
    ///
    /// # Errors
    /// What connect(2) has no number for: a failed lookup, a cancellation.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// assert_eq!(socket.connect_ex(([127, 0, 0, 1], 1))?, 111); // ECONNREFUSED
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn connect_ex<'t>(&self, target: impl Into<Target<'t>>) -> Result<i32> {
        self.view().connect_ex(target)
    }

    /// Waits until the socket is ready in one of these ways, and says in which it is. Nothing is taken or sent: for code of
    /// other libraries that tries by itself, for both directions at once, for the end of a connection on which nothing is
    /// received ([`Ready::NONE`]). A timeout of zero is a look. Source: poll(2).
    ///
    /// Readiness is a hint: another thread may take what was there, so make the call itself under a limit, or with
    /// [`MessageFlags::DONTWAIT`].
    ///
    /// # Errors
    /// None of its own: an error of the connection is [`Ready::ENDED`], and the next call's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Ready, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert_eq!(one.wait_ready(Ready::READABLE | Ready::WRITABLE)?, Ready::WRITABLE);
    /// other.send(b"x")?;
    /// assert_eq!(one.wait_ready(Ready::READABLE)?, Ready::READABLE);
    /// drop(other);
    /// assert!(one.wait_ready(Ready::NONE)?.contains(Ready::ENDED));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias("poll", "select"))]
    pub fn wait_ready(&self, wanted: Ready) -> Result<Ready> {
        self.view().wait_ready(wanted)
    }

    /// Receives what is there, up to `size` bytes, and waits if nothing is. Empty: the peer has ended the data, or
    /// sent an empty datagram. Source: recv(2), Python's `socket.recv`.
    ///
    /// # Errors
    /// The system's (ECONNRESET, ...), or no memory for `size` bytes.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// assert_eq!(other.recv(3)?, b"hel");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recv(&self, size: usize) -> Result<Vec<u8>> {
        self.view().recv(size)
    }

    /// Receives what is there into `buffer`, and says how many bytes. Nothing is allocated. Source: recv(2), Python's
    /// `socket.recv_into`.
    ///
    /// Into an empty buffer a stream gives nothing, at once; where there are messages, one is taken and lost, as in std. So
    /// [`PEEK`](MessageFlags::PEEK) and [`TRUNC`](MessageFlags::TRUNC) tell how long the next datagram is, without a buffer.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, MessageFlags, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// let mut buffer = [0; 100];
    /// let len = other.recv_into(&mut buffer)?;
    /// assert_eq!(&buffer[..len], b"hello");
    ///
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let length_of_next = MessageFlags::PEEK | MessageFlags::TRUNC;
    /// assert_eq!(other.with_flags(length_of_next).recv_into(&mut [])?, 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[inline]
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() && self.receives_nothing("recv")? {
            return Ok(0);
        }
        self.run_ready("recv", ops::Recv { fd: self.borrow(), into: buffer, flags: MessageFlags::NONE })
    }

    /// Receives until `buffer` is full. The timeout bounds the whole, not each part.
    ///
    /// After a failure the first `bytes_moved()` bytes of `buffer` are there: go on with the rest of it.
    ///
    /// # Errors
    /// `ErrorKind::UnexpectedEof` if the peer ended the data too early; `InvalidInput` if the socket is no stream, since a
    /// message (a datagram, one of `Kind::SEQPACKET`) that is longer than what is left of `buffer` would lose its end; the
    /// system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hel")?;
    /// let mut buffer = [0; 5];
    /// let error = other.within(Duration::from_millis(10)).recv_exact(&mut buffer).unwrap_err();
    /// assert_eq!(error.bytes_moved(), 3);
    /// one.sendall(b"lo")?;
    /// other.recv_exact(&mut buffer[3..])?;
    /// assert_eq!(&buffer, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "read_exact")]
    pub fn recv_exact(&self, buffer: &mut [u8]) -> Result<()> {
        self.view().recv_exact(buffer)
    }

    /// Receives up to `size` bytes, and who sent them: `None` on a connected stream, or from an unnamed sender.
    /// What does not fit of a datagram is lost. Source: recvfrom(2), Python's `socket.recvfrom`.
    ///
    /// # Errors
    /// The system's, or no memory for `size` bytes.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let (one, other) = (Socket::new(Family::INET, Kind::DGRAM)?, Socket::new(Family::INET, Kind::DGRAM)?);
    /// one.bind(("127.0.0.1", 0))?;
    /// other.bind(("127.0.0.1", 0))?;
    /// one.sendto(b"hello", other.getsockname()?)?;
    /// assert_eq!(other.recvfrom(100)?, (b"hello".to_vec(), Some(one.getsockname()?)));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recvfrom(&self, size: usize) -> Result<(Vec<u8>, Option<Address>)> {
        self.view().recvfrom(size)
    }

    /// Receives into `buffer`, and says how many bytes and who sent them: `None` on a connected stream, or from an unnamed
    /// sender, where std has an unnamed address. Nothing is allocated. Source: recvfrom(2), Python's `socket.recvfrom_into`.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut buffer = [0; 100];
    /// assert_eq!(other.recvfrom_into(&mut buffer)?, (5, None), "a pair's ends have no names");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "recv_from")]
    #[inline]
    pub fn recvfrom_into(&self, buffer: &mut [u8]) -> Result<(usize, Option<Address>)> {
        let (flags, mut from) = (MessageFlags::NONE, AddressRoom::new());
        let op = ops::RecvFrom { fd: self.borrow(), into: buffer, flags, from: &mut from };
        let len = self.run_ready("recvfrom", op)?;
        Ok((len, Address::from_bytes(from.told())))
    }

    /// Receives up to `size` bytes, with up to `ancillary_size` bytes of control messages; [`cmsg_space`] tells how
    /// many one takes. What did not fit is gone, and `flags` says so (`CTRUNC`). Source: recvmsg(2), Python's
    /// `socket.recvmsg`.
    ///
    /// [`cmsg_space`]: crate::cmsg_space
    ///
    /// # Errors
    /// The system's, or no memory for the sizes.
    ///
    /// ```
    /// use shotclock::{Family, Kind, MessageFlags, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let message = other.recvmsg(3, 0)?;
    /// assert_eq!(message.data, b"hel");
    /// assert!(message.flags.contains(MessageFlags::TRUNC));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias("recv_vectored_with_ancillary", "recv_vectored_with_ancillary_from"))]
    pub fn recvmsg(&self, size: usize, ancillary_size: usize) -> Result<Message> {
        self.view().recvmsg(size, ancillary_size)
    }

    /// Receives into several buffers, one after the other, with control messages. Source: recvmsg(2), Python's
    /// `socket.recvmsg_into`.
    ///
    /// # Errors
    /// The system's, or no memory for `ancillary_size` bytes.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::io::IoSliceMut;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"headbody")?;
    /// let (mut head, mut body) = ([0; 4], [0; 10]);
    /// let mut buffers = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
    /// assert_eq!(other.recvmsg_into(&mut buffers, 0)?.len, 8);
    /// assert_eq!((&head, &body[..4]), (b"head", &b"body"[..]));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recvmsg_into(&self, buffers: &mut [IoSliceMut<'_>], ancillary_size: usize) -> Result<MessageInto> {
        self.view().recvmsg_into(buffers, ancillary_size)
    }

    /// Receives up to `size` bytes and at most `most` descriptors (AF_UNIX). Descriptors that do not fit are closed,
    /// and `flags` says so (`CTRUNC`). Source: unix(7), Python's `socket.recv_fds`.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, socketpair};
    /// use std::{io::IoSlice, os::fd::AsFd};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.send_fds(&[IoSlice::new(b"x")], &[one.as_fd()])?;
    /// let mut received = other.recv_fds(1, 1)?;
    /// let third = Socket::from(received.fds.remove(0));
    /// third.sendall(b"by another number")?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "SCM_RIGHTS")]
    pub fn recv_fds(&self, size: usize, most: usize) -> Result<ReceivedFds> {
        self.view().recv_fds(size, most)
    }

    /// Sends what fits of `data`, and says how many bytes that was; waits if nothing fits. Source: send(2), Python's
    /// `socket.send`.
    ///
    /// # Errors
    /// The system's: EPIPE if the peer is gone, never SIGPIPE.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert_eq!(one.send(b"hello")?, 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[inline]
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        self.run_ready("send", ops::Send { fd: self.borrow(), from: data, flags: MessageFlags::NONE })
    }

    /// Sends all of `data`. The timeout bounds the whole, not each part. Source: Python's `socket.sendall`.
    ///
    /// # Errors
    /// The system's. After any failure the first `bytes_moved()` bytes have gone out.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, _never_reads) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let error = one.within(Duration::from_millis(10)).sendall(&[0; 1 << 20]).unwrap_err();
    /// assert!(error.is_timeout() && error.bytes_moved() > 0);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "write_all")]
    pub fn sendall(&self, data: &[u8]) -> Result<()> {
        self.view().sendall(data)
    }

    /// Sends `data` to an address, or to a host's name and a port; gives how many bytes went out, for a datagram all.
    /// Source: sendto(2), Python's `socket.sendto`.
    ///
    /// # Errors
    /// The system's (EMSGSIZE for too long a datagram), a failed lookup, or an address of another family.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// socket.sendto(b"to myself", socket.getsockname()?)?;
    /// assert_eq!(socket.recv(100)?, b"to myself");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "send_to")]
    #[inline]
    pub fn sendto<'t>(&self, data: &[u8], target: impl Into<Target<'t>>) -> Result<usize> {
        let target = target.into();
        let Target::Address(address) = &target else { return self.view().sendto(data, target) };
        let to = address.to_sockaddr();
        self.run_ready("sendto", ops::SendTo { fd: self.borrow(), from: data, flags: MessageFlags::NONE, to: &to })
            .map_err(|error| self.explain_family(error, address).to(address))
    }

    /// Sends one message gathered from `data`, with control messages, to an address or to the connected peer. Source:
    /// sendmsg(2), Python's `socket.sendmsg`.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::io::IoSlice;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendmsg(&[IoSlice::new(b"head"), IoSlice::new(b"body")], &[], None)?;
    /// assert_eq!(other.recv(100)?, b"headbody");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias("send_vectored_with_ancillary", "send_vectored_with_ancillary_to"))]
    pub fn sendmsg<'c>(
        &self,
        data: &[IoSlice<'_>],
        ancillary: impl Into<Ancillary<'c>>,
        to: Option<Target<'_>>,
    ) -> Result<usize> {
        self.view().sendmsg(data, ancillary, to)
    }

    /// Sends bytes, at least one, and descriptors (AF_UNIX). Source: unix(7), Python's `socket.send_fds`.
    ///
    /// # Errors
    /// The system's; more than 253 descriptors are EINVAL.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::{io::IoSlice, os::fd::AsFd};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let file = std::fs::File::open("/dev/null").unwrap();
    /// one.send_fds(&[IoSlice::new(b"a file")], &[file.as_fd()])?;
    /// assert_eq!(other.recv_fds(100, 1)?.fds.len(), 1);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "SCM_RIGHTS")]
    pub fn send_fds(&self, data: &[IoSlice<'_>], fds: &[BorrowedHandle<'_>]) -> Result<usize> {
        self.view().send_fds(data, fds)
    }

    /// Sends a file's content from `offset` on, `count` bytes or to its end, and says how many bytes went out. The
    /// file's position does not move; the timeout bounds the whole. The bytes go from the file to the socket without
    /// a copy in between where the system can. Source: sendfile(2), Python's `socket.sendfile`.
    ///
    /// # Errors
    /// The system's; ESPIPE if the file is a pipe. After any failure `bytes_moved()` bytes have gone out.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let path = std::env::temp_dir().join(format!("shotclock-doc-{}", std::process::id()));
    /// std::fs::write(&path, "a file's content").unwrap();
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert_eq!(one.sendfile(std::fs::File::open(&path).unwrap(), 2, Some(6))?, 6);
    /// assert_eq!(other.recv(100)?, b"file's");
    /// std::fs::remove_file(path).unwrap();
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn sendfile(&self, file: impl AsHandle, offset: u64, count: Option<u64>) -> Result<u64> {
        self.view().sendfile(file, offset, count)
    }

    /// A call that is one system call, under the socket's own timeout. A view, a limit and whatever else waiting and failing
    /// need come into being only after it, out of the way of a call that finds its data.
    #[inline(always)]
    fn run_ready<O: OneCall>(&self, name: &'static str, mut op: O) -> Result<O::Output> {
        match call_first(&mut op, &self.gate) {
            Ok(output) => Ok(output),
            Err(first) => self.run_on(name, op, first),
        }
    }

    #[cold]
    #[inline(never)]
    fn run_on<O: OneCall>(&self, name: &'static str, op: O, first: FirstCall) -> Result<O::Output> {
        self.view().run_on(name, op, first)
    }
}
