//! Buffered files over sockets: what Python's `makefile` gives.

mod beneath;
mod buffer;
mod handle;
mod makefile;
mod whole;

use std::fmt;
use std::io::{self, BufRead, IoSlice, Read, Write};

pub use buffer::{LINE_LIMIT, MESSAGE_LIMIT};
pub use handle::SocketHandle;

use buffer::{ReadBuffer, WriteBuffer};
use handle::FileShare;

use crate::error::Result;
use crate::socket::{formatted, no_text};

/// A buffered reader over a socket: Python's `makefile("rb")`.
///
/// Every call obeys the socket's timeout, or the view's limit, as one limit for the whole call. **No byte is lost to a
/// timeout**: a line, or what `read_exact` wants, leaves the buffer only when it is whole, so that after a timeout in
/// the middle of a line the next call gives the whole line.
///
/// ```
/// use shotclock::{Family, Kind, SocketReader, socketpair};
/// use std::time::Duration;
///
/// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
/// other.set_timeout(Duration::from_millis(10));
/// let mut reader = SocketReader::new(&other)?;
/// one.sendall(b"first li")?;
/// assert!(reader.readline().unwrap_err().is_timeout());
/// one.sendall(b"ne\nsecond")?;
/// assert_eq!(reader.readline()?, b"first line\n");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias = "BufReader")]
#[derive(Debug)]
pub struct SocketReader<S: SocketHandle> {
    socket: FileShare<S>,
    input: ReadBuffer,
}

/// A buffered writer over a socket: Python's `makefile("wb")`.
///
/// Bytes go out when the buffer (8 KiB) is full, by `flush`, by [`close`](Self::close), and when the writer is dropped:
/// then under the socket's own limit, with any error lost, and not if the last sending had failed. **No byte is lost to
/// a timeout**: the error says how many went out, the rest stays in the buffer, and `flush` goes on with it. After an
/// error of `write_all` do not write the same data again: it was taken over as a whole.
///
/// ```
/// use shotclock::{Family, Kind, SocketWriter, socketpair};
/// use std::io::Write;
///
/// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let mut writer = SocketWriter::new(&one)?;
/// writer.write_all(b"hello").unwrap();
/// assert_eq!(writer.buffered(), 5);
/// writer.close()?;
/// assert_eq!(other.recv(100)?, b"hello");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias = "BufWriter")]
#[derive(Debug)]
pub struct SocketWriter<S: SocketHandle> {
    output: WriteBuffer,
    socket: FileShare<S>,
}

/// A buffered reader and writer over a socket: Python's `makefile("rwb")`. See [`SocketReader`] and [`SocketWriter`].
///
/// ```
/// use shotclock::{Family, Kind, SocketFile, socketpair};
/// use std::io::{BufRead, Write};
/// use std::sync::Arc;
///
/// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let one = Arc::new(one);
/// let mut file = SocketFile::new(Arc::clone(&one))?;
/// one.close()?; // the file goes on
/// other.sendall(b"question\n")?;
/// assert_eq!(file.readline()?, b"question\n");
/// file.write_all(b"answer\n").unwrap();
/// file.close()?; // now the connection ends
/// assert_eq!(other.makefile_reader()?.lines().count(), 1);
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Debug)]
pub struct SocketFile<S: SocketHandle> {
    output: WriteBuffer,
    socket: FileShare<S>,
    input: ReadBuffer,
}

impl<S: SocketHandle> SocketReader<S> {
    /// A reader over a socket: a `&Socket`, a `Socket`, which it owns, a `SharedSocket` or `Arc<Socket>`, or a view with its
    /// limit.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, SocketReader, socketpair};
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.close()?;
    /// assert!(SocketReader::new(one).unwrap_err().is_closed());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn new(socket: S) -> Result<Self> {
        Ok(Self { socket: FileShare::new(socket)?, input: ReadBuffer::default() })
    }

    /// Gives up the file; the connection ends here if the socket is closed too. What was read ahead is lost.
    ///
    /// ```
    /// use shotclock::{Family, Kind, socketpair};
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// one.makefile_reader()?.close();
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn close(self) {}
}

impl<S: SocketHandle> SocketWriter<S> {
    /// A writer over a socket: a `&Socket`, a `Socket`, which it owns, a `SharedSocket` or `Arc<Socket>`, or a view with its
    /// limit.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, SocketWriter, socketpair};
    /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// assert_eq!(SocketWriter::new(one)?.buffered(), 0);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn new(socket: S) -> Result<Self> {
        Ok(Self { output: WriteBuffer::default(), socket: FileShare::new(socket)? })
    }
}

impl<S: SocketHandle> SocketFile<S> {
    /// A file over a socket: a `&Socket`, a `Socket`, which it owns, a `SharedSocket` or `Arc<Socket>`, or a view with its
    /// limit.
    ///
    /// # Errors
    /// The socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, SocketFile, socketpair};
    /// use std::time::Duration;
    /// let (one, _silent) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let mut file = SocketFile::new(one.within(Duration::from_millis(10)))?;
    /// assert!(file.readline().unwrap_err().is_timeout());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn new(socket: S) -> Result<Self> {
        Ok(Self { output: WriteBuffer::default(), socket: FileShare::new(socket)?, input: ReadBuffer::default() })
    }
}

/// The reading half, for both types that have one.
macro_rules! reading {
    ($file:ident) => {
        impl<S: SocketHandle> $file<S> {
            /// The next line with its `\n`; without one at the end of the data; empty after that. Nothing leaves the
            /// buffer before the line is whole. Source: Python's `io.IOBase.readline`.
            ///
            /// # Errors
            /// A timeout and the like; a line longer than the limit ([`LINE_LIMIT`] at first), `ErrorKind::InvalidData`,
            /// of which nothing is consumed: `skip_until(b'\n')` passes over it, however long it is, and needs no memory
            /// for that.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// one.sendall(b"a line\nand no end")?;
            /// one.close()?;
            /// let mut file = other.makefile()?;
            /// assert_eq!(file.readline()?, b"a line\n");
            /// assert_eq!(file.readline()?, b"and no end");
            /// assert_eq!(file.readline()?, b"");
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            #[doc(alias = "read_line")]
            pub fn readline(&mut self) -> Result<Vec<u8>> {
                let line = self.input.line(self.socket.view())?;
                let line = self.input.peek(line).to_vec();
                self.input.consume(line.len());
                Ok(line)
            }

            /// Sets how long a line may be, in bytes, its end included: what `readline`, `read_line` and `lines` take. What
            /// ends with another delimiter is no line, and `read_until` and `split` take it at any length.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// use std::io::BufRead;
            /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// one.sendall(b"much too long\nok\n")?;
            /// let mut file = other.makefile()?;
            /// file.set_line_limit(4);
            /// let error = file.readline().unwrap_err();
            /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
            /// assert_eq!(file.skip_until(b'\n').unwrap(), 14);
            /// assert_eq!(file.readline()?, b"ok\n");
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            pub fn set_line_limit(&mut self, bytes: usize) {
                self.input.line_limit = bytes;
            }
        }

        impl<S: SocketHandle> Read for $file<S> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                Ok(self.input.read(into, self.socket.view())?)
            }

            // std's own would start the timeout anew at each part, and lose what had come.
            fn read_exact(&mut self, into: &mut [u8]) -> io::Result<()> {
                Ok(self.input.read_exact(into, self.socket.view())?)
            }

            fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
                self.input.read_to_end(into, self.socket.view())
            }

            /// After a failure everything that had come is still in the file, bytes that are no text
            /// (`ErrorKind::InvalidData`) too: `read_to_end` takes them.
            fn read_to_string(&mut self, into: &mut String) -> io::Result<usize> {
                let len = self.input.all(self.socket.view())?;
                let text = std::str::from_utf8(self.input.peek(len));
                into.push_str(text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?);
                self.input.consume(len);
                Ok(len)
            }
        }

        impl<S: SocketHandle> BufRead for $file<S> {
            fn fill_buf(&mut self) -> io::Result<&[u8]> {
                Ok(self.input.fill(self.socket.view())?)
            }

            fn consume(&mut self, bytes: usize) {
                self.input.consume(bytes);
            }

            /// Nothing leaves the file before the delimiter, or the end of the data, is there; time bounds it, and no
            /// length does.
            fn read_until(&mut self, delimiter: u8, into: &mut Vec<u8>) -> io::Result<usize> {
                let len = self.input.until(delimiter, self.socket.view())?;
                into.extend_from_slice(self.input.peek(len));
                self.input.consume(len);
                Ok(len)
            }

            /// In a buffer of constant size, however long it takes to the delimiter. What was skipped before a failure is
            /// gone; the next `skip_until` goes on, and its count has all of it.
            fn skip_until(&mut self, delimiter: u8) -> io::Result<usize> {
                Ok(self.input.skip_until(delimiter, self.socket.view())?)
            }

            /// As std's: a line that is not UTF-8 is consumed, with `ErrorKind::InvalidData`. The error has its bytes: a
            /// [`FromUtf8Error`](std::string::FromUtf8Error) inside.
            fn read_line(&mut self, into: &mut String) -> io::Result<usize> {
                let line = String::from_utf8(self.readline()?).map_err(no_text)?;
                into.push_str(&line);
                Ok(line.len())
            }
        }
    };
}

reading!(SocketReader);
reading!(SocketFile);

/// The writing half, for both types that have one.
macro_rules! writing {
    ($file:ident) => {
        impl<S: SocketHandle> $file<S> {
            /// How many bytes wait to be sent.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// use std::io::Write;
            /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// let mut file = one.makefile()?;
            /// file.write_all(b"hello").unwrap();
            /// assert_eq!(file.buffered(), 5);
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            pub fn buffered(&self) -> usize {
                self.output.len()
            }

            /// Throws away what waits to be sent, and says how many bytes that was.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// use std::io::Write;
            /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// let mut file = one.makefile()?;
            /// file.write_all(b"hello").unwrap();
            /// assert_eq!(file.discard(), 5);
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            pub fn discard(&mut self) -> usize {
                let waiting = self.output.len();
                self.output.forget();
                waiting
            }

            /// Sends what waits, and gives up the file; the connection ends here if the socket is closed too.
            ///
            /// # Errors
            /// Whatever sending met, with `bytes_moved()`; what could not be sent is lost. To keep it, `flush` first.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// use std::io::Write;
            /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// let mut file = one.makefile()?;
            /// file.write_all(b"hello").unwrap();
            /// file.close()?;
            /// assert_eq!(other.recv(100)?, b"hello");
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            pub fn close(mut self) -> Result<()> {
                let flushed = self.output.flush(self.socket.view());
                self.output.forget();
                flushed
            }
        }

        impl<S: SocketHandle> Write for $file<S> {
            fn write(&mut self, data: &[u8]) -> io::Result<usize> {
                Ok(self.output.write(data, self.socket.view())?)
            }

            /// Takes all of `data` over, whatever comes: after an error go on with `flush`.
            fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
                Ok(self.output.write_all(data, self.socket.view())?)
            }

            // std's own would go piece by piece, and lose those after the one that met a timeout.
            fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
                self.write_all(formatted(text)?.as_bytes())
            }

            /// Takes all the pieces, if they are no more than the buffer holds; after an error none.
            fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
                self.output.write_vectored(data, self.socket.view())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(self.output.flush(self.socket.view())?)
            }
        }

        impl<S: SocketHandle> Drop for $file<S> {
            fn drop(&mut self) {
                if self.output.wants_flush() && !std::thread::panicking() {
                    let _nobody_to_tell = self.output.flush(self.socket.view());
                }
            }
        }
    };
}

writing!(SocketWriter);
writing!(SocketFile);
