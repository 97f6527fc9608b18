//! What there is to do, as a value: [`Operation`], why a try of it gave no result, and what it then waits for.

use smallvec::SmallVec;

use super::cancel::Latch;
use super::gate::Gate;
use crate::deadline::Deadline;
use crate::sys::{BorrowedHandle, Errno, Readiness};

/// Why a try did not give a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It would have to wait.
    WouldBlock,
    /// It took all there was, and would have to wait for more: what woke it was not spurious, and something has moved.
    Drained,
    /// It moved some bytes: try again at once, if the limit allows.
    Progress,
    /// It moved nothing, and the next try may be another thing: try again at once, if the limit allows.
    Again,
    /// A signal interrupted it: try again at once, if the limit and the waiter allow.
    Interrupted,
    /// The system said no.
    Failed(Errno),
}

impl Pause {
    /// Whether there is something to wait for before the next try.
    pub(super) fn waits(self) -> bool {
        matches!(self, Self::WouldBlock | Self::Drained)
    }
}

impl From<Errno> for Pause {
    #[inline]
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::AGAIN => Self::WouldBlock,
            Errno::INTR => Self::Interrupted,
            errno => Self::Failed(errno),
        }
    }
}

/// Which way an operation moves bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// None: it makes a connection, or asks something.
    Nothing,
    /// It receives.
    In,
    /// It sends.
    Out,
}

/// One thing to do, as a value: it can be tried, and it knows what to wait for.
pub trait Operation {
    /// What it gives when done.
    type Output;
    /// Whether it is made of many steps: then the timeout runs from its start, and bounds them all together.
    const COMPOSITE: bool = false;
    /// One try that never waits. `ready` is what the last wait saw, empty at the first try.
    fn attempt(&mut self, ready: Readiness) -> Result<Self::Output, Pause>;
    /// Names what to wait for. Asked only after a try that would have had to wait. Once a latch that it names is set, a
    /// try must not say "would block" any more: no wait would then begin, and the loop would try again and again.
    fn interest<'s>(&'s self, wanted: &mut Interest<'s>);
    /// Whether it takes whatever comes: on a quiet socket (nothing was there lately) such an operation may wait before
    /// it tries.
    fn takes_what_comes(&self) -> bool {
        false
    }
    /// What it is about, where its descriptors do not tell: a name that is looked up, an address that is connected to. Asked
    /// only for whoever looks at who waits.
    fn subject(&self) -> Option<String> {
        None
    }
    /// Which way it moves bytes, at this moment. What moves none is no business of a policy's.
    fn moves(&self) -> Moves {
        Moves::Nothing
    }
}

/// An operation whose try is one system call. The fast path makes the bare call and need keep nothing else across it;
/// only where that has failed is the operation asked what the failure means.
pub(crate) trait OneCall: Operation {
    /// The system call, which never waits.
    fn call(&mut self) -> Result<Self::Output, Errno>;
    /// What the failure means for a try after a wait that saw `ready`.
    fn failed(&mut self, errno: Errno, ready: Readiness) -> Result<Self::Output, Pause>;
}

/// The whole try of an operation that is one call.
#[inline]
pub(crate) fn attempt_by_call<O: OneCall>(operation: &mut O, ready: Readiness) -> Result<O::Output, Pause> {
    operation.call().or_else(|errno| operation.failed(errno, ready))
}

/// What an operation waits for: any number of descriptors and latches, and a timer of its own.
#[derive(Default)]
pub struct Interest<'s> {
    pub(super) fds: SmallVec<[(BorrowedHandle<'s>, Readiness); 2]>,
    pub(super) latches: SmallVec<[&'s Latch; 2]>,
    pub(super) until: Option<Deadline>,
    pub(super) gate: Option<&'s Gate>,
    left: Option<&'s Gate>,
    pub(super) backing_off: bool,
}

impl<'s> Interest<'s> {
    /// Wait until the descriptor is ready in one of these ways.
    pub fn readiness(&mut self, fd: BorrowedHandle<'s>, ready: Readiness) {
        self.fds.push((fd, ready));
    }

    /// Wait until the latch is set.
    pub fn latch(&mut self, latch: &'s Latch) {
        self.latches.push(latch);
    }

    /// Wait until no call waits on this closed socket any more.
    pub(crate) fn desertion(&mut self, gate: &'s Gate) {
        self.left = Some(gate);
    }

    /// Wake up at this moment, whatever happens.
    pub fn timer(&mut self, at: Deadline) {
        self.until = Some(self.until.map_or(at, |until| until.min(at)));
    }

    /// Whether readiness was spurious too often, so that this wait leaves the descriptors out (their bells still count).
    pub fn is_backing_off(&self) -> bool {
        self.backing_off
    }

    /// Gives the keys of the bells that end the wait: the latches', and that of the socket's closing, which rings its gate.
    /// A wait without a gate has no bell for its descriptors: nobody would ring it.
    pub(super) fn for_each_key(&self, mut take: impl FnMut(usize)) {
        self.latches.iter().for_each(|latch| take(latch.key()));
        if let Some(gate) = self.gate {
            take(gate.key());
        }
        if let Some(gate) = self.left {
            take(gate.key_of_desertion());
        }
    }

    /// Whether something happened that ends the wait before it begins. Ask with the bells in hand, or a ring is lost.
    pub(super) fn is_called_off(&self) -> bool {
        let is_closed = self.gate.is_some_and(Gate::is_closed);
        is_closed || self.left.is_some_and(Gate::is_deserted) || self.latches.iter().any(|latch| latch.is_set())
    }

    /// The descriptors, with what they are waited for.
    pub fn descriptors(&self) -> &[(BorrowedHandle<'s>, Readiness)] {
        &self.fds
    }
}
