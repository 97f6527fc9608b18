//! [`ScopeId`]: which scope, for errors that name it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which scope: a number that no other scope of this process has.
///
/// ```
/// use shotclock::DeadlineScope;
/// let guard = DeadlineScope::enter(None);
/// assert_eq!(guard.scope().id().to_string(), guard.scope().id().number().to_string());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeId(u64);

impl ScopeId {
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The number; the first scope of a process is 1.
    ///
    /// ```
    /// assert!(shotclock::DeadlineScope::enter(None).scope().id().number() > 0);
    /// ```
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
