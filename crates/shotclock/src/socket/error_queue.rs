//! A socket's error queue.

use super::Socket;
use super::view::Timed;
use crate::ancillary::{ControlMessage, Message, QueuedMessage};
use crate::constant::MessageFlags;
use crate::error::Result;

/// Bytes of control messages of one entry: the error with its offender is 64 of them, timestamps are another 64, and
/// the statistics that some ask for with those are some hundreds.
const ROOM: usize = 2048;

impl Socket {
    /// Receives an entry of the socket's error queue, with up to `size` bytes of what it is about: errors of the network
    /// (with `RECVERR`), timestamps of what was sent, notifications of zero-copy sends. Waits for one by the socket's
    /// timeout; ordinary data does not end that. Only on Linux. Source: ip(7), recvmsg(2), MSG_ERRQUEUE.
    ///
    /// What the system reports to poll(2) and is not in the queue (an error that a `recv` would raise, a connection that is
    /// over) makes this look every 32 ms.
    ///
    /// # Errors
    /// The system's, that the timeout has passed, or no memory for `size` bytes.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, SocketOption};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// socket.setsockopt(SocketOption::RECVERR, true)?;
    /// socket.set_timeout(Duration::from_secs(5));
    /// // Nobody listens on this port: ICMP says so, of each datagram.
    /// let nobody = Socket::new(Family::INET, Kind::DGRAM)?;
    /// nobody.bind(([127, 0, 0, 1], 0))?;
    /// let address = nobody.getsockname()?;
    /// drop(nobody);
    /// socket.sendto(b"anybody?", address)?;
    /// let entry = socket.recv_error_queue(100)?;
    /// assert_eq!(entry.destination, Some(address));
    /// assert!(entry.error.to_string().starts_with("port unreachable (ICMP type 3, code 3) from 127.0.0.1"));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "MSG_ERRQUEUE")]
    pub fn recv_error_queue(&self, size: usize) -> Result<QueuedMessage> {
        self.view().recv_error_queue(size)
    }
}

impl Timed<'_> {
    /// Receives an entry of the error queue; see [`Socket::recv_error_queue`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// use std::time::Duration;
    /// let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    /// assert!(socket.within(Duration::from_millis(10)).recv_error_queue(0).unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn recv_error_queue(&self, size: usize) -> Result<QueuedMessage> {
        let message = self.with_flags(MessageFlags::ERRQUEUE).recvmsg(size, ROOM);
        let Message { data, mut ancillary, flags, address } =
            message.map_err(|error| error.during("recv_error_queue"))?;
        let mut error = None;
        ancillary.retain(|message| match message {
            ControlMessage::Error(found) if error.is_none() => {
                error = Some(*found);
                false
            }
            _ => true,
        });
        Ok(QueuedMessage { error: error.unwrap_or_default(), data, destination: address, ancillary, flags })
    }
}
