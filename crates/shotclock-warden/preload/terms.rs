//! What the warden asks for, in one variable of the environment, read once at the beginning.
//!
//! `SHOTCLOCK_RUN=LOOKUP DATAGRAM END REGION..`: nanoseconds for a lookup and for a datagram (0: no limit), the total's end on
//! CLOCK_MONOTONIC in nanoseconds (0: none), then the paths of the regions of all wardens that there are.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::{c, place, region};

static LOOKUP: AtomicU64 = AtomicU64::new(0);
static DATAGRAM: AtomicU64 = AtomicU64::new(0);
static END: AtomicU64 = AtomicU64::new(0);

/// Until when a lookup may take that begins now; `None`: for ever, and nobody may want to end it.
pub(crate) fn end_of_lookup() -> Option<u64> {
    earlier(LOOKUP.load(Relaxed)).or_else(|| place::are_all_asked_apart().then_some(u64::MAX))
}

/// Whether that is the total's end.
pub(crate) fn is_of_total(end: u64) -> bool {
    end == total()
}

/// So much later than the total lookups end where code of ours keeps to the total by itself, and says so, in nanoseconds; as the
/// warden has it.
const FIRST: u64 = 1_000_000_000;

fn total() -> u64 {
    let end = END.load(Relaxed);
    if end != 0 && place::are_all_asked_apart() { end.saturating_add(FIRST) } else { end }
}

/// How long a datagram may be waited for from now on, in nanoseconds.
pub(crate) fn datagram() -> Option<u64> {
    Some(DATAGRAM.load(Relaxed)).filter(|limit| *limit != 0)
}

fn earlier(limit: u64) -> Option<u64> {
    match (limit, total()) {
        (0, 0) => None,
        (0, end) => Some(end),
        (limit, 0) => Some(c::now().saturating_add(limit)),
        (limit, end) => Some(c::now().saturating_add(limit).min(end)),
    }
}

pub(crate) fn read() {
    // SAFETY: a name that ends; what it gives stays until the program changes its environment, which has not begun.
    let (text, size) = unsafe {
        let text = c::getenv(c"SHOTCLOCK_RUN".as_ptr());
        if text.is_null() {
            return;
        }
        (text.cast::<u8>(), c::strlen(text))
    };
    // SAFETY: so many bytes are there.
    let mut rest = unsafe { core::slice::from_raw_parts(text, size) };
    for limit in [&LOOKUP, &DATAGRAM, &END] {
        let word;
        (word, rest) = split(rest);
        limit.store(number(word), Relaxed);
    }
    let known = AtomicUsize::new(0);
    while !rest.is_empty() {
        let path;
        (path, rest) = split(rest);
        region::add(path, &known);
    }
}

fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b' ') {
        Some(at) => {
            let (word, rest) = text.split_at(at);
            (word, rest.get(1..).unwrap_or_default())
        }
        None => (text, &[]),
    }
}

fn number(text: &[u8]) -> u64 {
    let digit = |byte: &u8| u64::from(byte.wrapping_sub(b'0'));
    text.iter().fold(0, |number: u64, byte| number.saturating_mul(10).saturating_add(digit(byte)))
}
