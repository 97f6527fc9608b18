//! Which sockets nobody else can have: they were made here, no program was told their numbers, and the process has never
//! forked. Their O_NONBLOCK is what our own methods have made it, so that no try need look at it or guard against others.
//!
//! That is known of objects of our own type alone: those of the interpreter's are made by its own code, which we do not see.
//! A number that was guessed, as one may guess any, is nobody's to protect; the core holds it so as well.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use shotclock::unstable;

/// Of higher numbers nothing is known.
const MOST: usize = 4096;

/// By number. Changed with the interpreter held.
static SOLE: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];

fn place(number: RawFd) -> Option<&'static AtomicBool> {
    usize::try_from(number).ok().and_then(|number| SOLE.get(number))
}

/// A socket was made, whose number nobody has but its object.
pub(crate) fn born(number: RawFd) {
    unstable::notice_forks();
    if let Some(place) = place(number) {
        place.store(true, Ordering::Relaxed);
    }
}

/// The program is told the number, or it goes back to the system.
#[inline]
pub(crate) fn end(number: RawFd) {
    if let Some(place) = place(number) {
        place.store(false, Ordering::Relaxed);
    }
}

/// Whether nobody else can have the file of the socket with this number.
#[inline]
pub(crate) fn is_sole(number: RawFd) -> bool {
    place(number).is_some_and(|place| place.load(Ordering::Relaxed)) && !unstable::has_forked()
}
