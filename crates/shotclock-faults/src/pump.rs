//! One direction of a connection through a proxy, and what befalls the data there.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shotclock::{Canceller, Deadline, Result, Shutdown, Socket, Timed, Timeout};

use crate::event::EventKind;
use crate::fault::ProxyFault;
use crate::terms::Terms;

const BUFFER: usize = 16 << 10;
/// So many bytes wait to be late; beyond that nothing is read until some have gone.
const MOST_WAITING: usize = 4 << 20;
/// The time between two slices, without which the system would join them again.
const BETWEEN_SLICES: Duration = Duration::from_millis(1);
/// Into how many pieces a second's bytes are cut.
const PIECES_A_SECOND: u64 = 20;

pub(crate) struct Pump<'a> {
    pub(crate) from: &'a Socket,
    pub(crate) to: &'a Socket,
    /// Cancelled when the whole connection is over.
    pub(crate) over: &'a Canceller,
    pub(crate) terms: &'a Terms,
    /// How many bytes have gone this way, and the other.
    pub(crate) passed: &'a AtomicU64,
    pub(crate) back: &'a AtomicU64,
    pub(crate) tell: &'a (dyn Fn(EventKind) + Sync),
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// With the data; the other direction goes on.
    Ended,
    /// Both connections are to end.
    CutOff,
    /// Both connections are to be reset.
    Reset,
}

impl Pump<'_> {
    /// Passes data on until it ends, as the fault will have it.
    pub(crate) fn run(&self, fault: Option<ProxyFault>) -> Result<Finish> {
        match fault {
            None => self.pass(),
            Some(ProxyFault::Late { delay }) => self.pass_late(delay),
            Some(ProxyFault::Slow { rate }) => self.pass_slowly(rate),
            Some(ProxyFault::Slice { size }) => self.pass_sliced(size.max(1)),
            Some(ProxyFault::LateEnd { delay }) => self.end_late(delay),
            Some(ProxyFault::Stall { after }) => self.first(after, || {
                (self.tell)(EventKind::Stalled);
                self.discard(Deadline::NEVER)?;
                Ok(Finish::Ended)
            }),
            Some(ProxyFault::Hold { delay }) => self.hold(delay),
            Some(ProxyFault::Reset { after }) => self.first(after, || {
                self.terms.wait_for_acknowledgement(self.to)?;
                Ok(Finish::Reset)
            }),
            Some(ProxyFault::Limit { after }) => self.first(after, || Ok(Finish::CutOff)),
        }
    }

    fn pass(&self) -> Result<Finish> {
        let mut buffer = [0; BUFFER];
        loop {
            match self.view().recv_into(&mut buffer)? {
                0 => return self.end(),
                len => self.forward(&buffer[..len])?,
            }
        }
    }

    /// Passes so many bytes on, and then does what comes then; unless the data ends before.
    fn first(&self, bytes: usize, then: impl FnOnce() -> Result<Finish>) -> Result<Finish> {
        let (mut buffer, mut left) = ([0; BUFFER], bytes);
        while left > 0 {
            let most = left.min(BUFFER);
            let len = self.view().recv_into(&mut buffer[..most])?;
            if len == 0 {
                return self.end();
            }
            self.forward(&buffer[..len])?;
            left -= len;
        }
        then()
    }

    /// Each piece waits for its time while others come; the end of the data is one without bytes.
    fn pass_late(&self, delay: Duration) -> Result<Finish> {
        let (mut waiting, mut bytes, mut has_ended) = (VecDeque::<(Deadline, Vec<u8>)>::new(), 0, false);
        let mut buffer = [0; BUFFER];
        loop {
            let due = waiting.front().map_or(Deadline::NEVER, |(due, _)| *due);
            if due.has_passed() {
                let data = waiting.pop_front().map(|(_, data)| data).unwrap_or_default();
                if data.is_empty() {
                    return self.end();
                }
                self.forward(&data)?;
                bytes -= data.len();
            } else if has_ended || bytes >= MOST_WAITING {
                self.over.pause(due.remaining())?;
            } else {
                match self.view().until(due).recv_into(&mut buffer) {
                    Err(error) if error.is_timeout() => {}
                    received => {
                        let len = received?;
                        waiting.push_back((Deadline::after(delay), buffer[..len].to_vec()));
                        (bytes, has_ended) = (bytes + len, len == 0);
                    }
                }
            }
        }
    }

    fn pass_slowly(&self, rate: u64) -> Result<Finish> {
        let mut buffer = [0; BUFFER];
        let most = usize::try_from(rate / PIECES_A_SECOND).unwrap_or(BUFFER).clamp(1, BUFFER);
        if rate == 0 {
            (self.tell)(EventKind::Stalled);
            self.over.pause(Timeout::NEVER)?;
        }
        loop {
            match self.view().recv_into(&mut buffer[..most])? {
                0 => return self.end(),
                len => {
                    let time = Duration::from_nanos((len as u64 * 1_000_000_000).div_ceil(rate));
                    let due = Deadline::after(time);
                    self.forward(&buffer[..len])?;
                    self.over.pause(due.remaining())?;
                }
            }
        }
    }

    fn pass_sliced(&self, size: usize) -> Result<Finish> {
        let mut buffer = [0; BUFFER];
        loop {
            let len = self.view().recv_into(&mut buffer)?;
            if len == 0 {
                return self.end();
            }
            for slice in buffer[..len].chunks(size) {
                self.forward(slice)?;
                self.over.pause(BETWEEN_SLICES)?;
            }
        }
    }

    fn end_late(&self, delay: Duration) -> Result<Finish> {
        let mut buffer = [0; BUFFER];
        loop {
            match self.view().recv_into(&mut buffer)? {
                0 => break,
                len => self.forward(&buffer[..len])?,
            }
        }
        (self.tell)(EventKind::Delayed);
        self.over.pause(delay)?;
        self.end()
    }

    fn hold(&self, delay: Duration) -> Result<Finish> {
        (self.tell)(EventKind::Stalled);
        let until = Deadline::after(delay);
        match self.discard(until) {
            Err(error) if !error.is_timeout() => return Err(error),
            _over => {}
        }
        self.over.pause(until.remaining())?;
        Ok(Finish::CutOff)
    }

    /// Reads and throws away until the data ends, but no more than a connection may move.
    fn discard(&self, until: Deadline) -> Result<()> {
        let (mut buffer, mut read) = ([0; BUFFER], 0);
        while read <= self.terms.most_bytes {
            match self.view().until(until).recv_into(&mut buffer)? {
                0 => return Ok(()),
                len => read += len as u64,
            }
        }
        Err(self.terms.exhausted())
    }

    fn forward(&self, data: &[u8]) -> Result<()> {
        self.to.cancelled_by(self.over).sendall(data)?;
        let passed = self.passed.fetch_add(data.len() as u64, Ordering::Relaxed) + data.len() as u64;
        if passed + self.back.load(Ordering::Relaxed) > self.terms.most_bytes {
            return Err(self.terms.exhausted());
        }
        Ok(())
    }

    /// Passes the end of the data on.
    fn end(&self) -> Result<Finish> {
        match self.to.shutdown(Shutdown::WRITE) {
            Err(error) if error.kind() != ErrorKind::NotConnected => Err(error),
            _it_may_have_gone => Ok(Finish::Ended),
        }
    }

    fn view(&self) -> Timed<'_> {
        self.from.cancelled_by(self.over)
    }
}
