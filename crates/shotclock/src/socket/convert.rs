//! Conversions from and to descriptors and std's types.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use super::Socket;

impl AsFd for Socket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // Whoever borrows it may duplicate it, send it to another process, and change O_NONBLOCK by that.
        self.gate.set_shared();
        self.borrow()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The socket is put into non-blocking mode when a call first needs it. A descriptor that is no socket gives errors
/// that say so, call by call.
impl From<OwnedFd> for Socket {
    fn from(fd: OwnedFd) -> Self {
        Self::adopt(fd)
    }
}

/// The descriptor is in blocking mode; see [`Socket::detach`].
impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.detach()
    }
}

macro_rules! convert_by_descriptor {
    ($($theirs:ty),*) => {
        $(
            impl From<$theirs> for Socket {
                fn from(theirs: $theirs) -> Self {
                    Self::from(OwnedFd::from(theirs))
                }
            }

            /// In blocking mode, as that type's users expect; see [`Socket::detach`].
            impl From<Socket> for $theirs {
                fn from(socket: Socket) -> Self {
                    socket.detach().into()
                }
            }
        )*
    };
}

convert_by_descriptor!(TcpStream, TcpListener, UdpSocket, UnixStream, UnixListener, UnixDatagram);
