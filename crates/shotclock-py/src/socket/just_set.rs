//! The number that a `settimeout` of this thread has last made non-blocking. `create_connection` makes a socket and sets its
//! timeout in one breath, and need not say again what was just said. Whoever asks for a number, in whatever thread, may change
//! the file by it: then nothing is known any more.

use std::cell::Cell;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};

/// In the place of a number.
const NONE: RawFd = -1;

thread_local! {
    /// The number, and how often numbers were told by then.
    static NUMBER: Cell<(RawFd, usize)> = const { Cell::new((NONE, 0)) };
}

/// How often a program was told a number, or has given one back to the system. Changed with the interpreter held.
static TOLD: AtomicUsize = AtomicUsize::new(0);

fn told() -> usize {
    TOLD.load(Ordering::Relaxed)
}

/// Notes that the number was made to block or not just now.
pub(crate) fn note(number: RawFd, nonblocking: bool) {
    NUMBER.set((if nonblocking { number } else { NONE }, told()));
}

/// Forgets all numbers: the program is told one, or it goes back to the system.
#[inline]
pub(crate) fn forget() {
    TOLD.store(told().wrapping_add(1), Ordering::Relaxed);
}

/// Whether the number was made non-blocking just now, and nobody was told any since. Asked once.
pub(crate) fn is_nonblocking(number: RawFd) -> bool {
    number != NONE && NUMBER.replace((NONE, 0)) == (number, told())
}
