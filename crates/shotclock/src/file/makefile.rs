//! The files that a socket and its views make. Here and not beside their other methods: sockets know nothing of files.

use super::{SocketFile, SocketReader, SocketWriter};
use crate::error::Result;
use crate::socket::{Socket, Timed};

impl Socket {
    /// A buffered file over the socket, to be read and written. Source: Python's `socket.makefile`.
    ///
    /// The file borrows the socket. [`SocketFile::new`] makes one of a `Socket`, which the file then owns, or of a
    /// [`SharedSocket`](crate::SharedSocket) or `Arc<Socket>`, which the two share; [`Timed::makefile`] one with a limit for all
    /// that is done with it.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::io::{BufRead, Write};
    ///
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let mut file = one.makefile()?;
    /// file.write_all(b"hello\n").unwrap();
    /// file.flush().unwrap();
    /// assert_eq!(other.makefile_reader()?.lines().next().unwrap().unwrap(), "hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn makefile(&self) -> Result<SocketFile<&Self>> {
        SocketFile::new(self)
    }

    /// A buffered file over the socket, to be read: Python's `makefile("rb")`.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"a line\n")?;
    /// assert_eq!(other.makefile_reader()?.readline()?, b"a line\n");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn makefile_reader(&self) -> Result<SocketReader<&Self>> {
        SocketReader::new(self)
    }

    /// A buffered file over the socket, to be written: Python's `makefile("wb")`.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::io::Write;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let mut writer = one.makefile_writer()?;
    /// write!(writer, "{} {}", "two", "words").unwrap();
    /// writer.close()?;
    /// assert_eq!(other.recv(100)?, b"two words");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn makefile_writer(&self) -> Result<SocketWriter<&Self>> {
        SocketWriter::new(self)
    }
}

impl Timed<'_> {
    /// A buffered file over the socket, to be read and written, for which this view's limits hold: a deadline is one for all
    /// that is done with the file, beside the socket's timeout for each call. See [`Socket::makefile`].
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, LimitKind, socketpair};
    /// use std::time::Duration;
    /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.sendall(b"220 ready\r\n")?;
    /// other.set_timeout(Duration::from_secs(5)); // for each line
    /// let mut session = other.within(Duration::from_millis(20)).makefile()?; // for all of them
    /// assert_eq!(session.readline()?, b"220 ready\r\n");
    /// assert_eq!(session.readline().unwrap_err().limit(), Some(LimitKind::CallDeadline));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn makefile(self) -> Result<SocketFile<Self>> {
        SocketFile::new(self)
    }

    /// A buffered file over the socket, to be read, for which this view's limits hold; see [`Socket::makefile_reader`].
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::time::Duration;
    /// let (_silent, other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let mut reader = other.within(Duration::from_millis(10)).makefile_reader()?;
    /// assert!(reader.readline().unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn makefile_reader(self) -> Result<SocketReader<Self>> {
        SocketReader::new(self)
    }

    /// A buffered file over the socket, to be written, for which this view's limits hold; see [`Socket::makefile_writer`].
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// use std::{io::Write, time::Duration};
    /// let (one, _never_reads) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let mut writer = one.within(Duration::from_millis(10)).makefile_writer()?;
    /// assert!(writer.write_all(&[0; 1 << 22]).is_err());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn makefile_writer(self) -> Result<SocketWriter<Self>> {
        SocketWriter::new(self)
    }
}
