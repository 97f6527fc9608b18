//! [`SharedSocket`]: a socket that several owners share, with std's traits.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::Socket;
use crate::sys::{AsHandle, AsRawHandle, BorrowedHandle, RawHandle};

/// A socket that several owners share: an [`Arc`] of one, with std's `Read` and `Write`, for libraries that want to own what
/// they read from (TLS streams, `BufReader`), in threads of their own. A clone is the same socket: one timeout, one close.
///
/// The traits cannot be had for `Arc<Socket>` itself: both the type and they are std's. The connection ends with
/// [`close`](Socket::close), or when the last clone is dropped. [`Socket::dup`] makes another descriptor instead, with a
/// timeout of its own.
///
/// ```
/// use shotclock::{Family, Kind, SharedSocket, socketpair};
/// use std::io::{BufRead, BufReader, Write};
/// use std::{thread, time::Duration};
///
/// let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let mut ours = SharedSocket::from(ours);
/// ours.set_timeout(Duration::from_secs(5)); // of all the clones
/// let reader = BufReader::new(ours.clone());
/// let answers = thread::spawn(move || reader.lines().next());
/// writeln!(ours, "a question")?;
/// assert_eq!(theirs.recv(100)?, b"a question\n");
/// theirs.sendall(b"an answer\n")?;
/// assert_eq!(answers.join().unwrap().unwrap()?, "an answer");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone)]
pub struct SharedSocket(Arc<Socket>);

impl Deref for SharedSocket {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.0
    }
}

impl From<Socket> for SharedSocket {
    fn from(socket: Socket) -> Self {
        Self(Arc::new(socket))
    }
}

impl From<Arc<Socket>> for SharedSocket {
    fn from(socket: Arc<Socket>) -> Self {
        Self(socket)
    }
}

impl From<SharedSocket> for Arc<Socket> {
    fn from(socket: SharedSocket) -> Self {
        socket.0
    }
}

impl AsHandle for SharedSocket {
    fn as_fd(&self) -> BorrowedHandle<'_> {
        self.0.as_fd()
    }
}

impl AsRawHandle for SharedSocket {
    fn as_raw_fd(&self) -> RawHandle {
        self.0.as_raw_fd()
    }
}

impl fmt::Debug for SharedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
