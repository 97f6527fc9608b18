//! Objects of the interpreter's that are made once and kept for ever.

use std::sync::OnceLock;

use crate::ffi::raised::PyResult;

struct Kept<T>(*mut T);

// SAFETY: an object that is never freed, used with the interpreter held.
unsafe impl<T> Send for Kept<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Kept<T> {}

/// Such an object, made when it is first wanted.
pub(crate) struct Once<T>(OnceLock<Kept<T>>);

impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The object. Where two threads make it at the same time, the first one counts.
    #[inline]
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> PyResult<*mut T>) -> PyResult<*mut T> {
        if let Some(Kept(made)) = self.0.get() {
            return Ok(*made);
        }
        let made = make()?;
        Ok(self.0.get_or_init(|| Kept(made)).0)
    }

    /// The object, if it was made.
    #[inline]
    pub(crate) fn get(&self) -> Option<*mut T> {
        self.0.get().map(|kept| kept.0)
    }
}
