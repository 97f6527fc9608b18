//! Sockets made with more said than usual: pairs with a protocol, bare ones; and the flag of the open file.

use super::{Socket, not_made};
use crate::constant::{Family, Kind, Protocol};
use crate::error::Result;
use crate::sys::socket;

impl Socket {
    /// Two connected sockets of this protocol; see [`socketpair`](crate::socketpair). Source: socketpair(2).
    ///
    /// # Errors
    /// As there; EPROTONOSUPPORT for a protocol that the family does not have.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Protocol, Socket};
    /// let (one, other) = Socket::pair(Family::UNIX, Kind::SEQPACKET, Protocol::DEFAULT)?;
    /// one.send(b"a message")?;
    /// assert_eq!(other.recv(100)?, b"a message");
    /// assert!(Socket::pair(Family::UNIX, Kind::STREAM, Protocol::TCP).is_err());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn pair(family: Family, kind: Kind, protocol: Protocol) -> Result<(Self, Self)> {
        let pair = socket::socketpair(family.0, kind.0, protocol.0);
        let (one, other) = pair.map_err(|errno| not_made("socketpair", errno, family, kind, protocol))?;
        Ok((Self::born(one, kind == Kind::STREAM), Self::born(other, kind == Kind::STREAM)))
    }

    /// A socket with just the flags that stand in `kind`: inherited by programs that this process starts, and blocking, unless
    /// [`Kind::close_on_exec`] and [`Kind::nonblocking`] say otherwise. For descriptors that are handed on.
    ///
    /// The calls here do not block longer on it than on any other: those that need O_NONBLOCK (`accept`, `connect`, `sendfile`)
    /// set it, the others say MSG_DONTWAIT. Source: socket(2).
    ///
    /// Only on: `unix`.
    ///
    /// # Errors
    /// As for [`Socket::new`].
    ///
    /// ```
    /// use shotclock::{Family, Kind, Protocol, Socket};
    /// let socket = Socket::new_raw(Family::INET, Kind::STREAM, Protocol::TCP)?;
    /// assert!(socket.get_inheritable()? && !socket.is_file_nonblocking()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn new_raw(family: Family, kind: Kind, protocol: Protocol) -> Result<Self> {
        let made = socket::socket_of(family.0, kind.0, protocol.0);
        let made = made.map_err(|errno| not_made("socket", errno, family, kind, protocol))?;
        Ok(Self::adopt(made).of_kind(kind.without_flags()))
    }

    /// Two connected sockets with just the flags that stand in `kind`; see [`Socket::new_raw`]. Source: socketpair(2).
    ///
    /// Only on: `unix`.
    ///
    /// # Errors
    /// As for [`Socket::pair`].
    ///
    /// ```
    /// use shotclock::{Family, Kind, Protocol, Socket};
    /// let (ours, a_childs) = Socket::pair_raw(Family::UNIX, Kind::STREAM, Protocol::DEFAULT)?;
    /// ours.set_inheritable(false)?;
    /// assert!(a_childs.get_inheritable()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn pair_raw(family: Family, kind: Kind, protocol: Protocol) -> Result<(Self, Self)> {
        let pair = socket::socketpair_of(family.0, kind.0, protocol.0);
        let (one, other) = pair.map_err(|errno| not_made("socketpair", errno, family, kind, protocol))?;
        let kind = kind.without_flags();
        Ok((Self::adopt(one).of_kind(kind), Self::adopt(other).of_kind(kind)))
    }

    /// Whether O_NONBLOCK is set on the open file, which duplicates and child processes share. The calls here are the same
    /// either way; [`is_blocking`](Self::is_blocking) tells of them. Source: fcntl(2), `F_GETFL`.
    ///
    /// Only on: `unix`.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::Socket;
    /// let theirs = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    /// assert!(!Socket::fromfd(&theirs)?.is_file_nonblocking()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn is_file_nonblocking(&self) -> Result<bool> {
        self.checked("fcntl", socket::is_nonblocking)
    }

    /// Sets or clears O_NONBLOCK on the open file, for whoever else has it: who took a socket by [`fromfd`](Self::fromfd) on
    /// which others block gives it back so, without giving up his own. Source: fcntl(2), `F_SETFL`.
    ///
    /// The calls here are the same either way, and end in time. But `accept`, `connect` and `sendfile` have no flag of their
    /// own against waiting, and set it again.
    ///
    /// Only on: `unix`.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Socket, Timeout};
    /// use std::net::{TcpListener, TcpStream};
    /// let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
    /// let ours = Socket::fromfd(&theirs)?;
    /// ours.set_timeout(Timeout::ZERO);
    /// assert!(ours.accept().unwrap_err().is_would_block());
    /// assert!(ours.is_file_nonblocking()?, "their accept would not wait any more");
    /// ours.set_file_nonblocking(false)?;
    /// let _client = TcpStream::connect(theirs.local_addr().unwrap()).unwrap();
    /// theirs.accept().unwrap();
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn set_file_nonblocking(&self, nonblocking: bool) -> Result<()> {
        // Before it is so: no call may rely on O_NONBLOCK in between.
        self.gate.set_shared();
        self.checked("fcntl", |fd| socket::set_nonblocking(fd, nonblocking))
    }
}
