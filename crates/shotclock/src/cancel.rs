//! What other threads may do to a wait: [`Canceller`], and the signals and gates the timed loop looks at.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::sys::wake;

/// Ends every wait whose limit names it, from any thread, for ever.
///
/// Cancelling is sticky: calls that begin later fail at once too, and there is no way back. Clones share one state.
/// `cancel` takes a lock, so it must not be called from a signal handler.
///
/// ```
/// use shotclock::{Canceller, Family, Kind, socketpair};
///
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let canceller = Canceller::new();
/// let theirs = canceller.clone();
/// let thread = std::thread::spawn(move || theirs.cancel());
/// let error = ours.cancelled_by(&canceller).recv(1).unwrap_err();
/// assert!(error.is_cancelled());
/// thread.join().unwrap();
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Canceller(Arc<Flags>);

#[derive(Default)]
struct Flags {
    own: Signal,
    /// The cancellers whose own flags count as well, each once.
    others: Box<[Canceller]>,
}

impl Canceller {
    /// A canceller that has not been used.
    ///
    /// ```
    /// assert!(!shotclock::Canceller::new().is_cancelled());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all waits under this canceller with an error whose `is_cancelled()` is true.
    ///
    /// ```
    /// let canceller = shotclock::Canceller::new();
    /// canceller.cancel();
    /// assert!(canceller.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        self.0.own.set();
    }

    /// A canceller that is cancelled with this one too, and by itself without it: one request among all those that a
    /// shutdown ends.
    ///
    /// ```
    /// use shotclock::Canceller;
    ///
    /// let shutdown = Canceller::new();
    /// let (one, other) = (shutdown.child(), shutdown.child());
    /// one.cancel();
    /// assert!(one.is_cancelled() && !other.is_cancelled() && !shutdown.is_cancelled());
    /// shutdown.cancel();
    /// assert!(other.is_cancelled());
    /// ```
    #[must_use]
    pub fn child(&self) -> Self {
        Self::any_of([self])
    }

    /// A canceller of its own that is cancelled, too, as soon as any of these is. Its waiters wait for all of them at once.
    ///
    /// ```
    /// use shotclock::{Canceller, Family, Kind, socketpair};
    ///
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let (user, shutdown) = (Canceller::new(), Canceller::new());
    /// let either = Canceller::any_of([&user, &shutdown]);
    /// shutdown.cancel();
    /// assert!(ours.cancelled_by(&either).recv(1).unwrap_err().is_cancelled());
    /// assert!(!user.is_cancelled());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[must_use]
    pub fn any_of<'c>(cancellers: impl IntoIterator<Item = &'c Self>) -> Self {
        let mut others: Vec<Self> = Vec::new();
        for canceller in cancellers {
            for one in canceller.each() {
                if !others.iter().any(|known| Arc::ptr_eq(&known.0, &one.0)) {
                    others.push(one.clone());
                }
            }
        }
        Self(Arc::new(Flags { own: Signal::default(), others: others.into() }))
    }

    /// Whether `cancel` was called on this canceller or a clone of it, or on one that it was made of.
    pub fn is_cancelled(&self) -> bool {
        self.signals().any(Signal::is_set)
    }

    /// The flags that count, one of which is its own.
    pub(crate) fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.each().map(|canceller| &canceller.0.own)
    }

    fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.0.others)
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").field("cancelled", &self.is_cancelled()).finish()
    }
}

/// A flag that wakes whoever waits for it: a cancellation, a finished lookup. Set once, for ever.
#[derive(Debug, Default)]
pub struct Signal(AtomicBool);

impl Signal {
    /// The number of the bell that is rung when the flag is set. Waiters borrow the flag, so it cannot move under them.
    pub(crate) fn key(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sets the flag and wakes its waiters.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
        wake::ring(self.key());
    }
}

/// A socket's state that its waiters look at: closed or not, under a policy or not, files that still use the descriptor,
/// and what is known about O_NONBLOCK.
#[derive(Debug, Default)]
pub struct Gate(AtomicU32);

impl Gate {
    const CLOSED: u32 = 1;
    const NONBLOCKING: u32 = 2;
    const SHARED: u32 = 4;
    const POLICY: u32 = 8;
    const STREAM: u32 = 16;
    const ONE_FILE: u32 = 32;

    /// The gate of a socket that was made non-blocking when it was made.
    pub(crate) const fn nonblocking() -> Self {
        Self(AtomicU32::new(Self::NONBLOCKING))
    }

    /// The number of the bell that is rung when the socket is closed. Waiters borrow the gate, so it cannot move under
    /// them.
    pub(crate) fn key(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// Whether the socket was closed by its own handle.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::CLOSED != 0
    }

    /// Not zero if the socket was closed by its own handle, or has a policy: to be combined with other such numbers in
    /// one branch.
    #[inline(always)]
    pub(crate) fn look_bits(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & (Self::CLOSED | Self::POLICY)
    }

    /// Whether a policy bounds the socket, or what it accepts.
    #[inline]
    pub(crate) fn has_policy(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::POLICY != 0
    }

    /// Announces a policy that is there, or says that there is none any more.
    pub(crate) fn set_policy(&self, is_there: bool) {
        if is_there {
            self.0.fetch_or(Self::POLICY, Ordering::Release);
        } else {
            self.0.fetch_and(!Self::POLICY, Ordering::Release);
        }
    }

    /// Marks the socket closed; true if the descriptor must go now, because no file uses it. Whoever waits on the
    /// socket learns of it by `ring`, after the descriptor has gone.
    pub(crate) fn close(&self) -> bool {
        let before = self.0.fetch_or(Self::CLOSED, Ordering::AcqRel);
        before & Self::CLOSED == 0 && before < Self::ONE_FILE
    }

    /// Wakes whoever waits on the socket.
    pub(crate) fn ring(&self) {
        wake::ring(self.key());
    }

    /// Counts one more file on the descriptor; false if the socket is closed.
    pub(crate) fn enter_file(&self) -> bool {
        let enter = |state: u32| (state & Self::CLOSED == 0).then(|| state + Self::ONE_FILE);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, enter).is_ok()
    }

    /// Counts one file less; true if the descriptor must go now, because its socket is closed and this file was the last.
    pub(crate) fn leave_file(&self) -> bool {
        let before = self.0.fetch_sub(Self::ONE_FILE, Ordering::AcqRel);
        before & Self::CLOSED != 0 && before < 2 * Self::ONE_FILE
    }

    /// Whether nobody else can be using the open file description: no file, no duplicate, no borrower.
    pub(crate) fn is_sole_user(&self) -> bool {
        let state = self.0.load(Ordering::Acquire);
        state < Self::ONE_FILE && state & Self::SHARED == 0
    }

    /// Whether O_NONBLOCK is known to be set, by us, on an open file description nobody else has.
    #[inline]
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.0.load(Ordering::Relaxed) & (Self::NONBLOCKING | Self::SHARED) == Self::NONBLOCKING
    }

    pub(crate) fn set_nonblocking(&self) {
        self.0.fetch_or(Self::NONBLOCKING, Ordering::Relaxed);
    }

    /// Whether the socket is known to be a stream, whose bytes have no boundaries.
    #[inline]
    pub(crate) fn is_stream(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::STREAM != 0
    }

    pub(crate) fn set_stream(&self) {
        self.0.fetch_or(Self::STREAM, Ordering::Relaxed);
    }

    /// Another descriptor shares the open file description now, and may change O_NONBLOCK at any time.
    pub(crate) fn set_shared(&self) {
        self.0.fetch_or(Self::SHARED, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_goes_with_the_last_user() {
        let gate = Gate::default();
        assert!(gate.enter_file() && gate.enter_file());
        assert!(!gate.close(), "two files still use it");
        assert!(!gate.close() && gate.is_closed(), "closing twice is one close");
        assert!(!gate.enter_file(), "no file on a closed socket");
        assert!(!gate.leave_file());
        assert!(gate.leave_file(), "the last file takes the descriptor along");

        let gate = Gate::nonblocking();
        assert!(gate.enter_file());
        assert!(!gate.leave_file(), "the socket still uses it");
        assert!(gate.close());
    }

    #[test]
    fn each_flag_of_a_family_counts_once() {
        let root = Canceller::new();
        let (child, sibling) = (root.child(), root.child());
        let both = Canceller::any_of([&child, &sibling, &child]);
        assert_eq!(both.signals().count(), 4, "its own, two children's and their parent's");
        assert_eq!(Canceller::any_of([]).signals().count(), 1);
        sibling.cancel();
        assert!(both.is_cancelled() && !child.is_cancelled() && !root.is_cancelled());
        both.cancel();
        assert!(!child.is_cancelled(), "nobody is cancelled by what was made of it");
        root.cancel();
        assert!(child.is_cancelled());
    }

    #[test]
    fn a_shared_description_is_never_trusted() {
        let gate = Gate::nonblocking();
        assert!(gate.is_nonblocking());
        gate.set_shared();
        gate.set_nonblocking();
        assert!(!gate.is_nonblocking());
    }
}
