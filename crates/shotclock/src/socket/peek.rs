//! Looking at what is there, and leaving it: `peek`.

use super::{Socket, Timed};
use crate::addr::Address;
use crate::constant::MessageFlags;
use crate::error::Result;

impl Socket {
    /// Looks at what would be received next, into `buffer`, and leaves it in the queue; says how many bytes. Waits if nothing
    /// is there. Zero: the peer has ended the data, or sent an empty datagram. Source: recv(2), `MSG_PEEK`; std's `peek`.
    ///
    /// # Errors
    /// As [`recv_into`](Self::recv_into): a timeout when the limit passes, the system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"GET /")?;
    /// let mut first = [0; 3];
    /// assert_eq!((other.peek(&mut first)?, &first), (3, b"GET"));
    /// assert_eq!(other.recv(100)?, b"GET /", "it was only looked at");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.view().peek(buffer)
    }

    /// Looks at the next datagram, and at who sent it, and leaves it in the queue. Source: recvfrom(2), `MSG_PEEK`; std's
    /// `peek_from`.
    ///
    /// # Errors
    /// As [`recvfrom_into`](Self::recvfrom_into): a timeout when the limit passes, the system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// socket.sendto(b"hello", socket.getsockname()?)?;
    /// let mut buffer = [0; 100];
    /// assert_eq!(socket.peek_from(&mut buffer)?, (5, Some(socket.getsockname()?)));
    /// assert_eq!(socket.recv(100)?, b"hello", "it was only looked at");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn peek_from(&self, buffer: &mut [u8]) -> Result<(usize, Option<Address>)> {
        self.view().peek_from(buffer)
    }
}

impl Timed<'_> {
    /// Looks at what would be received next; see [`Socket::peek`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert!(ours.within(Duration::from_millis(10)).peek(&mut [0; 9]).unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        let seen = self.with_flags(MessageFlags::PEEK).recv_into(buffer);
        seen.map_err(|error| error.during("peek"))
    }

    /// Looks at the next datagram, and at who sent it; see [`Socket::peek_from`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// one.send(b"hello")?;
    /// assert_eq!(other.within(Duration::from_secs(5)).peek_from(&mut [0; 9])?.0, 5);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn peek_from(&self, buffer: &mut [u8]) -> Result<(usize, Option<Address>)> {
        let seen = self.with_flags(MessageFlags::PEEK).recvfrom_into(buffer);
        seen.map_err(|error| error.during("peek_from"))
    }
}
