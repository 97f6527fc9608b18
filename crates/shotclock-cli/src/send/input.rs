//! Standard input as a socket, so that waiting for it has a limit too.

use std::io::{self, Read};
use std::thread;

use shotclock::{Family, Kind, Socket, socketpair};

use crate::exit::Failure;

/// A socket from which standard input can be received. A thread of its own reads it and is left behind at the end: a
/// read from a terminal cannot be called back.
pub(super) fn open() -> Result<Socket, Failure> {
    let (from, to) = socketpair(Family::UNIX, Kind::STREAM)?;
    thread::Builder::new().name("input".to_owned()).spawn(move || copy(io::stdin().lock(), &to))?;
    Ok(from)
}

fn copy(mut input: impl Read, to: &Socket) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(len) => {
                if to.sendall(&buffer[..len]).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                crate::output::say(format_args!("shotclock: standard input: {error}"));
                return;
            }
        }
    }
}
