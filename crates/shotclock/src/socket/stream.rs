//! std's `Read` and `Write` for sockets and views. Each method is one call under one limit, where std's own default goes
//! part by part.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::{SharedSocket, Socket, Timed};
use crate::constant::Kind;
use crate::error::Result;
use crate::ops;

/// The most buffers one sendmsg(2) or recvmsg(2) takes.
const MOST_BUFFERS: usize = 1024;

/// Each call obeys the view's limit as a whole: `read_exact`, `read_to_end`, `read_to_string`. std's adapters (`take`,
/// `bytes`, [`io::copy`]) make a call of their own for each part, and begin the socket's timeout anew at each; a deadline
/// ([`Socket::within`]) bounds them all together.
///
/// After a failure of `read_to_end` what had come is in the vector; of `read_to_string` it is in the string, as far as
/// it is text. If all has come and is no text, the error has the bytes, in a
/// [`FromUtf8Error`](std::string::FromUtf8Error) inside it.
///
/// ```
/// use shotclock::{Family, Kind, socketpair};
/// use std::{io::{ErrorKind, Read}, string::FromUtf8Error, time::Duration};
/// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
/// one.sendall(b"no text: \xff")?;
/// one.close()?;
/// let error = other.within(Duration::from_secs(5)).read_to_string(&mut String::new()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidData);
/// let inside = error.into_inner().unwrap().downcast::<FromUtf8Error>().unwrap();
/// assert_eq!(inside.into_bytes(), b"no text: \xff");
/// # Ok::<(), shotclock::Error>(())
/// ```
impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            // A `Read` that is asked for nothing takes nothing, whatever the socket has.
            return Ok(self.socket.receives_nothing("recv").map(|_| 0)?);
        }
        // With MSG_TRUNC the system tells more than there is in the buffer.
        Ok(self.recv_into(buffer)?.min(buffer.len()))
    }

    /// A read into no buffer waits for nothing. A datagram goes into all the buffers, however many they are.
    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = buffers.iter().map(|buffer| buffer.len()).sum();
        if room == 0 {
            return self.read(&mut []);
        }
        if buffers.len() > MOST_BUFFERS {
            return Ok(self.recv_into_many(buffers, room)?);
        }
        Ok(self.recvmsg_into(buffers, 0)?.len.min(room))
    }

    // std's own would start the timeout anew at each part.
    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        Ok(self.recv_exact(buffer)?)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        // A receive that takes nothing away (MSG_PEEK) would read the same bytes for ever.
        self.refuse_flags("read_to_end")?;
        OneCall(self.begun()).read_to_end(buffer)
    }

    // std's own would throw away what had come, if it ends within a character.
    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let result = self.read_to_end(&mut bytes);
        match String::from_utf8(bytes) {
            Ok(text) => buffer.push_str(&text),
            Err(error) if result.is_ok() => return Err(no_text(error)),
            Err(error) => {
                let until = error.utf8_error().valid_up_to();
                buffer.push_str(std::str::from_utf8(&error.as_bytes()[..until]).unwrap_or(""));
            }
        }
        result
    }
}

/// Each call obeys the view's limit as a whole: `write_all` and `write!`, which formats first and then sends all as one
/// `sendall`. `write_vectored` takes as many buffers as there are; of a datagram socket they are one datagram.
///
/// std's adapters (`BufWriter`, `LineWriter`, [`io::copy`]) make a call of their own for each part, and begin the socket's
/// timeout anew at each; a deadline ([`Socket::within`]) bounds them all together, and so does a
/// [`SocketWriter`](crate::SocketWriter).
///
/// ```
/// use shotclock::{Error, Family, Kind, socketpair};
/// use std::{io::Write, time::Duration};
/// let (one, _never_reads) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let long = "x".repeat(1 << 22);
/// one.set_timeout(Duration::from_millis(10));
/// let error = write!(one.idle(Duration::from_secs(5)), "{long}{long}").unwrap_err();
/// assert!(Error::find_in(&error).unwrap().bytes_moved() > 0);
/// # Ok::<(), Error>(())
/// ```
impl Write for Timed<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(self.send(data)?)
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        if data.len() > MOST_BUFFERS {
            return Ok(self.send_many(data)?);
        }
        Ok(self.sendmsg(data, &[], None)?)
    }

    // std's own would start the timeout anew at each part.
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        Ok(self.sendall(data)?)
    }

    // std's own would, for each piece between two arguments.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(formatted(text)?.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// std's traits for a socket, for a shared reference to one, and for a shared socket: a reader and a writer may share it.
macro_rules! read_and_write {
    ($($handle:ty),*) => {
        $(
            /// As for [`Timed`], under the socket's timeout: it bounds each call as a whole, not each part.
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

            /// As for [`Timed`], under the socket's timeout: it bounds each call as a whole, not each part.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// use std::io::Write;
            /// let (mut one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// write!(one, "{}, {}\n", "one limit", "one call").unwrap();
            /// assert_eq!(other.recv(100)?, b"one limit, one call\n");
            /// # Ok::<(), shotclock::Error>(())
            /// ```
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

                fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
                    self.view().write_fmt(text)
                }

                fn flush(&mut self) -> io::Result<()> {
                    Ok(())
                }
            }
        )*
    };
}

read_and_write!(Socket, &Socket, SharedSocket);

/// The whole of a formatted text, without a copy where it has no arguments.
pub(crate) fn formatted(text: fmt::Arguments<'_>) -> io::Result<Cow<'static, str>> {
    if let Some(text) = text.as_str() {
        return Ok(Cow::Borrowed(text));
    }
    let mut whole = String::new();
    let result = fmt::write(&mut whole, text);
    result.map_err(|_| io::Error::other("a value could not be formatted; nothing was written"))?;
    Ok(Cow::Owned(whole))
}

/// The error for bytes that should be text and are not; it carries them.
pub(crate) fn no_text(error: std::string::FromUtf8Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Reads part by part under a limit that has begun, by std's own default methods.
struct OneCall<'s>(Timed<'s>);

impl Read for OneCall<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Timed<'_> {
    /// What `write_vectored` does with more buffers than the system takes in one call.
    #[cold]
    fn send_many(&self, data: &[IoSlice<'_>]) -> Result<usize> {
        let data: Vec<_> = data.iter().filter(|piece| !piece.is_empty()).copied().collect();
        if data.len() <= MOST_BUFFERS {
            return self.sendmsg(&data, &[], None);
        }
        if !self.is_stream("sendmsg")? {
            let joined: Vec<u8> = data.iter().flat_map(|piece| piece.iter().copied()).collect();
            return self.send(&joined).map_err(|error| error.during("sendmsg"));
        }
        let mut op = ops::SendMany { fd: self.fd(), data: &data, most: MOST_BUFFERS, flags: self.flags };
        crate::wait::run("sendmsg", &mut op, &self.sending()).map_err(|error| self.name_peer(error))
    }

    /// What `read_vectored` does with more buffers than the system fills in one call, `room` bytes in all.
    #[cold]
    fn recv_into_many(&self, buffers: &mut [IoSliceMut<'_>], room: usize) -> Result<usize> {
        let buffers = buffers.iter_mut().filter(|buffer| !buffer.is_empty());
        let mut buffers: Vec<_> = buffers.map(|buffer| IoSliceMut::new(buffer)).collect();
        // Of a stream the rest is there the next time; of a datagram it would be lost.
        if buffers.len() <= MOST_BUFFERS || self.is_stream("recvmsg")? {
            let most = buffers.len().min(MOST_BUFFERS);
            let room = buffers[..most].iter().map(|buffer| buffer.len()).sum();
            return Ok(self.recvmsg_into(&mut buffers[..most], 0)?.len.min(room));
        }
        let data = self.recv(room).map_err(|error| error.during("recvmsg"))?;
        let mut rest = &data[..];
        for buffer in &mut buffers {
            let (part, after) = rest.split_at(buffer.len().min(rest.len()));
            buffer[..part.len()].copy_from_slice(part);
            rest = after;
        }
        Ok(data.len())
    }

    fn is_stream(&self, operation: &'static str) -> Result<bool> {
        let kind = self.socket.kind().map_err(|error| error.during(operation))?;
        Ok(kind == Kind::STREAM)
    }
}
