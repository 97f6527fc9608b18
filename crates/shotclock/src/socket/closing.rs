//! How a close ends: the descriptor goes, the calls that wait leave, and what was sent is acknowledged.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Timed;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::sys::{AsHandle, OwnedHandle, Readiness, socket, thread};
use crate::wait::{Closing, Gate, Interest, Latch, Limit, Moves, Operation, Pause, Visit, run};

/// The longest that a close waits for the calls of other threads to leave. They are woken, so it takes what the
/// scheduler takes.
const LEAVING: Duration = Duration::from_secs(1);

impl Timed<'_> {
    /// Closes the socket. A second close waits with the first for the calls to leave, and has nothing else to do.
    pub(super) fn end(&self) -> Result<()> {
        let Closing { burial, is_waited_on } = self.socket.gate.close();
        match burial {
            Some(burial) => self.end_descriptor(Some(burial), is_waited_on),
            None => {
                self.see_off(is_waited_on);
                Ok(())
            }
        }
    }

    /// Ends what the descriptor stands for, of which this is the last user, and waits for a lingering connection as
    /// long as the limit allows. `burial`, while it lives, has other closes of the socket wait.
    pub(crate) fn end_descriptor(&self, burial: Option<Visit<'_>>, is_waited_on: bool) -> Result<()> {
        let limit = self.sending();
        let is_bounded = limit.is_bounded();
        // As long as there is a copy nobody else lingers: neither the burial nor the last call to leave closes the last
        // descriptor.
        let lingers = (is_bounded || is_waited_on) && socket::lingers(self.fd());
        let copy = if lingers { socket::dup(self.fd()).ok() } else { None };
        let limit = if lingers { limit.begun(Deadline::now()) } else { limit };
        let buried = self.socket.bury();
        drop(burial);
        self.see_off(is_waited_on);
        if lingers && is_bounded && socket::lingers(self.fd()) {
            // It could not be buried, only shut down: then its final close is not to wait.
            let _not_ours_to_mend = socket::linger_in_background(self.fd());
        }
        let lingered = match copy {
            Some(copy) if is_bounded => {
                // Only a limit that has passed is an error: nothing else that goes wrong here is the caller's business.
                let lingered = run("close", &mut Farewell::begin(copy), &Limit { gate: None, ..limit });
                lingered.or_else(|error| if error.is_timeout() { Err(error) } else { Ok(()) })
            }
            _ => Ok(()),
        };
        buried.and(lingered)
    }

    /// Wakes the calls that wait on the socket, and waits until they have left: as long as one of them holds the open
    /// file, its address cannot be bound again.
    fn see_off(&self, is_waited_on: bool) {
        if is_waited_on {
            self.socket.gate.ring();
            let by_then = self.limit.deadline.min(Deadline::after(LEAVING));
            let limit = Limit { deadline: by_then, gate: None, policy: None, ..self.limit };
            let _it_is_closed_all_the_same = run("close", &mut Desertion::of(&self.socket.gate), &limit);
        }
    }
}

/// The close of the last descriptor of a connection that lingers, to be waited for no longer than a limit: the system's
/// close(2) alone knows whether it is the last one, in whatever process, and waits, so a thread of its own makes it.
pub struct Farewell(Arc<Parting>);

impl Farewell {
    /// Begins to close it.
    pub fn begin(copy: OwnedHandle) -> Self {
        let parting = Arc::new(Parting { copy: Mutex::new(Some(copy)), closed: Latch::default() });
        let theirs = Arc::clone(&parting);
        if thread::spawn_detached("shotclock-linger", move || theirs.close()).is_err() {
            parting.close_in_background();
        }
        Self(parting)
    }
}

impl Operation for Farewell {
    type Output = ();

    fn attempt(&mut self, _: Readiness) -> std::result::Result<(), Pause> {
        if self.0.closed.is_set() { Ok(()) } else { Err(Pause::WouldBlock) }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.latch(&self.0.closed);
    }

    fn moves(&self) -> Moves {
        Moves::Out
    }
}

/// What is closed, and whether it is.
struct Parting {
    copy: Mutex<Option<OwnedHandle>>,
    closed: Latch,
}

impl Parting {
    fn close(&self) {
        drop(self.take());
        self.closed.set();
    }

    /// Closes it at once, where there is no thread to wait for the connection's end, which then comes in the
    /// background.
    fn close_in_background(&self) {
        if let Some(copy) = self.take() {
            let _lingers_then = socket::linger_in_background(copy.as_fd());
        }
        self.closed.set();
    }

    fn take(&self) -> Option<OwnedHandle> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Ends once no call waits on a closed socket any more.
struct Desertion<'a>(&'a Gate);

impl<'a> Desertion<'a> {
    fn of(gate: &'a Gate) -> Self {
        gate.await_desertion();
        Self(gate)
    }
}

impl Operation for Desertion<'_> {
    type Output = ();

    fn attempt(&mut self, _: Readiness) -> std::result::Result<(), Pause> {
        if self.0.is_deserted() { Ok(()) } else { Err(Pause::WouldBlock) }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.desertion(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{Family, Kind, with_deadline};

    /// Times a close beside a call that does not leave, whatever wakes it.
    fn beside_one_that_stays(close: impl FnOnce(&crate::Socket) -> crate::Result<()>) -> Duration {
        let (socket, _) =
            crate::socketpair(if cfg!(windows) { Family::INET } else { Family::UNIX }, Kind::STREAM).unwrap();
        let stays = socket.gate.enter();
        let begun = Instant::now();
        close(&socket).unwrap();
        let elapsed = begun.elapsed();
        assert!(socket.recv(1).unwrap_err().is_closed());
        drop(stays);
        elapsed
    }

    #[test]
    fn a_call_that_does_not_leave_is_waited_for_no_longer_than_the_limit() {
        const LIMIT: Duration = Duration::from_millis(50);
        for elapsed in [
            beside_one_that_stays(|socket| socket.within(LIMIT).close()),
            beside_one_that_stays(|socket| {
                socket.set_timeout(LIMIT);
                socket.close()
            }),
            beside_one_that_stays(|socket| with_deadline(LIMIT, || socket.close())),
        ] {
            assert!(elapsed >= LIMIT && elapsed < LEAVING, "{elapsed:?}");
        }
        let at_once = beside_one_that_stays(|socket| {
            socket.set_nonblocking(true);
            socket.close()
        });
        assert!(at_once < LIMIT, "{at_once:?}");
        let without_a_limit = beside_one_that_stays(crate::Socket::close);
        assert!(without_a_limit >= LEAVING && without_a_limit < LEAVING * 5, "{without_a_limit:?}");
    }
}
