//! Threads, as std makes them: there are no signals to be kept away from them.

use std::io::Result;
use std::thread::{Builder, JoinHandle};

use windows_sys::Win32::System::Threading::GetCurrentThreadId;

/// This thread's number, which is both of its names.
#[cfg_attr(not(feature = "waits"), allow(dead_code, reason = "asked for by who shows waits"))]
pub(crate) fn own_names() -> (usize, u32) {
    // SAFETY: it asks for nothing.
    let number = unsafe { GetCurrentThreadId() };
    (number as usize, number)
}

pub(crate) fn spawn_detached(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    spawn(name, work).map(drop)
}

pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(work)
}
