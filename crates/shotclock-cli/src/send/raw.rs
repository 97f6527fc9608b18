//! Byte by byte: all of standard input out, all that comes back to standard output.

use std::thread;

use shotclock::{Canceller, Deadline, Result, Shutdown, Socket, Timeout};

use super::input;
use crate::exit::Failure;
use crate::output;

const BUFFER: usize = 64 << 10;

/// Copies in both directions until the server ends the connection. While standard input goes on there is no limit on
/// the server's silence but the whole's; after its end there is.
pub(super) fn copy(socket: &Socket, timeout: Timeout, total: Deadline) -> Result<(), Failure> {
    let input = input::open()?;
    let (sent_all, received_all) = (Canceller::new(), Canceller::new());
    // A socket of its own, to have a timeout of its own.
    let incoming = socket.dup()?;
    incoming.set_timeout(Timeout::NEVER);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let sent = send_all(&input, socket, total, &received_all);
            sent_all.cancel();
            sent
        });
        let received = receive_all(&incoming, timeout, total, &sent_all);
        received_all.cancel();
        let sent = sending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (received, sent) {
            // Who had to stop because the other one did has nothing to say of its own.
            (received, Err(Failure::Call(error))) if error.is_cancelled() => received,
            (Ok(()), sent) => sent,
            (received, _) => received,
        }
    })
}

fn send_all(input: &Socket, socket: &Socket, total: Deadline, enough: &Canceller) -> Result<(), Failure> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match input.until(total).cancelled_by(enough).recv_into(&mut buffer)? {
            0 => break,
            len => socket.until(total).cancelled_by(enough).sendall(&buffer[..len])?,
        }
    }
    Ok(socket.shutdown(Shutdown::WRITE)?)
}

fn receive_all(socket: &Socket, timeout: Timeout, total: Deadline, sent_all: &Canceller) -> Result<(), Failure> {
    let mut buffer = vec![0; BUFFER];
    let mut sending = true;
    loop {
        let view = socket.until(total);
        let view = if sending { view.cancelled_by(sent_all) } else { view };
        match view.recv_into(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => output::bytes(&buffer[..len])?,
            Err(error) if error.is_cancelled() => {
                sending = false;
                socket.set_timeout(timeout);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
