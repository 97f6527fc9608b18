//! How many scopes, cancellers and policies there are, in the whole process: with none a call looks at one number.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// How many links are entered in the process. After a fork it may count some of threads that are no more, never less.
static LINKS: AtomicUsize = AtomicUsize::new(0);

/// The links, and the sockets that are under a policy: where there are neither a call looks at this one number.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Whether calls that nothing bounds are told of as well (`waits()`). It counts as one more in `OPEN`, so that a call
/// still looks at that one number.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// How often the process has left all that it was in.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Whether any link is entered, or any socket under a policy.
#[inline]
pub(crate) fn is_any_open() -> bool {
    OPEN.load(Ordering::Relaxed) != 0
}

/// So many sockets are under a policy now, and were before.
pub(crate) fn count_policies(before: usize, now: usize) {
    // Wraps around where they have become fewer.
    OPEN.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
}

/// Whether waits that nothing bounds are told of.
#[inline]
pub(crate) fn is_watched() -> bool {
    WATCHED.load(Ordering::Relaxed)
}

/// Has waits that nothing bounds told of from now on, or no longer; gives what was before.
pub(crate) fn set_watched(is: bool) -> bool {
    let was = WATCHED.swap(is, Ordering::Relaxed);
    match (was, is) {
        (false, true) => OPEN.fetch_add(1, Ordering::Relaxed),
        (true, false) => OPEN.fetch_sub(1, Ordering::Relaxed),
        _ => 0,
    };
    was
}

pub(crate) fn count_opened() {
    LINKS.fetch_add(1, Ordering::Relaxed);
    OPEN.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn count_closed() {
    LINKS.fetch_sub(1, Ordering::Relaxed);
    OPEN.fetch_sub(1, Ordering::Relaxed);
}

/// How often the process has left all: a link of another generation is not open.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// How many links are entered in the process.
pub(crate) fn links() -> usize {
    LINKS.load(Ordering::Relaxed)
}

/// What was entered is open no more.
pub(crate) fn leave_all() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    OPEN.fetch_sub(LINKS.swap(0, Ordering::Relaxed), Ordering::Relaxed);
}
