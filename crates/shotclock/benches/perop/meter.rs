//! What is measured, and only within the marked parts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::by_libc;

/// Measures the parts that a scenario marks; what lies between them (peers, closing) is left out.
pub(crate) enum Meter {
    /// Nothing: a warm-up.
    Off,
    /// The time.
    Clock(Duration),
    /// Calls of the allocator, by any thread.
    Allocations(u64),
    /// A getppid before and after, to be found in strace's output.
    Trace,
    /// callgrind collects in `measured_part` by itself.
    Callgrind,
}

impl Meter {
    pub(crate) fn measure(&mut self, part: impl FnOnce()) {
        match self {
            Self::Off => part(),
            Self::Clock(elapsed) => {
                let start = Instant::now();
                measured_part(part);
                *elapsed += start.elapsed();
            }
            Self::Allocations(count) => {
                let before = COUNT.load(Ordering::Relaxed);
                measured_part(part);
                *count += COUNT.load(Ordering::Relaxed) - before;
            }
            Self::Trace => {
                by_libc::mark();
                measured_part(part);
                by_libc::mark();
            }
            Self::Callgrind => measured_part(part),
        }
    }
}

/// callgrind is told to collect from here, by this name.
#[inline(never)]
fn measured_part(part: impl FnOnce()) {
    part();
    // Something must follow, or the call above becomes a jump and this function is never left.
    std::hint::black_box(());
}

/// The system's allocator, and how often it was asked for memory.
pub(crate) struct Allocations;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: each method hands its arguments to the system's allocator and its answer back, unchanged.
unsafe impl GlobalAlloc for Allocations {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
