//! Which sockets nobody else can have: they were made here, no program was told their numbers, and the process has never
//! forked. Their O_NONBLOCK is what our own methods have made it, so that no try need look at it or guard against others.
//!
//! That is known of objects of our own type alone: those of the interpreter's are made by its own code, which we do not see.
//! A number that was guessed, as one may guess any, is nobody's to protect; the core holds it so as well.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use shotclock::unstable;

use super::just_set;

/// Of higher numbers nothing is known.
const MOST: usize = 4096;

/// What stands for a number that nobody else has; above it the tries that are under way count.
const IS_SOLE: usize = 1;
const TRY: usize = 2;

/// So often who tells a number looks whether the tries that relied on it are over, which never wait.
const LOOKS: usize = 100_000;

/// By number. Only tries change it without the interpreter.
static SOLE: [AtomicUsize; MOST] = [const { AtomicUsize::new(0) }; MOST];

fn place(number: RawFd) -> Option<&'static AtomicUsize> {
    usize::try_from(number).ok().and_then(|number| SOLE.get(number))
}

/// A socket was made, whose number nobody has but its object.
pub(crate) fn born(number: RawFd) {
    unstable::notice_forks();
    if let Some(place) = place(number) {
        place.fetch_or(IS_SOLE, Ordering::SeqCst);
    }
}

/// The program is told the number, or it goes back to the system: nothing that was known of it holds any more.
#[inline]
pub(crate) fn told(number: RawFd) {
    just_set::forget();
    end(number);
}

/// Somebody else may have the number from now on. Waits for the tries that rely on it that nobody has.
#[inline]
pub(crate) fn end(number: RawFd) {
    if let Some(place) = place(number)
        && place.load(Ordering::SeqCst) & IS_SOLE != 0
    {
        place.fetch_and(!IS_SOLE, Ordering::SeqCst);
        (0..LOOKS).take_while(|_| place.load(Ordering::SeqCst) >= TRY).for_each(|_| thread::yield_now());
    }
}

/// A try that relies on it that nobody else has the file.
pub(crate) struct SoleTry(&'static AtomicUsize);

impl SoleTry {
    /// `None` if somebody else may have it. With the interpreter held or not.
    #[inline]
    pub(crate) fn on(number: RawFd) -> Option<Self> {
        let place = place(number).filter(|_| !unstable::has_forked())?;
        let is_sole = place.fetch_add(TRY, Ordering::SeqCst) & IS_SOLE != 0;
        let counted = Self(place);
        is_sole.then_some(counted)
    }
}

impl Drop for SoleTry {
    fn drop(&mut self) {
        self.0.fetch_sub(TRY, Ordering::SeqCst);
    }
}
