//! Many datagrams by one call, on the socket and on its views.

use super::beside::Beside;
use super::{Socket, Timed};
use crate::ancillary::Ancillary;
use crate::batch::{Outgoing, RecvBatch};
use crate::constant::Kind;
#[cfg(target_os = "linux")]
use crate::constant::MessageFlags;
use crate::error::{Error, Reason, Result};
use crate::ops;
use crate::sys::batch;
use crate::sys::message::ControlBuffer;
use crate::wait::run;

impl Socket {
    /// Sends all of these datagrams, in their order, by as few calls of the system as there can be: many messages by one
    /// (sendmmsg(2)), and of UDP, where those that follow each other are of one length and to one address, many datagrams as
    /// one message that the system cuts apart (UDP_SEGMENT, "GSO"). Where the system has neither, it is a `sendto` each.
    ///
    /// It waits for room as `sendall` does, under one limit for the batch, and the kernel's own timeouts have no part in it.
    /// Whatever ends it, the error's [`datagrams_moved`](Error::datagrams_moved) says how many went: each of those whole, and
    /// of the others nothing. Source: sendmmsg(2), udp(7).
    ///
    /// # Errors
    /// A batch of 0 datagrams; `MessageFlags::MORE`; a socket of a stream; a limit; the system's, of the first datagram that it refuses, which is
    /// named: EMSGSIZE for one that is too long, ENETUNREACH, ECONNREFUSED for what an earlier datagram met.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Outgoing, Socket};
    /// let [one, other] = [Socket::new(Family::INET, Kind::DGRAM)?, Socket::new(Family::INET, Kind::DGRAM)?];
    /// [&one, &other].into_iter().try_for_each(|socket| socket.bind(("127.0.0.1", 0)))?;
    /// let to = other.getsockname()?;
    /// one.send_batch(&[Outgoing::to(b"one", &to), Outgoing::to(b"two", &to), Outgoing::to(b"three", &to)])?;
    /// assert_eq!((other.recv(9)?, other.recv(9)?, other.recv(9)?), (b"one".into(), b"two".into(), b"three".into()));
    ///
    /// let too_long = [Outgoing::to(b"four", &to), Outgoing::to(&[0; 70_000], &to)];
    /// let error = one.send_batch(&too_long).unwrap_err();
    /// assert_eq!((error.datagrams_moved(), error.raw_os_error()), (1, Some(90))); // EMSGSIZE
    /// assert!(error.to_string().contains("datagram 1, of 70000 bytes"), "counted from 0: {error}");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "sendmmsg")]
    pub fn send_batch(&self, datagrams: &[Outgoing<'_>]) -> Result<()> {
        self.view().send_batch(datagrams)
    }

    /// As [`send_batch`](Self::send_batch), with the same control messages beside each datagram: a TTL, a source address.
    ///
    /// # Errors
    /// As there, and as [`sendmsg`](Self::sendmsg) for the control messages.
    ///
    /// ```
    /// use shotclock::{ControlMessage, Family, Kind, Outgoing, Socket};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// let to = socket.getsockname()?;
    /// socket.send_batch_with(&[Outgoing::to(b"one", &to), Outgoing::to(b"two", &to)], &[ControlMessage::Ttl(3)])?;
    /// assert_eq!((socket.recv(9)?, socket.recv(9)?), (b"one".into(), b"two".into()));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn send_batch_with<'c>(&self, datagrams: &[Outgoing<'_>], ancillary: impl Into<Ancillary<'c>>) -> Result<()> {
        self.view().send_batch_with(datagrams, ancillary)
    }

    /// Receives as many datagrams as there are, up to what `batch` has room for, by one call of the system (recvmmsg(2)), and
    /// says how many. It waits, once, until there is one; it never waits for more. 0 says that the socket was shut down, or,
    /// of `Kind::SEQPACKET`, that the peer has ended: empty messages with which a batch is full to its last place count as that.
    ///
    /// What `batch` held before is forgotten, also where this fails; what has come is in it, and none is lost to a limit. One
    /// that was longer than its room is cut, and says so itself ([`Datagram::is_cut`](crate::Datagram::is_cut)). A batch that
    /// [joins](RecvBatch::joining) has the system join datagrams. Source: recvmmsg(2), udp(7).
    ///
    /// # Errors
    /// A socket of a stream; a limit; the system's, such as ECONNREFUSED for what a datagram that was sent has met.
    ///
    /// ```
    /// use shotclock::{Family, Kind, RecvBatch, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"one")?;
    /// one.send(b"two")?;
    /// let mut batch = RecvBatch::new(8, 100)?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recv_batch(&mut batch)?, 2);
    /// assert!(batch.iter().map(|datagram| datagram.data()).eq([&b"one"[..], b"two"]));
    /// assert!(other.within(Duration::from_millis(10)).recv_batch(&mut batch).unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "recvmmsg")]
    pub fn recv_batch(&self, batch: &mut RecvBatch) -> Result<usize> {
        self.view().recv_batch(batch)
    }

    /// Sees to it, before the first batch, that the socket is one of datagrams, and that they are joined if the batch wants
    /// that.
    fn prepare_for(&self, batch: &RecvBatch) -> Result<()> {
        let facts = Beside::DATAGRAMS | if batch.joins() { Beside::JOINS } else { 0 };
        if self.has_noted(facts) && !self.gate.is_closed() {
            return Ok(());
        }
        self.expect_datagrams("recv_batch")?;
        if batch.joins() {
            ops::join_datagrams(self.borrow()).map_err(|errno| Error::system("recv_batch", errno))?;
        }
        self.beside.get_or_init(Box::default).note(facts);
        Ok(())
    }

    /// Whether the system cuts apart what this socket sends. Once it does, only a program that sets options can change that:
    /// this one by its calls here, which are noted, or whoever else has the open file, for whom it is asked each time.
    fn can_segment(&self) -> bool {
        let is_ours_alone = self.gate.is_sole_owner();
        if is_ours_alone && self.has_noted(Beside::CUTS) {
            return true;
        }
        let can_segment = batch::can_segment(self.borrow());
        if can_segment && is_ours_alone {
            self.beside.get_or_init(Box::default).note(Beside::CUTS);
        }
        can_segment
    }

    /// Whether this was noted, and the program has set no options since that could change it.
    fn has_noted(&self, facts: u8) -> bool {
        self.beside.get().is_some_and(|beside| beside.knows(facts) && !beside.knows(Beside::SETS_OPTIONS))
    }

    /// A stream's bytes have no boundaries: parts of what a batch sends would be lost in it.
    fn expect_datagrams(&self, operation: &'static str) -> Result<()> {
        if self.gate.is_closed() {
            return Err(Error::new(operation, Reason::Closed));
        }
        if !self.gate.is_stream() && self.kind().map_err(|error| error.during(operation))? != Kind::STREAM {
            return Ok(());
        }
        Err(Error::invalid(operation, "a socket of a stream: expected one of datagrams; a stream has sendall and recv"))
    }
}

impl Timed<'_> {
    /// Sends all of these datagrams; see [`Socket::send_batch`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Outgoing, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.within(Duration::from_secs(5)).send_batch(&[Outgoing::from(&b"one"[..]), Outgoing::from(&b"two"[..])])?;
    /// assert_eq!((other.recv(9)?, other.recv(9)?), (b"one".into(), b"two".into()));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn send_batch(&self, datagrams: &[Outgoing<'_>]) -> Result<()> {
        self.send_beside(datagrams, &ControlBuffer::NONE)
    }

    /// Sends all of these datagrams, with the same control messages each; see [`Socket::send_batch_with`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{ControlMessage, Family, Kind, Outgoing, Socket};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// let to = socket.getsockname()?;
    /// let view = socket.within(Duration::from_secs(5));
    /// view.send_batch_with(&[Outgoing::to(b"one", &to)], &[ControlMessage::Ttl(3)])?;
    /// assert_eq!(view.recv(9)?, b"one");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn send_batch_with<'c>(&self, datagrams: &[Outgoing<'_>], ancillary: impl Into<Ancillary<'c>>) -> Result<()> {
        let ancillary = ancillary.into();
        let control = ancillary.control("send_batch")?;
        self.send_beside(datagrams, control).map_err(|error| ancillary.explain(error))
    }

    fn send_beside(&self, datagrams: &[Outgoing<'_>], control: &ControlBuffer) -> Result<()> {
        if datagrams.is_empty() {
            return Err(Error::invalid("send_batch", "a batch of 0 datagrams: expected 1 or more"));
        }
        #[cfg(target_os = "linux")]
        if self.flags.contains(MessageFlags::MORE) {
            let text = "MSG_MORE makes one datagram of all: expected none; the parts of one datagram go by sendmsg";
            return Err(Error::invalid("send_batch", text));
        }
        // It is asked of UDP's sockets alone, and so says as well that this is no stream.
        let can_segment = self.socket.can_segment();
        if !can_segment || self.socket.gate.is_closed() {
            self.socket.expect_datagrams("send_batch")?;
        }
        let batch = ops::BatchToSend::new(datagrams, self.flags, Some(can_segment)).with_control(control);
        let mut op = ops::SendBatch { fd: self.fd(), batch };
        let Err(error) = run("send_batch", &mut op, &self.sending()) else { return Ok(()) };
        Err(self.name_datagram(error, &op.batch).moved_datagrams(op.batch.sent, op.batch.bytes))
    }

    /// Names the datagram that did not go. Not in a would-block, of which event loops see many.
    #[cold]
    fn name_datagram(&self, error: Error, batch: &ops::BatchToSend<'_>) -> Error {
        let Some((index, next)) = batch.next().filter(|_| !error.is_would_block() && !error.is_closed()) else {
            return error;
        };
        let which = format!("datagram {index}, of {} bytes", next.data.len());
        if let Some(to) = next.address {
            return self.socket.explain_family(error, to).to(format_args!("{to} ({which})"));
        }
        let error = self.name_peer(error);
        let named = error.target().map(|peer| format!("{peer} ({which})"));
        error.to(named.unwrap_or(which))
    }

    /// Receives as many datagrams as there are; see [`Socket::recv_batch`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, RecvBatch, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut batch = RecvBatch::new(8, 100)?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recv_batch(&mut batch)?, 1);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recv_batch(&self, batch: &mut RecvBatch) -> Result<usize> {
        batch.clear();
        self.refuse_flags("recv_batch")?;
        self.socket.prepare_for(batch)?;
        let mut op = ops::ReceiveBatch { fd: self.fd(), into: batch, flags: self.flags };
        run("recv_batch", &mut op, &self.limit).map_err(|error| self.name_peer(error))
    }
}
