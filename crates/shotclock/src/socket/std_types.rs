//! Conversions from and to std's types, where these have descriptors.

use std::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

use super::Socket;
use crate::deadline::Timeout;
use crate::sys::socket::set_nonblocking;
use crate::sys::{AsHandle, OwnedHandle, timeouts};

/// What becomes of the socket's timeout in std's type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carries {
    /// They become the read and the write timeout.
    Timeout,
    /// It is dropped: std's listeners have no timeout.
    Nothing,
}

/// Gives up the descriptor to std, in the mode and with the timeouts that its user expects.
fn hand_over(socket: Socket, carries: Carries) -> OwnedHandle {
    let timeouts = [socket.timeout(), socket.write_timeout()];
    let never_waits = timeouts == [Timeout::ZERO; 2];
    let fd = socket.detach();
    if carries == Carries::Timeout {
        // There a time of zero is none at all. Where only one direction never waits, it waits for the shortest time there is.
        let shortest = |time: Duration| time.max(Duration::from_nanos(1));
        let carried = timeouts.map(|timeout| timeout.duration().filter(|_| !never_waits).map(shortest));
        timeouts::set_both(fd.as_fd(), carried);
    }
    if never_waits {
        let _on_a_dead_one_it_is_an_error = set_nonblocking(fd.as_fd(), true);
    }
    fd
}

macro_rules! convert_by_descriptor {
    ($($theirs:ty: $carries:ident, $how:literal;)*) => {
        $(
            /// Its timeouts come along; see `From<OwnedFd>`.
            impl From<$theirs> for Socket {
                fn from(theirs: $theirs) -> Self {
                    Self::from(OwnedHandle::from(theirs))
                }
            }

            #[doc = $how]
            impl From<Socket> for $theirs {
                fn from(socket: Socket) -> Self {
                    hand_over(socket, Carries::$carries).into()
                }
            }
        )*
    };
}

convert_by_descriptor! {
    TcpStream: Timeout, "In blocking mode, with the socket's timeouts for reading and writing. A socket that never waits (a timeout of zero)
becomes one in non-blocking mode.

```
use shotclock::Socket;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
let listener = TcpListener::bind(\"127.0.0.1:0\")?;
let theirs = TcpStream::connect(listener.local_addr()?)?;
theirs.set_read_timeout(Some(Duration::from_secs(5)))?;
theirs.set_write_timeout(Some(Duration::from_secs(2)))?;
let ours = Socket::from(theirs);
assert_eq!(ours.read_timeout().duration(), Some(Duration::from_secs(5)));
assert_eq!(ours.write_timeout().duration(), Some(Duration::from_secs(2)));
ours.set_timeout(Duration::from_secs(4)); // of both
assert_eq!(TcpStream::from(ours).read_timeout()?, Some(Duration::from_secs(4)));
# Ok::<(), std::io::Error>(())
```";
    UdpSocket: Timeout, "As for [`TcpStream`]: with the socket's timeouts for reading and writing.";
    TcpListener: Nothing, "In blocking mode, without a timeout: std's listeners have none, and their connections would inherit it. A socket that
never waits (a timeout of zero) becomes one in non-blocking mode.";
}

#[cfg(unix)]
convert_by_descriptor! {
    UnixStream: Timeout, "As for [`TcpStream`]: with the socket's timeouts for reading and writing.";
    UnixDatagram: Timeout, "As for [`TcpStream`]: with the socket's timeouts for reading and writing.";
    UnixListener: Nothing, "As for [`TcpListener`]: without a timeout, which std's listeners have not.";
}
