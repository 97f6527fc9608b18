//! Standard input or a file as a socket, so that waiting for it has a limit too.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use shotclock::{Kind, Socket, socketpair};

use crate::failure::Failure;
use crate::{system, thread};

const BUFFER: usize = 64 << 10;

/// What is read by a thread of its own, which is left behind at the end: a read from a terminal, and the opening of a
/// FIFO, cannot be called back.
pub(crate) struct Input {
    name: String,
    socket: Socket,
    /// How reading ended, which is known before the socket's data ends.
    ended: Arc<OnceLock<io::Result<()>>>,
}

impl Input {
    pub(crate) fn standard() -> Result<Self, Failure> {
        Self::start("standard input".to_owned(), system::input)
    }

    pub(crate) fn file(path: &Path) -> Result<Self, Failure> {
        let owned = path.to_owned();
        Self::start(path.display().to_string(), move || File::open(owned))
    }

    /// How many bytes standard input has, if it is a file that has any.
    pub(crate) fn standard_size() -> Option<u64> {
        let metadata = system::input().ok()?.metadata().ok()?;
        metadata.is_file().then_some(metadata.len()).filter(|bytes| *bytes > 0)
    }

    fn start(name: String, open: impl FnOnce() -> io::Result<File> + Send + 'static) -> Result<Self, Failure> {
        let (socket, to) = socketpair(system::PAIRS, Kind::STREAM)?;
        let ended = Arc::new(OnceLock::new());
        let tell = Arc::clone(&ended);
        thread::start("input", move || {
            let copied = open().and_then(|file| copy(file, &to));
            let _told_once = tell.set(copied);
            drop(to);
        })?;
        Ok(Self { name, socket, ended })
    }

    /// Where it can be received.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Once the socket's data has ended: whether that was the end of the input, and no failure to read it.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.ended.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Failure::Other(format!("{}: {error}", self.name))),
            None => Err(Failure::Other(format!("{}: reading it ended before its end", self.name))),
        }
    }
}

fn copy(mut input: File, to: &Socket) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => to.sendall(&buffer[..len])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
