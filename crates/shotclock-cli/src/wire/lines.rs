//! Lines that come over a connection.

use shotclock::{Deadline, LINE_LIMIT, Timeout};

use super::Wire;
use crate::failure::{Code, Failure};

const BUFFER: usize = 16 << 10;

/// Reads line by line: each whole line within the timeout, and all within the total.
pub(crate) struct Lines<'w> {
    wire: &'w Wire,
    timeout: Timeout,
    total: Deadline,
    come: Vec<u8>,
}

impl<'w> Lines<'w> {
    pub(crate) fn new(wire: &'w Wire, timeout: Timeout, total: Deadline) -> Self {
        Self { wire, timeout, total, come: Vec::new() }
    }

    /// The next line with its end, or what came before the end of the data, which may be nothing.
    pub(crate) fn next(&mut self) -> Result<Vec<u8>, Failure> {
        // A peer that drips must not get the timeout anew with each byte.
        let this_line = Deadline::after(self.timeout);
        let view = self.wire.socket().until(this_line.min(self.total));
        let mut seen = 0;
        loop {
            if let Some(at) = self.come[seen..].iter().position(|byte| *byte == b'\n') {
                let rest = self.come.split_off(seen + at + 1);
                return Ok(std::mem::replace(&mut self.come, rest));
            }
            seen = self.come.len();
            if seen >= LINE_LIMIT {
                return Err(Failure::Other(format!("the answer is no line: {LINE_LIMIT} bytes came without an end")));
            }
            let mut buffer = [0; BUFFER];
            match self.wire.recv_into(view, &mut buffer) {
                Ok(0) => return Ok(std::mem::take(&mut self.come)),
                Ok(len) => self.come.extend_from_slice(&buffer[..len]),
                Err(error) if error.is_timeout() && this_line < self.total => {
                    return Err(Failure::Known(Code::WaitLimit, error));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
