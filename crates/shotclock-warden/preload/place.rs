//! Who waits for a lookup, so that code of ours in the same process can end it: a scope of Python's that is over.
//!
//! Each wait has a place in a list that stays, with its thread and a bell. Who ends one touches the place alone, never the
//! lookup, which its thread may have freed by then.

use core::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use crate::c;

/// How many waits can be ended; those beyond end by their limits alone.
const MOST: usize = 64;

/// Who waits, above a bit that says whether that was ended; zero while nobody does. In a forked child the places of threads
/// that it does not have stay taken.
static WAITS: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];
/// One each, and one for all waits beyond. Whoever waits there looks again when it is rung.
static BELLS: [AtomicU32; MOST + 1] = [const { AtomicU32::new(0) }; MOST + 1];

const ENDED: u64 = 1;

/// Whether lookups without any limit are asked in a thread of their own as well, so that they can be ended.
static ALL_ASKED_APART: AtomicBool = AtomicBool::new(false);

pub(crate) fn ask_all_apart() {
    ALL_ASKED_APART.store(true, Relaxed);
}

pub(crate) fn are_all_asked_apart() -> bool {
    ALL_ASKED_APART.load(Relaxed)
}

/// The place of this thread's wait, which is over when this is dropped.
pub(crate) struct Place {
    at: usize,
    wait: u64,
}

impl Place {
    pub(crate) fn take() -> Self {
        // SAFETY: it has no preconditions.
        let thread = unsafe { c::syscall(c::call::GETTID) };
        let wait = thread.cast_unsigned() << 1;
        let is_free = |place: &AtomicU64| place.compare_exchange(0, wait, AcqRel, Relaxed).is_ok();
        Self { at: WAITS.iter().position(is_free).unwrap_or(MOST), wait }
    }

    pub(crate) fn bell(&self) -> &'static AtomicU32 {
        &BELLS[self.at]
    }

    /// Whether somebody has ended the wait.
    pub(crate) fn is_ended(&self) -> bool {
        WAITS.get(self.at).is_some_and(|place| place.load(Acquire) == self.wait | ENDED)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(place) = WAITS.get(self.at) {
            place.store(0, Release);
        }
    }
}

/// Wakes whoever waits at a bell.
pub(crate) fn ring(bell: &AtomicU32) {
    bell.fetch_add(1, Release);
    // SAFETY: it stays for ever.
    unsafe { c::syscall(c::call::FUTEX, core::ptr::from_ref(bell), c::FUTEX_WAKE_PRIVATE, i32::MAX) };
}

/// Whether the thread waits for a lookup that nobody has ended.
pub(crate) fn is_waiting(thread: u32) -> bool {
    WAITS.iter().any(|place| place.load(Acquire) == u64::from(thread) << 1)
}

/// Ends the lookup that the thread waits for, and says whether there was one. Keeps errno.
pub(crate) fn end(thread: u32) -> bool {
    let wait = u64::from(thread) << 1;
    let is_it = |place: &AtomicU64| place.compare_exchange(wait, wait | ENDED, AcqRel, Relaxed).is_ok();
    let Some(at) = WAITS.iter().position(is_it) else { return false };
    let errno = c::errno();
    ring(&BELLS[at]);
    c::set_errno(errno);
    true
}
