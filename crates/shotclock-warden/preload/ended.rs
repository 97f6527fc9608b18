//! Connections that code of ours in this very process has ended: see `face.rs`.

use core::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Release},
};

/// How many there is room for; the oldest give way.
const MOST: usize = 256;

static COUNT: AtomicU64 = AtomicU64::new(0);
static COOKIES: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];

pub(crate) fn note(cookie: u64) {
    let number = COUNT.fetch_add(1, AcqRel);
    COOKIES[(number % MOST as u64) as usize].store(cookie, Release);
}

/// No cookie is zero.
pub(crate) fn take_back(cookie: u64) {
    for each in &COOKIES {
        let _ = each.compare_exchange(cookie, 0, AcqRel, Acquire);
    }
}

/// Whether there was ever any.
#[inline]
pub(crate) fn is_any() -> bool {
    COUNT.load(Acquire) != 0
}

pub(crate) fn has(cookie: u64) -> bool {
    is_any() && COOKIES.iter().any(|each| each.load(Acquire) == cookie)
}
