//! Processes that never fork.

use std::sync::OnceLock;

pub(crate) fn register() {}

pub(crate) fn has_forked() -> bool {
    false
}

pub(crate) fn generation() -> u32 {
    0
}

/// A lazily made value of the process.
pub struct PerProcess<T: 'static> {
    value: OnceLock<T>,
    make: fn() -> T,
}

impl<T: Sync> PerProcess<T> {
    /// `forget` would be called in a child of the process, which there is none of.
    pub const fn new(make: fn() -> T, _forget: extern "C" fn()) -> Self {
        Self { value: OnceLock::new(), make }
    }

    /// The value of this process.
    pub fn get(&'static self) -> &'static T {
        self.value.get_or_init(self.make)
    }

    /// Would have a child make its own.
    pub fn forget(&self) {}
}
