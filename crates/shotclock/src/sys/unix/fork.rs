//! What a fork changes: values that start anew in the child, whatever locks another thread held in the parent, and the
//! knowledge that there was one.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

static REGISTERED: AtomicBool = AtomicBool::new(false);
static FORKED: AtomicBool = AtomicBool::new(false);
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// From now on forks are noticed.
#[inline]
pub(crate) fn register() {
    if !REGISTERED.load(Ordering::Acquire) {
        register_handlers();
    }
}

/// Whether this process, or one that it was forked from, has forked since [`register`]: then other processes may have
/// its open files. Children made by posix_spawn(3) or vfork(2) are not noticed, and need not be: they begin another
/// program, and ours are close-on-exec.
#[inline]
pub(crate) fn has_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// How many forks lie between this process and the one in which they were first noticed.
#[inline]
pub(crate) fn generation() -> u32 {
    register();
    GENERATION.load(Ordering::Relaxed)
}

#[cold]
fn register_handlers() {
    // No Once: `make_one` says why. Two threads may register the handlers twice: then each fork counts twice, which
    // does no harm. SAFETY: both live for ever and only store to atomics. Out of memory leaves forks unnoticed, and the
    // next call tries again.
    if unsafe { libc::pthread_atfork(Some(note_fork), None, Some(note_child)) } == 0 {
        REGISTERED.store(true, Ordering::Release);
    }
}

extern "C" fn note_fork() {
    FORKED.store(true, Ordering::Relaxed);
}

extern "C" fn note_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// A lazily made process-wide value that a forked child does not share: the child finds none and makes its own. The
/// parent's is leaked there, since another thread may have been in the middle of changing it.
pub struct PerProcess<T: 'static> {
    value: AtomicPtr<T>,
    forget: extern "C" fn(),
    make: fn() -> T,
    registered: AtomicBool,
}

impl<T: Sync> PerProcess<T> {
    /// `forget` must call [`PerProcess::forget`] on this very static; the system calls it in the child, before anything
    /// else runs there.
    pub const fn new(make: fn() -> T, forget: extern "C" fn()) -> Self {
        Self { value: AtomicPtr::new(ptr::null_mut()), forget, make, registered: AtomicBool::new(false) }
    }

    /// The value of this process.
    #[inline]
    pub fn get(&'static self) -> &'static T {
        let value = self.value.load(Ordering::Acquire);
        // SAFETY: the pointer comes from Box::leak in `make_one` and is never freed; T is Sync.
        unsafe { value.as_ref() }.unwrap_or_else(|| self.make_one())
    }

    /// One atomic store, hence fit for a child of fork, where only async-signal-safe things may be done.
    pub fn forget(&self) {
        self.value.store(ptr::null_mut(), Ordering::Release);
    }

    #[cold]
    fn make_one(&'static self) -> &'static T {
        // No Once: a fork while another thread is inside it would leave the child waiting for ever. Two threads, or a
        // parent and its child, may register twice; to forget twice is to forget.
        if !self.registered.load(Ordering::Acquire) {
            // SAFETY: `forget` is an extern "C" function that lives for ever and only stores to an atomic. Out of
            // memory leaves it unregistered: then a child of fork shares the parent's value, as it would without us.
            unsafe { libc::pthread_atfork(None, None, Some(self.forget)) };
            self.registered.store(true, Ordering::Release);
        }
        let made = ptr::from_mut(Box::leak(Box::new((self.make)())));
        let swapped = self.value.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
        let value = match swapped {
            Ok(_) => made,
            Err(theirs) => {
                // SAFETY: another thread was faster; nobody has seen ours, made by Box::leak above.
                drop(unsafe { Box::from_raw(made) });
                theirs
            }
        };
        // SAFETY: as in `get`.
        unsafe { &*value }
    }
}
