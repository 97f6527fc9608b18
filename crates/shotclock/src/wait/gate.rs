//! The state of a socket that its calls look at, in all threads: [`Gate`].

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::{Errno, fork, wake};

/// Closed or not, under a policy or not, whose the open file is, the calls that wait on the socket, and the files that
/// use its descriptor: one number, so that a call that comes to wait either sees that the socket is closed or is seen
/// by the close.
#[derive(Debug, Default)]
pub struct Gate(AtomicU32);

/// What a close finds: the first one of a socket, or a later one.
pub(crate) struct Closing<'g> {
    /// The descriptor must go now, because no file uses it. Whoever else closes waits until this is dropped.
    pub(crate) burial: Option<Visit<'g>>,
    /// Some call may be waiting on the socket, and learns of its end by [`Gate::ring`], after the descriptor has gone.
    pub(crate) is_waited_on: bool,
}

/// A call that is counted, until it is dropped.
pub(crate) struct Visit<'g>(&'g Gate);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// The bits of a gate, apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State(u32);

impl State {
    const CLOSED: u32 = 1;
    /// Somebody else may have the open file, and may change O_NONBLOCK at any time.
    const SHARED: u32 = 2;
    const POLICY: u32 = 4;
    /// Whoever closed it waits for the calls to leave.
    const AWAITED: u32 = 8;
    /// Its bytes have no boundaries, as far as is known.
    const STREAM: u32 = 16;
    /// The last receive that tried at once found nothing, and waited.
    const QUIET: u32 = 32;
    /// How many forks before this process, as far as three bits tell: visits counted in a parent are of threads that a
    /// forked child does not have.
    const ONE_GENERATION: u32 = 1 << 6;
    const GENERATIONS: u32 = 7 << 6;
    const ONE_VISIT: u32 = 1 << 9;
    /// All bits set: too many to count, for ever.
    const VISITS: u32 = 0xfff << 9;
    const ONE_FILE: u32 = 1 << 21;
    const FILES: u32 = 0x7ff << 21;

    /// The state as this process reads it: after a fork the visits that its parent counted are void.
    fn here(self) -> Self {
        // The generation has three bits: eight forks later an old count looks like a new one. Then a close waits in
        // vain, for a second at most.
        let generation = fork::generation().wrapping_mul(Self::ONE_GENERATION) & Self::GENERATIONS;
        if self.0 & Self::GENERATIONS == generation {
            return self;
        }
        Self(self.0 & !(Self::GENERATIONS | Self::VISITS) | generation)
    }

    fn is(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    fn is_uncounted(self) -> bool {
        self.0 & Self::VISITS == Self::VISITS
    }

    fn with_visit(self) -> Self {
        if self.is_uncounted() { self } else { Self(self.0 + Self::ONE_VISIT) }
    }

    fn without_visit(self) -> Self {
        if self.is_uncounted() || !self.is(Self::VISITS) { self } else { Self(self.0 - Self::ONE_VISIT) }
    }
}

impl Gate {
    /// The gate of a socket that was made non-blocking when it was made, and that nobody else has.
    #[inline]
    pub(crate) fn of_sole_owner(is_stream: bool) -> Self {
        // A fork shares what is made from now on.
        fork::register();
        Self(AtomicU32::new(if is_stream { State::STREAM } else { 0 }))
    }

    /// The gate of a socket whose open file others may have.
    pub(crate) fn of_shared_file() -> Self {
        Self(AtomicU32::new(State::SHARED))
    }

    /// The number of the bell that is rung when the socket is closed. Waiters borrow the gate, so it cannot move under
    /// them.
    pub(crate) fn key(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// The number of the bell that is rung when the last call has left a closed socket.
    pub(crate) fn key_of_desertion(&self) -> usize {
        !self.key()
    }

    /// Whether the socket was closed by its own handle.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed) & State::CLOSED != 0
    }

    /// Not zero if the socket was closed by its own handle, or has a policy, or, for a call that takes what comes, if it is
    /// quiet: to be combined with other such numbers in one branch.
    #[inline(always)]
    pub(crate) fn look_bits(&self, takes_what_comes: bool) -> u32 {
        let quiet = if takes_what_comes { State::QUIET } else { 0 };
        self.0.load(Ordering::Relaxed) & (State::CLOSED | State::POLICY | quiet)
    }

    /// Whether the last receive that tried at once found nothing.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.load(Ordering::Relaxed) & State::QUIET != 0
    }

    /// Notes whether a receive that tried at once found nothing.
    pub(crate) fn set_quiet(&self, quiet: bool) {
        match (quiet, self.is_quiet()) {
            (true, false) => _ = self.0.fetch_or(State::QUIET, Ordering::Relaxed),
            (false, true) => _ = self.0.fetch_and(!State::QUIET, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Whether a policy bounds the socket, or what it accepts.
    #[inline]
    pub(crate) fn has_policy(&self) -> bool {
        self.0.load(Ordering::Relaxed) & State::POLICY != 0
    }

    /// Announces a policy that is there, or says that there is none any more.
    pub(crate) fn set_policy(&self, is_there: bool) {
        if is_there {
            self.0.fetch_or(State::POLICY, Ordering::Release);
        } else {
            self.0.fetch_and(!State::POLICY, Ordering::Release);
        }
    }

    /// Whether O_NONBLOCK is set for certain: from birth, on an open file that nobody else has.
    #[inline]
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.is_sole_owner()
    }

    /// Whether nobody else has the open file for certain. A process that has ever forked is certain of none.
    #[inline]
    pub(crate) fn is_sole_owner(&self) -> bool {
        self.0.load(Ordering::Relaxed) & State::SHARED == 0 && !fork::has_forked()
    }

    /// Another descriptor shares the open file now, and may change O_NONBLOCK at any time.
    pub(crate) fn set_shared(&self) {
        self.0.fetch_or(State::SHARED, Ordering::Relaxed);
    }

    /// Whether the socket is known to be a stream, whose bytes have no boundaries.
    #[inline]
    pub(crate) fn is_stream(&self) -> bool {
        self.0.load(Ordering::Relaxed) & State::STREAM != 0
    }

    pub(crate) fn set_stream(&self) {
        self.0.fetch_or(State::STREAM, Ordering::Relaxed);
    }

    /// Counts a call that is about to wait. It asks whether the socket is closed after that.
    pub(crate) fn enter(&self) -> Visit<'_> {
        self.change(State::with_visit);
        Visit(self)
    }

    fn leave(&self) {
        let before = self.change(State::without_visit);
        let after = before.without_visit();
        if after.is(State::AWAITED) && !after.is(State::VISITS) {
            wake::ring(self.key_of_desertion());
        }
    }

    /// Marks the socket closed.
    pub(crate) fn close(&self) -> Closing<'_> {
        let closed = |state: State| {
            let goes = !state.is(State::CLOSED | State::FILES);
            let state = if goes { state.with_visit() } else { state };
            State(state.0 | State::CLOSED)
        };
        let before = self.change(closed);
        let goes = !before.is(State::CLOSED | State::FILES);
        Closing { burial: goes.then(|| Visit(self)), is_waited_on: before.is(State::VISITS) }
    }

    /// Wakes whoever waits on the socket.
    pub(crate) fn ring(&self) {
        wake::ring(self.key());
    }

    /// From now on the last call to leave rings the bell of the desertion.
    pub(crate) fn await_desertion(&self) {
        self.0.fetch_or(State::AWAITED, Ordering::AcqRel);
    }

    /// Whether no call of this process waits on the socket.
    pub(crate) fn is_deserted(&self) -> bool {
        !State(self.0.load(Ordering::Acquire)).here().is(State::VISITS)
    }

    /// Counts one more file on the descriptor.
    ///
    /// # Errors
    /// EBADF if the socket is closed, EMFILE if it has 2047 files.
    pub(crate) fn enter_file(&self) -> Result<(), Errno> {
        let mut refusal = Errno::BADF;
        let entered = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |state| {
            refusal = if state & State::CLOSED != 0 { Errno::BADF } else { Errno::MFILE };
            (state & State::CLOSED == 0 && state & State::FILES != State::FILES).then(|| state + State::ONE_FILE)
        });
        entered.map(drop).map_err(|_| refusal)
    }

    /// Counts one file less; true if the descriptor must go now, because its socket is closed and this file was the last.
    pub(crate) fn leave_file(&self) -> bool {
        let before = self.0.fetch_sub(State::ONE_FILE, Ordering::AcqRel);
        before & State::CLOSED != 0 && before & State::FILES == State::ONE_FILE
    }

    /// Replaces the state by what `next` makes of it, both as this process reads them; gives the one before.
    fn change(&self, next: impl Fn(State) -> State) -> State {
        let mut found = self.0.load(Ordering::Acquire);
        loop {
            let before = State(found).here();
            match self.0.compare_exchange_weak(found, next(before).0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return before,
                Err(other) => found = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_goes_with_the_last_user() {
        let gate = Gate::default();
        assert!(gate.enter_file().is_ok() && gate.enter_file().is_ok());
        assert!(gate.close().burial.is_none(), "two files still use it");
        assert!(gate.close().burial.is_none() && gate.is_closed(), "closing twice is one close");
        assert_eq!(gate.enter_file(), Err(Errno::BADF), "no file on a closed socket");
        assert!(!gate.leave_file());
        assert!(gate.leave_file(), "the last file takes the descriptor along");

        let gate = Gate::of_sole_owner(false);
        gate.enter_file().unwrap();
        assert!(!gate.leave_file(), "the socket still uses it");
        assert!(gate.close().burial.is_some());
        assert!(gate.close().burial.is_none());
    }

    #[test]
    fn files_are_counted_up_to_an_end() {
        let gate = Gate::default();
        let entered = (0..3000).filter(|_| gate.enter_file().is_ok()).count();
        assert_eq!((entered, gate.enter_file()), (2047, Err(Errno::MFILE)));
        assert!(gate.is_deserted() && !gate.is_closed(), "no bit of another's was touched");
    }

    #[test]
    fn who_closes_learns_of_the_calls_and_of_the_one_that_buries() {
        let gate = Gate::default();
        let call = gate.enter();
        let first = gate.close();
        assert!(first.is_waited_on && first.burial.is_some());
        drop(call);
        assert!(!gate.is_deserted(), "the descriptor has not gone yet");
        let second = gate.close();
        assert!(second.is_waited_on && second.burial.is_none());
        drop(first);
        assert!(gate.is_deserted() && !gate.close().is_waited_on);
    }

    #[test]
    fn too_many_calls_to_count_are_never_taken_for_none() {
        let gate = Gate::default();
        let calls: Vec<_> = (0..5000).map(|_| gate.enter()).collect();
        drop(calls);
        assert!(!gate.is_deserted() && gate.close().is_waited_on);
        assert!(gate.close().burial.is_none(), "no bit of another's was touched");
    }

    #[test]
    fn a_shared_file_is_never_trusted() {
        let gate = Gate::of_sole_owner(false);
        assert!(gate.is_nonblocking());
        gate.set_shared();
        assert!(!gate.is_nonblocking());
        assert!(!Gate::of_shared_file().is_nonblocking());
    }
}
