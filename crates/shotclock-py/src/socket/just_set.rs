//! The number that a `settimeout` of this thread has last made non-blocking. `create_connection` makes a socket and sets its
//! timeout in one breath, and need not say again what was just said. Whoever asks for the number may change the file by
//! it: then nothing is known any more.

use std::cell::Cell;
use std::os::fd::RawFd;

/// In the place of a number.
const NONE: RawFd = -1;

thread_local! {
    static NUMBER: Cell<RawFd> = const { Cell::new(NONE) };
}

/// Notes that the number was made to block or not just now.
pub(crate) fn note(number: RawFd, nonblocking: bool) {
    NUMBER.set(if nonblocking { number } else { NONE });
}

/// Forgets the number: the program is told it, or it goes back to the system.
#[inline]
pub(crate) fn forget(number: RawFd) {
    if NUMBER.get() == number {
        NUMBER.set(NONE);
    }
}

/// Whether the number was made non-blocking just now, and nobody was told it since. Asked once.
pub(crate) fn is_nonblocking(number: RawFd) -> bool {
    number != NONE && NUMBER.replace(NONE) == number
}
