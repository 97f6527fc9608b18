//! Values that start anew in a forked child, whatever locks another thread held in the parent.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// A lazily made process-wide value that a forked child does not share: the child finds none and makes its own. The
/// parent's is leaked there, since another thread may have been in the middle of changing it.
pub(crate) struct PerProcess<T: 'static> {
    value: AtomicPtr<T>,
    forget: extern "C" fn(),
    make: fn() -> T,
    registered: AtomicBool,
}

impl<T: Sync> PerProcess<T> {
    /// `forget` must call [`PerProcess::forget`] on this very static; it runs in the child, before anything else.
    pub(crate) const fn new(make: fn() -> T, forget: extern "C" fn()) -> Self {
        Self { value: AtomicPtr::new(ptr::null_mut()), forget, make, registered: AtomicBool::new(false) }
    }

    /// The value of this process.
    #[inline]
    pub(crate) fn get(&'static self) -> &'static T {
        let value = self.value.load(Ordering::Acquire);
        // SAFETY: the pointer comes from Box::leak in `make_one` and is never freed; T is Sync.
        unsafe { value.as_ref() }.unwrap_or_else(|| self.make_one())
    }

    /// One atomic store, hence fit for a child of fork, where only async-signal-safe things may be done.
    pub(crate) fn forget(&self) {
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
