//! Receives into memory that is not initialized: nobody writes zeros into it first.

use std::mem::MaybeUninit;

use super::{Socket, Timed};
use crate::addr::Address;
use crate::constant::MessageFlags;
use crate::error::{Error, Result};
use crate::ops;
use crate::sys::unfilled::{self, Unfilled};

/// # Memory that is not initialized
/// std's `Read::read_buf` is not stable yet; until it is, these are its way.
impl Socket {
    /// Receives what is there into memory that need not be initialized, and gives the part that is filled. Source: recv(2).
    ///
    /// # Errors
    /// As for [`recv_into`](Self::recv_into); `InvalidInput` with [`MessageFlags::TRUNC`], with which the system tells how much
    /// there was, and not how much it wrote.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::mem::MaybeUninit;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// let mut memory = [MaybeUninit::uninit(); 1 << 16];
    /// let received: &mut [u8] = other.recv_uninit(&mut memory)?;
    /// assert_eq!(received, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "read_buf")]
    pub fn recv_uninit<'m>(&self, memory: &'m mut [MaybeUninit<u8>]) -> Result<&'m mut [u8]> {
        self.view().recv_uninit(memory)
    }

    /// Receives what is there into memory that need not be initialized, and gives the part that is filled and who sent it.
    /// Source: recvfrom(2).
    ///
    /// # Errors
    /// As for [`recv_uninit`](Self::recv_uninit).
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// use std::mem::MaybeUninit;
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// socket.sendto(b"to myself", socket.getsockname()?)?;
    /// let mut memory = [MaybeUninit::uninit(); 2048];
    /// let (received, from) = socket.recvfrom_uninit(&mut memory)?;
    /// assert_eq!((&*received, from), (&b"to myself"[..], Some(socket.getsockname()?)));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "recv_from")]
    pub fn recvfrom_uninit<'m>(&self, memory: &'m mut [MaybeUninit<u8>]) -> Result<(&'m mut [u8], Option<Address>)> {
        self.view().recvfrom_uninit(memory)
    }

    /// Receives what is there into the spare capacity of `buffer`, behind what it holds, and says how many bytes. It never
    /// grows: whoever wants more has to reserve it. Source: recv(2).
    ///
    /// # Errors
    /// As for [`recv_uninit`](Self::recv_uninit); `InvalidInput` if there is no spare capacity. After a failure `buffer` holds
    /// what it did.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let mut buffer = Vec::with_capacity(1 << 16);
    /// for text in [b"hel", &b"lo"[..]] {
    ///     one.sendall(text)?;
    ///     assert_eq!(other.recv_spare(&mut buffer)?, text.len());
    /// }
    /// assert_eq!(buffer, b"hello");
    /// assert!(other.recv_spare(&mut Vec::new()).unwrap_err().to_string().contains("reserve"));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "read_buf")]
    pub fn recv_spare(&self, buffer: &mut Vec<u8>) -> Result<usize> {
        self.view().recv_spare(buffer)
    }

    /// Receives what is there into the spare capacity of `buffer`, behind what it holds, and says how many bytes and who sent
    /// them. Source: recvfrom(2).
    ///
    /// # Errors
    /// As for [`recv_spare`](Self::recv_spare).
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut buffer = Vec::with_capacity(3);
    /// assert_eq!(other.recvfrom_spare(&mut buffer)?, (3, None), "what does not fit of a datagram is lost");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recvfrom_spare(&self, buffer: &mut Vec<u8>) -> Result<(usize, Option<Address>)> {
        self.view().recvfrom_spare(buffer)
    }
}

/// # Memory that is not initialized
impl Timed<'_> {
    /// Receives into memory that need not be initialized; see [`Socket::recv_uninit`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::{mem::MaybeUninit, time::Duration};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// let mut memory = [MaybeUninit::uninit(); 9];
    /// assert_eq!(other.within(Duration::from_secs(5)).recv_uninit(&mut memory)?, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recv_uninit<'m>(&self, memory: &'m mut [MaybeUninit<u8>]) -> Result<&'m mut [u8]> {
        if memory.is_empty() && self.socket.receives_nothing("recv")? {
            return Ok(&mut []);
        }
        let mut unfilled = Unfilled::new(memory);
        self.recv_unfilled("recv", &mut unfilled, false)?;
        Ok(unfilled.into_filled())
    }

    /// Receives into memory that need not be initialized, and tells the sender; see [`Socket::recvfrom_uninit`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::{mem::MaybeUninit, time::Duration};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// let mut memory = [MaybeUninit::uninit(); 9];
    /// assert_eq!(other.within(Duration::from_secs(5)).recvfrom_uninit(&mut memory)?.0, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recvfrom_uninit<'m>(&self, memory: &'m mut [MaybeUninit<u8>]) -> Result<(&'m mut [u8], Option<Address>)> {
        let mut unfilled = Unfilled::new(memory);
        let from = self.recv_unfilled("recvfrom", &mut unfilled, true)?;
        Ok((unfilled.into_filled(), from))
    }

    /// Receives into the spare capacity of `buffer`; see [`Socket::recv_spare`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"hello")?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recv_spare(&mut Vec::with_capacity(9))?, 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recv_spare(&self, buffer: &mut Vec<u8>) -> Result<usize> {
        self.append("recv", buffer, false).map(|(len, _)| len)
    }

    /// Receives into the spare capacity of `buffer`, and tells the sender; see [`Socket::recvfrom_spare`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// assert_eq!(other.within(Duration::from_secs(5)).recvfrom_spare(&mut Vec::with_capacity(9))?.0, 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recvfrom_spare(&self, buffer: &mut Vec<u8>) -> Result<(usize, Option<Address>)> {
        self.append("recvfrom", buffer, true)
    }

    fn append(
        &self,
        operation: &'static str,
        buffer: &mut Vec<u8>,
        asks_sender: bool,
    ) -> Result<(usize, Option<Address>)> {
        let before = buffer.len();
        if buffer.capacity() == before {
            let text = format!("the vector of {before} bytes has no spare capacity: reserve some first");
            return Err(Error::invalid(operation, text));
        }
        let from = unfilled::append(buffer, |unfilled| self.recv_unfilled(operation, unfilled, asks_sender))?;
        Ok((buffer.len() - before, from))
    }

    fn recv_unfilled(
        &self,
        operation: &'static str,
        into: &mut Unfilled<'_>,
        asks_sender: bool,
    ) -> Result<Option<Address>> {
        if self.flags.contains(MessageFlags::TRUNC) {
            let text = "MSG_TRUNC tells how much there was, and not how much is in the memory: use recv_into";
            return Err(Error::invalid(operation, text));
        }
        self.run_ready(operation, ops::RecvUnfilled { fd: self.fd(), into, flags: self.flags, asks_sender })
    }
}
