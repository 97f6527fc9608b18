//! Conversions from and to descriptors and std's types, and std's traits.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
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

/// std's traits for a socket and for a shared reference to one, so that a reader and a writer may share it.
macro_rules! read_and_write {
    ($($handle:ty),*) => {
        $(
            /// `read_exact`, `read_to_end`, `read_to_string`: the timeout bounds the whole, not each part.
            impl Read for $handle {
                fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                    self.view().read(buffer)
                }

                fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                    self.view().read_vectored(buffers)
                }

                fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
                    self.view().read_exact(buffer)
                }

                fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
                    self.view().read_to_end(buffer)
                }

                fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
                    self.view().read_to_string(buffer)
                }
            }

            /// `write_all`: the timeout bounds the whole, not each part.
            impl Write for $handle {
                fn write(&mut self, data: &[u8]) -> io::Result<usize> {
                    self.view().write(data)
                }

                fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
                    self.view().write_vectored(data)
                }

                fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
                    self.view().write_all(data)
                }

                fn flush(&mut self) -> io::Result<()> {
                    Ok(())
                }
            }
        )*
    };
}

read_and_write!(Socket, &Socket);
