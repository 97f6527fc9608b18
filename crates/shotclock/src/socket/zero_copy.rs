//! [`ZeroCopy`]: sends out of memory that the system does not copy.

use std::ops::{Bound, Deref, DerefMut, RangeBounds};

use super::{Socket, Timed};
use crate::error::{Error, Reason, Result};
use crate::ops::{SendInPlace, Unfinished};
use crate::sys::zero_copy::{self, Pages};
use crate::wait::run;

/// The operation's name in errors.
const SEND: &str = "sendall";

/// Memory to send from without a copy, in whole pages of its own: bytes to read and write, as a `Vec<u8>` has them.
///
/// Why not any `&[u8]`: the system goes on reading what it sends until the peer's system has acknowledged it, which may be
/// long after a limit has passed, when the bytes would be the caller's again. These pages can then be taken away from both
/// sides: the system keeps them, and the buffer has a copy on others.
///
/// ```
/// let mut buffer = shotclock::PageBuffer::new(1 << 20)?;
/// buffer[..5].copy_from_slice(b"hello");
/// assert_eq!((buffer.len(), &buffer[..6]), (1 << 20, &b"hello\0"[..]));
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Debug)]
pub struct PageBuffer {
    /// None only where there was no memory for a copy.
    pages: Option<Pages>,
}

impl PageBuffer {
    /// `len` bytes, all zero, 1 or more.
    ///
    /// # Errors
    /// A length of 0; no memory.
    ///
    /// ```
    /// use shotclock::PageBuffer;
    /// assert!(PageBuffer::new(4096)?.iter().all(|byte| *byte == 0));
    /// assert_eq!(PageBuffer::new(0).unwrap_err().to_string(), "PageBuffer: a length of 0: expected 1 or more bytes");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn new(len: usize) -> Result<Self> {
        if len == 0 {
            return Err(Error::invalid("PageBuffer", "a length of 0: expected 1 or more bytes"));
        }
        let no_memory = |_| Error::new("PageBuffer", Reason::OutOfMemory(format!("no memory for {len} bytes")));
        Ok(Self { pages: Some(Pages::new(len).map_err(no_memory)?) })
    }

    /// Leaves the pages to the system, and goes on with a copy of them.
    #[cold]
    fn leave_to_the_system(&mut self) {
        let copy = self.pages.as_ref().and_then(|pages| {
            let mut copy = Pages::new(pages.bytes().len()).ok()?;
            copy.bytes_mut().copy_from_slice(pages.bytes());
            Some(copy)
        });
        self.pages = copy;
    }
}

impl Deref for PageBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.pages.as_ref().map_or(&[], Pages::bytes)
    }
}

impl DerefMut for PageBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.pages.as_mut().map_or(&mut [], Pages::bytes_mut)
    }
}

/// Sends without a copy on one stream, made by [`Socket::zero_copy`].
///
/// ```
/// use shotclock::{PageBuffer, create_connection, create_server};
/// use std::time::Duration;
/// let listener = create_server(("127.0.0.1", 0))?;
/// let client = create_connection(listener.getsockname()?, Duration::from_secs(5))?;
/// let (server, _) = listener.accept()?;
///
/// let mut buffer = PageBuffer::new(1 << 16)?;
/// let mut sender = client.within(Duration::from_secs(5)).zero_copy()?;
/// for round in 0..3 {
///     buffer.fill(round); // It is free: the call before returned.
///     sender.sendall(&mut buffer, ..)?;
///     assert_eq!(server.recv(1)?, [round]);
///     server.recv_exact(&mut [0; (1 << 16) - 1])?;
/// }
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Debug)]
pub struct ZeroCopy<'s> {
    view: Timed<'s>,
    /// Whether the system can.
    in_place: bool,
    unfinished: Unfinished,
}

impl ZeroCopy<'_> {
    /// Sends these bytes of the buffer where they are (MSG_ZEROCOPY), and returns once the system has done with them, so that
    /// the buffer can be written again: of TCP, once the peer's system has acknowledged them.
    ///
    /// The view's limits and the thread's scopes bound all of it, the wait for the system's reports included. Where one passes
    /// while the system has the bytes still, it keeps the pages, and the buffer goes on with a copy of them on others: whatever
    /// is written to it then, what is sent is what was there. The error's `bytes_moved()` bytes will arrive all the same if the
    /// connection lives: go on with the rest. (Without memory for the copy the buffer is empty then.)
    ///
    /// It pays from some 10 KB on: reports cost system calls. Where the system cannot, or has no memory for it, the bytes are
    /// copied; see [`is_copied`](Self::is_copied). Source: the kernel's Documentation/networking/msg_zerocopy.rst.
    ///
    /// # Errors
    /// A range beyond the buffer; a limit; the system's, such as ECONNRESET for a connection that fails while the bytes are on
    /// their way.
    ///
    /// ```
    /// use shotclock::{PageBuffer, create_connection, create_server};
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let client = create_connection(listener.getsockname()?, Duration::from_secs(5))?;
    /// let mut buffer = PageBuffer::new(1 << 26)?;
    /// let mut sender = client.within(Duration::from_millis(100)).zero_copy()?;
    /// let error = sender.sendall(&mut buffer, ..).unwrap_err(); // Nobody receives.
    /// assert!(error.is_timeout() && error.bytes_moved() > 0);
    /// buffer.fill(1); // Ours again, and nothing of it is sent.
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "MSG_ZEROCOPY")]
    pub fn sendall(&mut self, buffer: &mut PageBuffer, range: impl RangeBounds<usize>) -> Result<()> {
        let len = buffer.len();
        let begin = match range.start_bound() {
            Bound::Included(begin) => *begin,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => len,
        };
        let Some(from) = buffer.get(begin..end) else {
            return Err(Error::invalid(
                SEND,
                format!("bytes {begin} to {end} of a buffer of {len}: expected a range in it"),
            ));
        };
        let mut op = SendInPlace {
            fd: self.view.fd(),
            from,
            flags: self.view.flags.0,
            unfinished: &mut self.unfinished,
            in_place: self.in_place,
            sent: 0,
        };
        let outcome = run(SEND, &mut op, &self.view.sending());
        let sent = op.sent as u64;
        if self.unfinished.sends > 0 {
            buffer.leave_to_the_system();
        }
        outcome.map_err(|error| self.view.name_peer(error.moved(sent)))
    }

    /// Whether the system has copied bytes of this sender's after all: over loopback it does, and over interfaces that gather
    /// nothing. Then a plain `sendall` costs less.
    ///
    /// ```
    /// use shotclock::{PageBuffer, create_connection, create_server};
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let client = create_connection(listener.getsockname()?, Duration::from_secs(5))?;
    /// let mut sender = client.within(Duration::from_secs(5)).zero_copy()?;
    /// sender.sendall(&mut PageBuffer::new(1 << 14)?, ..)?;
    /// assert!(sender.is_copied(), "loopback");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn is_copied(&self) -> bool {
        !self.in_place || self.unfinished.is_copied
    }
}

impl Drop for ZeroCopy<'_> {
    fn drop(&mut self) {
        // Reports that are yet to come would be counted as those of the next one: that is refused.
        if self.in_place && self.unfinished.sends == 0 {
            let _it_may_be_closed = zero_copy::allow(self.view.fd(), false);
        }
    }
}

impl Socket {
    /// Sends without a copy, under the socket's own limits: see [`ZeroCopy::sendall`], and [`Timed::zero_copy`] for other
    /// limits. One at a time, of a stream; reports of the system's that are in the socket's error queue meanwhile, of other
    /// things, are taken and dropped. Source: the kernel's Documentation/networking/msg_zerocopy.rst.
    ///
    /// # Errors
    /// A socket of messages, or closed; one that sends without a copy already (SO_ZEROCOPY is set): by another hand, by a
    /// `ZeroCopy` that lives, or by one that went while the system had bytes still.
    ///
    /// ```
    /// use shotclock::{PageBuffer, create_connection, create_server};
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let client = create_connection(listener.getsockname()?, Duration::from_secs(5))?;
    /// let sender = client.zero_copy()?;
    /// assert!(client.zero_copy().is_err(), "one at a time");
    /// drop(sender);
    /// client.zero_copy()?.sendall(&mut PageBuffer::new(100)?, ..)?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "SO_ZEROCOPY")]
    pub fn zero_copy(&self) -> Result<ZeroCopy<'_>> {
        self.view().zero_copy()
    }
}

impl<'s> Timed<'s> {
    /// Sends without a copy, under this view's limits; see [`Socket::zero_copy`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{PageBuffer, create_connection, create_server};
    /// use std::time::Duration;
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let client = create_connection(listener.getsockname()?, Duration::from_secs(5))?;
    /// client.within(Duration::from_secs(5)).zero_copy()?.sendall(&mut PageBuffer::new(100)?, ..50)?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn zero_copy(&self) -> Result<ZeroCopy<'s>> {
        const WHAT: &str = "zero_copy";
        self.socket.expect_stream(WHAT)?;
        // Where the system or the family has no such thing, the bytes are copied.
        let unless_closed = |error: Error| if error.is_closed() { Err(error) } else { Ok(false) };
        if self.socket.checked(WHAT, zero_copy::is_allowed).or_else(unless_closed)? {
            let text = "SO_ZEROCOPY is set: expected a socket on which nobody sends without a copy";
            return Err(Error::invalid(WHAT, text));
        }
        let allowed = self.socket.checked(WHAT, |fd| zero_copy::allow(fd, true).map(|()| true));
        let in_place = allowed.or_else(unless_closed)?;
        Ok(ZeroCopy { view: *self, in_place, unfinished: Unfinished::default() })
    }
}
