//! Byte by byte: all of standard input out, all that comes back to standard output.

use std::time::Duration;

use shotclock::{Canceller, Deadline, Socket, SocketOption, Timeout};

use super::progress::Progress;
use super::report::Report;
use crate::failure::{Code, Failure};
use crate::input::Input;
use crate::wire::Wire;
use crate::{output, thread};

const BUFFER: usize = 64 << 10;
/// The longest datagram over IPv4; over IPv6 there is room for as many.
const MOST_IN_DATAGRAM: usize = 65_507;
const SILENT_INPUT: &str = "timed out: the server ended its data, and standard input neither ended nor went on";

/// Copies in both directions until both have ended: standard input, and what the server sends. While standard input goes
/// on there is no limit on the server's silence but the whole's; after its end there is. After the server's end there is
/// one on the silence of standard input.
pub(super) fn over_stream(wire: &Wire, timeout: Timeout, total: Deadline, report: &Report) -> Result<(), Failure> {
    let progress = report.progress();
    let input = Input::standard()?;
    // A socket of its own, to have a timeout of its own.
    let incoming = wire.socket().dup()?;
    incoming.set_timeout(Timeout::NEVER);
    let copy = Copy { input, wire, timeout, total, ends: Ends::new() };
    std::thread::scope(|scope| {
        let sending = thread::start_in(scope, "sending", || {
            let sent = copy.send_all(progress);
            copy.ends.sent.cancel();
            sent
        })?;
        let received = copy.receive_all(&incoming);
        if received.is_err() {
            copy.ends.failed.cancel();
        }
        copy.ends.received.cancel();
        let sent = sending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (received, sent) {
            // Who had to stop because the other one did has nothing to say of its own.
            (received, Err(Failure::Call(error))) if error.is_cancelled() => received,
            (Err(Failure::Call(error)), sent) if error.is_cancelled() => sent,
            (Ok(()), sent) => sent,
            (received, _) => received,
        }
    })?;
    output::flush(total)
}

/// All of standard input is one datagram, and one datagram of answer goes to standard output.
pub(super) fn over_datagrams(socket: &Socket, total: Deadline) -> Result<(), Failure> {
    let view = socket.until(total);
    view.send(&whole_input(total)?)?;
    output::bytes(&view.recv(BUFFER)?, total)?;
    output::flush(total)
}

fn whole_input(total: Deadline) -> Result<Vec<u8>, Failure> {
    let input = Input::standard()?;
    let (mut data, mut buffer) = (Vec::new(), vec![0; BUFFER]);
    loop {
        match input.socket().until(total).recv_into(&mut buffer)? {
            0 => break,
            len => data.extend_from_slice(&buffer[..len]),
        }
        if data.len() > MOST_IN_DATAGRAM {
            return Err(Failure::Other(format!(
                "standard input has more than the {MOST_IN_DATAGRAM} bytes of a datagram"
            )));
        }
    }
    input.check()?;
    Ok(data)
}

/// Both directions.
struct Copy<'s> {
    input: Input,
    wire: &'s Wire,
    timeout: Timeout,
    total: Deadline,
    ends: Ends,
}

/// What one direction hears of the other.
struct Ends {
    /// There is no sense in going on, in either direction; tells of the other two as well.
    failed: Canceller,
    sent: Canceller,
    received: Canceller,
}

impl Ends {
    fn new() -> Self {
        let failed = Canceller::new();
        let (sent, received) = (failed.child(), failed.child());
        Self { failed, sent, received }
    }
}

impl Copy<'_> {
    fn send_all(&self, mut progress: Progress) -> Result<(), Failure> {
        let mut buffer = vec![0; BUFFER];
        let view = self.wire.socket().until(self.total).cancelled_by(&self.ends.failed);
        loop {
            match self.read(&mut buffer)? {
                0 => break,
                len => {
                    self.wire.sendall(view, &buffer[..len])?;
                    progress.sent(len);
                }
            }
        }
        if let Err(failure) = self.input.check() {
            // The server is not to take what it has for all.
            self.wire.socket().setsockopt(SocketOption::LINGER, Some(Duration::ZERO))?;
            self.ends.failed.cancel();
            return Err(failure);
        }
        Ok(self.wire.end(view)?)
    }

    /// Reads standard input: without a limit but the whole's while the server has not ended.
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Failure> {
        match self.input.socket().until(self.total).cancelled_by(&self.ends.received).recv_into(buffer) {
            Err(error) if error.is_cancelled() => {}
            read => return Ok(read?),
        }
        let silence = Deadline::after(self.timeout);
        let view = self.input.socket().until(silence.min(self.total)).cancelled_by(&self.ends.failed);
        view.recv_into(buffer).map_err(|error| match silence < self.total && error.is_timeout() {
            true => Failure::Said(Code::WaitLimit, SILENT_INPUT.to_owned()),
            false => Failure::from(error),
        })
    }

    fn receive_all(&self, socket: &Socket) -> Result<(), Failure> {
        let mut buffer = vec![0; BUFFER];
        let mut sending = true;
        loop {
            let view = socket.until(self.total);
            let other = if sending { &self.ends.sent } else { &self.ends.failed };
            match self.wire.recv_into(view.cancelled_by(other), &mut buffer) {
                Ok(0) => return Ok(()),
                Ok(len) => output::bytes(&buffer[..len], self.total)?,
                Err(error) if error.is_cancelled() && !self.ends.failed.is_cancelled() => {
                    sending = false;
                    socket.set_timeout(self.timeout);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
