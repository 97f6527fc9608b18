//! Where the system has no descriptor or memory to spare: what that is, and accepting that waits it out.

use super::{Accept, OpenFile};
use crate::deadline::{Deadline, Timeout};
use crate::sys::address::AddressRoom;
use crate::sys::{Errno, OwnedHandle, Readiness};
use crate::wait::{Interest, Operation, Pause};

/// How soon a socket is tried for again that there was no descriptor or memory for.
pub(crate) const SHORTAGE: Timeout = Timeout::from_nanos(50_000_000);

/// Whether the system had no descriptor or memory to spare for a socket, which it may have in a moment.
pub fn is_shortage(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
}

/// Takes the first connection of the queue; while there is no descriptor for it, it stays there, and is tried for again
/// every [`SHORTAGE`]. The listener is ready all the while, so that a wait for it would not wait.
pub(crate) struct AcceptInTime<'a, 't> {
    accept: Accept<'a>,
    /// What the last try was short of, and when the next one is due.
    short: Option<(Errno, Deadline)>,
    /// Who is told of each try that was short.
    tell: &'t mut dyn FnMut(Errno),
}

impl<'a, 't> AcceptInTime<'a, 't> {
    pub(crate) fn new(from: OpenFile<'a>, peer: &'a mut AddressRoom, tell: &'t mut dyn FnMut(Errno)) -> Self {
        Self { accept: Accept { from, peer }, short: None, tell }
    }

    /// What the last try was short of.
    pub(crate) fn short_of(&self) -> Option<Errno> {
        self.short.map(|(errno, _)| errno)
    }
}

impl Operation for AcceptInTime<'_, '_> {
    type Output = OwnedHandle;

    fn attempt(&mut self, ready: Readiness) -> Result<Self::Output, Pause> {
        self.short = None;
        self.accept.attempt(ready).map_err(|pause| match pause {
            Pause::Failed(errno) if is_shortage(errno) => {
                self.short = Some((errno, Deadline::now().plus(SHORTAGE)));
                (self.tell)(errno);
                Pause::WouldBlock
            }
            pause => pause,
        })
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        match self.short {
            Some((_, again)) => wanted.timer(again),
            None => self.accept.interest(wanted),
        }
    }

    fn subject(&self) -> Option<String> {
        self.short.map(|_| "a descriptor to spare".to_owned())
    }
}
