//! Conversions from and to descriptors.

use super::Socket;
use crate::sys::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle, timeouts};
#[cfg(unix)]
use crate::sys::{IntoRawHandle, from_raw_handle};

impl AsHandle for Socket {
    #[inline]
    fn as_fd(&self) -> BorrowedHandle<'_> {
        // A borrower may duplicate it or send it to another process, and O_NONBLOCK may be changed through the copy.
        self.gate.set_shared();
        self.borrow()
    }
}

impl AsRawHandle for Socket {
    fn as_raw_fd(&self) -> RawHandle {
        self.as_fd().as_raw_fd()
    }
}

/// The socket is put into non-blocking mode when a call first needs it. A descriptor that is no socket gives errors
/// that say so, call by call.
///
/// A timeout that the system keeps for it (`SO_RCVTIMEO`, `SO_SNDTIMEO`, which std's `set_read_timeout` and
/// `set_write_timeout` set) becomes the socket's, each for its direction: a call here never waits longer than it would have
/// there. Without any the socket has the default timeout. Whether the descriptor was in non-blocking mode is not taken
/// over, since whoever shares the open file may have set that; say [`Socket::set_nonblocking`].
impl From<OwnedHandle> for Socket {
    fn from(fd: OwnedHandle) -> Self {
        let socket = Self::adopt(fd);
        let [receiving, sending] = timeouts::of_both(socket.borrow());
        if receiving == sending {
            receiving.into_iter().for_each(|timeout| socket.set_timeout(timeout));
        } else {
            receiving.into_iter().for_each(|timeout| socket.set_read_timeout(timeout));
            sending.into_iter().for_each(|timeout| socket.set_write_timeout(timeout));
        }
        match socket.kind() {
            Ok(kind) => socket.of_kind(kind),
            Err(_) => socket,
        }
    }
}

#[cfg(unix)]
from_raw_handle!(
    /// As `From<OwnedFd>`, for a descriptor that is known by its number.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
    /// let number = OwnedFd::from(Socket::new(Family::INET, Kind::DGRAM)?).into_raw_fd();
    /// // SAFETY: it was given up just now, and is nobody else's.
    /// let again = unsafe { Socket::from_raw_fd(number) };
    /// assert_eq!(again.fileno(), number);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    Socket
);

/// The descriptor's number, in blocking mode, and nobody closes it any more; see [`Socket::detach`], which gives an
/// `OwnedFd`.
///
/// ```
/// use shotclock::{Family, Kind, Socket};
/// use std::os::fd::IntoRawFd;
/// let socket = Socket::new(Family::INET, Kind::STREAM)?;
/// let number = socket.fileno();
/// assert_eq!(socket.into_raw_fd(), number);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[cfg(unix)]
impl IntoRawHandle for Socket {
    fn into_raw_fd(self) -> RawHandle {
        self.detach().into_raw_fd()
    }
}

/// The descriptor is in blocking mode; see [`Socket::detach`].
impl From<Socket> for OwnedHandle {
    fn from(socket: Socket) -> Self {
        socket.detach()
    }
}
