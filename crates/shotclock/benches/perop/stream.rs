//! One send and one recv, alike for all variants.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use shotclock::Socket;

use crate::TIMEOUT;
use crate::by_libc::LibcSocket;

/// A connected socket. What fails gives anything but the number of bytes.
pub(crate) trait Stream {
    fn send(&self, data: &[u8]) -> usize;
    fn recv(&self, into: &mut [u8]) -> usize;
}

/// A blocking descriptor's new owner, with its timeouts set, if it has any.
pub(crate) trait Armed {
    fn armed(fd: OwnedFd) -> Self;
}

impl Armed for LibcSocket {
    fn armed(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl Stream for LibcSocket {
    #[inline]
    fn send(&self, data: &[u8]) -> usize {
        Self::send(self, data)
    }

    #[inline]
    fn recv(&self, into: &mut [u8]) -> usize {
        Self::recv(self, into)
    }
}

impl Armed for Socket {
    fn armed(fd: OwnedFd) -> Self {
        let socket = Self::from(fd);
        socket.set_timeout(TIMEOUT);
        socket
    }
}

impl Stream for Socket {
    #[inline]
    fn send(&self, data: &[u8]) -> usize {
        Self::send(self, data).unwrap_or(0)
    }

    #[inline]
    fn recv(&self, into: &mut [u8]) -> usize {
        self.recv_into(into).unwrap_or(0)
    }
}

impl Stream for UdpSocket {
    #[inline]
    fn send(&self, data: &[u8]) -> usize {
        Self::send(self, data).unwrap_or(0)
    }

    #[inline]
    fn recv(&self, into: &mut [u8]) -> usize {
        Self::recv(self, into).unwrap_or(0)
    }
}

impl Stream for TcpStream {
    #[inline]
    fn send(&self, data: &[u8]) -> usize {
        (&*self).write(data).unwrap_or(0)
    }

    #[inline]
    fn recv(&self, into: &mut [u8]) -> usize {
        (&*self).read(into).unwrap_or(0)
    }
}

impl Stream for UnixStream {
    #[inline]
    fn send(&self, data: &[u8]) -> usize {
        (&*self).write(data).unwrap_or(0)
    }

    #[inline]
    fn recv(&self, into: &mut [u8]) -> usize {
        (&*self).read(into).unwrap_or(0)
    }
}

macro_rules! std_s {
    ($($socket:ty),+) => {
        $(impl Armed for $socket {
            fn armed(fd: OwnedFd) -> Self {
                let socket = Self::from(fd);
                socket.set_read_timeout(Some(TIMEOUT)).unwrap();
                socket.set_write_timeout(Some(TIMEOUT)).unwrap();
                socket
            }
        })+
    };
}

std_s!(TcpStream, UdpSocket, UnixStream);
