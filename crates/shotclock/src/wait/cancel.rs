//! What other threads may do to a wait: [`Canceller`], and the latches that the timed loop looks at.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::wake;

/// Ends every wait whose limit names it, from any thread, for ever.
///
/// Cancelling is sticky: calls that begin later fail at once too, and there is no way back. Clones share one state.
/// `cancel` takes a lock, so it must not be called from a signal handler.
///
/// Name it for the calls of a view ([`Socket::cancelled_by`](crate::Socket::cancelled_by)), or for all that a piece of code
/// does ([`with_canceller`](crate::with_canceller)); there a last word to the peer, once it is cancelled, needs a
/// [`shield`](crate::shield).
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
pub struct Canceller(Arc<Latches>);

#[derive(Default)]
struct Latches {
    own: Latch,
    others: Others,
}

/// Whose flags count beside a canceller's own.
#[derive(Default)]
enum Others {
    #[default]
    None,
    /// The parent's, and all that count for the parent. It is a link: a chain of children takes one for each.
    Parent(Canceller),
    /// The own flags of these, each once: what they were made of is among them.
    Several(Box<[Canceller]>),
}

/// Takes a long chain apart link by link: if each link dropped the next, the stack would overflow.
impl Drop for Latches {
    fn drop(&mut self) {
        let mut others = std::mem::take(&mut self.others);
        while let Others::Parent(parent) = others {
            others = match Arc::into_inner(parent.0) {
                Some(mut flags) => std::mem::take(&mut flags.others),
                None => return,
            };
        }
    }
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
        Self::beside(Others::Parent(self.clone()))
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
        let (mut seen, mut others) = (HashSet::new(), Vec::new());
        for canceller in cancellers {
            others.extend(canceller.each().filter(|one| seen.insert(Arc::as_ptr(&one.0))).cloned());
        }
        Self::beside(Others::Several(others.into()))
    }

    fn beside(others: Others) -> Self {
        Self(Arc::new(Latches { own: Latch::default(), others }))
    }

    /// Whether `cancel` was called on this canceller or a clone of it, or on one that it was made of.
    pub fn is_cancelled(&self) -> bool {
        self.latches().any(Latch::is_set)
    }

    /// The flags that count, one of which is its own.
    pub(crate) fn latches(&self) -> impl Iterator<Item = &Latch> {
        self.each().map(|canceller| &canceller.0.own)
    }

    /// This one and all whose own flags count for it, each once.
    fn each(&self) -> impl Iterator<Item = &Self> {
        let chain = std::iter::successors(Some(self), |one| match &one.0.others {
            Others::Parent(parent) => Some(parent),
            Others::None | Others::Several(_) => None,
        });
        chain.flat_map(|one| {
            let several: &[Self] = if let Others::Several(several) = &one.0.others { several } else { &[] };
            std::iter::once(one).chain(several)
        })
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").field("cancelled", &self.is_cancelled()).finish()
    }
}

const MOST_CANCELLERS: usize = 4;

/// The cancellers of one call: any of them ends it.
#[derive(Clone, Copy, Debug)]
pub struct Cancellers<'c> {
    each: [Option<&'c Canceller>; MOST_CANCELLERS],
    are_too_many: bool,
}

impl<'c> Cancellers<'c> {
    /// Nobody may cancel the call.
    pub const NONE: Self = Self { each: [None; MOST_CANCELLERS], are_too_many: false };
    /// So many a call may have; one made of many by [`Canceller::any_of`] counts as one.
    pub const MOST: usize = MOST_CANCELLERS;

    /// These, and one more. One too many is remembered, for the call to refuse.
    #[must_use]
    pub const fn and(mut self, canceller: &'c Canceller) -> Self {
        let mut at = 0;
        while at < Self::MOST {
            if self.each[at].is_none() {
                self.each[at] = Some(canceller);
                return self;
            }
            at += 1;
        }
        self.are_too_many = true;
        self
    }

    /// Just this one, if there is one.
    pub fn just(canceller: Option<&'c Canceller>) -> Self {
        canceller.map_or(Self::NONE, |canceller| Self::NONE.and(canceller))
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.each[0].is_none()
    }

    /// Whether there were more than there is room for.
    pub(crate) fn are_too_many(&self) -> bool {
        self.are_too_many
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.iter().any(Canceller::is_cancelled)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'c Canceller> {
        self.each.iter().copied().flatten()
    }
}

/// A flag that is set once, for ever, and wakes whoever waits for it: a cancellation, a finished lookup.
///
/// Beside the flag it counts who waits: where nobody does, nothing is rung. Both are one number, so that whoever begins
/// to wait either sees the flag or is seen by who sets it.
#[derive(Debug, Default)]
pub struct Latch(AtomicU32);

impl Latch {
    const SET: u32 = 1;
    const ONE_WAITER: u32 = 2;

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire) & Self::SET != 0
    }

    /// Sets the flag and wakes its waiters.
    pub fn set(&self) {
        let before = self.0.fetch_or(Self::SET, Ordering::AcqRel);
        // A forked child counts its parent's too, and rings for nobody at times.
        if before >= Self::ONE_WAITER {
            wake::ring(self.key());
        }
    }

    /// Counts this thread among the waiters. It takes the bell after that, and then asks whether the flag is set.
    pub(crate) fn enter(&self) {
        self.0.fetch_add(Self::ONE_WAITER, Ordering::AcqRel);
    }

    pub(crate) fn leave(&self) {
        self.0.fetch_sub(Self::ONE_WAITER, Ordering::Release);
    }

    /// The number of the bell that is rung when the flag is set. Waiters borrow the flag, so it cannot move under them.
    pub(crate) fn key(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_of_a_family_counts_once() {
        let root = Canceller::new();
        let (child, sibling) = (root.child(), root.child());
        let both = Canceller::any_of([&child, &sibling, &child]);
        assert_eq!(both.latches().count(), 4, "its own, two children's and their parent's");
        assert_eq!(Canceller::any_of([]).latches().count(), 1);
        sibling.cancel();
        assert!(both.is_cancelled() && !child.is_cancelled() && !root.is_cancelled());
        both.cancel();
        assert!(!child.is_cancelled(), "nobody is cancelled by what was made of it");
        root.cancel();
        assert!(child.is_cancelled());
        let mixed = Canceller::any_of([&root, &Canceller::any_of([&root, &sibling]).child()]);
        assert_eq!(mixed.latches().count(), 5, "what comes after a flag that is known counts too");
    }

    #[test]
    fn a_deep_chain_is_as_long_as_it_is_deep() {
        let root = Canceller::new();
        let deepest = (0..100_000).fold(root.child(), |canceller, _| canceller.child());
        assert_eq!(deepest.latches().count(), 100_002);
        root.cancel();
        assert!(deepest.is_cancelled());
    }

    #[test]
    fn a_latch_knows_its_waiters() {
        let latch = Latch::default();
        latch.enter();
        latch.set();
        latch.leave();
        assert!(latch.is_set());
        assert_eq!(latch.0.load(Ordering::Relaxed), Latch::SET);
    }
}
