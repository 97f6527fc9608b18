//! The files that a socket makes. Here and not beside its other methods: sockets know nothing of files.

use super::{SocketFile, SocketReader, SocketWriter};
use crate::error::Result;
use crate::socket::Socket;

impl Socket {
    /// A buffered file over the socket, to be read and written. Source: Python's `socket.makefile`.
    ///
    /// The file borrows the socket; [`SocketFile::new`] makes one of an `Arc<Socket>`, which the two share, of a
    /// `Socket`, which the file then owns, or of a view, whose limit then holds for the file.
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
