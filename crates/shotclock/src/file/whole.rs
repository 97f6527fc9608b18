//! What is in a file's buffer, and messages that are taken from it whole or not at all.

use std::ops::{Deref, DerefMut};

use super::buffer::{Mark, ReadBuffer};
use super::{SocketFile, SocketHandle, SocketReader};
use crate::error::Result;

/// A file that is read.
trait Reading {
    fn input(&mut self) -> &mut ReadBuffer;
}

/// A file of which a message is being taken. Dropped before it is [done](Self::done), it goes back to the beginning.
struct Whole<'f, F: Reading> {
    file: &'f mut F,
    mark: Mark,
    is_taken: bool,
}

impl<F: Reading> Whole<'_, F> {
    fn done(mut self) {
        self.is_taken = true;
    }
}

impl<F: Reading> Drop for Whole<'_, F> {
    fn drop(&mut self) {
        let Self { file, mark, is_taken } = self;
        file.input().end_message(mark, *is_taken);
    }
}

impl<F: Reading> Deref for Whole<'_, F> {
    type Target = F;

    fn deref(&self) -> &F {
        self.file
    }
}

impl<F: Reading> DerefMut for Whole<'_, F> {
    fn deref_mut(&mut self) -> &mut F {
        self.file
    }
}

macro_rules! whole_messages {
    ($file:ident) => {
        impl<S: SocketHandle> Reading for $file<S> {
            fn input(&mut self) -> &mut ReadBuffer {
                &mut self.input
            }
        }

        impl<S: SocketHandle> $file<S> {
            /// Takes one message, of however many reads, **whole or not at all**: where `take` fails, or panics, everything
            /// that it read is in the file again, and the next read, or the next `take_whole`, begins where the message
            /// begins. So a reply that timed out in its middle is not taken for another one.
            ///
            /// In `take` the file is read by any of its methods, and all of them together have one limit: the socket's timeout
            /// begins once. A part may be taken by a `take_whole` of its own, whose failure alone it can make up for. What
            /// `take` does beside (writing, other state) is not undone. A message is gathered in memory, up to
            /// [`set_message_limit`](Self::set_message_limit) bytes, after which nothing more is received for it; `read_to_end`
            /// alone knows no limit.
            ///
            /// # Errors
            /// What `take` gives: a timeout and the like, of which nothing is consumed; a message that is too long,
            /// `ErrorKind::InvalidData`; the program's own.
            ///
            /// ```
            /// use shotclock::{Error, Family, Kind, Result, Socket, SocketReader, socketpair};
            /// use std::io::Read;
            /// use std::time::Duration;
            ///
            /// // A length on a line of its own, and so many bytes.
            /// fn message(file: &mut SocketReader<&Socket>) -> Result<Vec<u8>> {
            ///     let line = String::from_utf8_lossy(&file.readline()?).trim().to_owned();
            ///     let not_a_number = |_| std::io::Error::other(format!("a length of {line:?}"));
            ///     let mut content = vec![0; line.parse().map_err(not_a_number)?];
            ///     file.read_exact(&mut content)?;
            ///     Ok(content)
            /// }
            ///
            /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// other.set_timeout(Duration::from_millis(10));
            /// let mut file = SocketReader::new(&other)?;
            /// one.sendall(b"5\nhe")?;
            /// assert!(file.take_whole(message).unwrap_err().is_timeout());
            /// assert_eq!(file.buffer(), b"5\nhe");
            /// one.sendall(b"llo")?;
            /// assert_eq!(file.take_whole(message)?, b"hello");
            /// # Ok::<(), Error>(())
            /// ```
            pub fn take_whole<T, E>(
                &mut self,
                take: impl FnOnce(&mut Self) -> std::result::Result<T, E>,
            ) -> std::result::Result<T, E> {
                let mark = self.input.begin_message(&self.socket.view());
                let mut whole = Whole { file: self, mark, is_taken: false };
                let taken = take(&mut whole)?;
                whole.done();
                Ok(taken)
            }

            /// Sets how long a message may be that [`take_whole`](Self::take_whole) takes, and how much
            /// [`fill_more`](Self::fill_more) gathers, in bytes; [`MESSAGE_LIMIT`](crate::MESSAGE_LIMIT) at first. A peer
            /// that sends more gets an error instead of this process's memory.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// one.sendall(b"much too long")?;
            /// let mut file = other.makefile()?;
            /// file.set_message_limit(4);
            /// let error = file.take_whole(|file| file.readline()).unwrap_err();
            /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            pub fn set_message_limit(&mut self, bytes: usize) {
                self.input.message_limit = bytes;
            }

            /// What was received and has not been taken. Nothing is received for that; source: std's `BufReader::buffer`.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// one.sendall(b"a line\nand more")?;
            /// let mut file = other.makefile()?;
            /// assert_eq!(file.buffer(), b"");
            /// file.readline()?;
            /// assert_eq!(file.buffer(), b"and more");
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            pub fn buffer(&self) -> &[u8] {
                self.input.waiting()
            }

            /// Receives once more, behind what is in the [`buffer`](Self::buffer) already, and says how many bytes came; 0 is
            /// the end of the data. For parsers that look at the buffer, and take from it, by `BufRead::consume`, once they
            /// have all: std's `fill_buf` receives only where the buffer is empty.
            ///
            /// # Errors
            /// A timeout and the like; more in the buffer than [`set_message_limit`](Self::set_message_limit) allows,
            /// `ErrorKind::InvalidData`. Nothing of the buffer is lost.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// use std::io::BufRead;
            /// let (one, other) = socketpair(Family::UNIX, Kind::STREAM)?;
            /// let mut file = other.makefile_reader()?;
            /// one.sendall(b"he")?;
            /// file.fill_more()?;
            /// one.sendall(b"llo")?;
            /// while file.buffer().len() < 5 {
            ///     assert_ne!(file.fill_more()?, 0, "the peer has ended the data");
            /// }
            /// assert_eq!(file.buffer(), b"hello");
            /// file.consume(5);
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            pub fn fill_more(&mut self) -> Result<usize> {
                self.input.fill_more(self.socket.view())
            }
        }
    };
}

whole_messages!(SocketReader);
whole_messages!(SocketFile);
