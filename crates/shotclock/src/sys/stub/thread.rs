//! Threads, as std makes them.

use std::io::Result;
use std::thread::{Builder, JoinHandle};

/// There are no such names.
pub(crate) fn own_names() -> (usize, u32) {
    (0, 0)
}

pub(crate) fn spawn_detached(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    spawn(name, work).map(drop)
}

pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(work)
}
