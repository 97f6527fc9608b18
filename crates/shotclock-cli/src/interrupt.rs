//! Interrupts: the first calls for an orderly end, the second ends at once.

use std::io;

use shotclock::Canceller;
#[cfg(unix)]
use signal_hook::consts::{SIGINT, SIGTERM};
#[cfg(unix)]
use signal_hook::iterator::Signals;

#[cfg(unix)]
use crate::failure::Code;
#[cfg(unix)]
use crate::thread;

/// There are no signals on Windows: Ctrl-C ends the process at once there, as it ends any.
#[cfg(windows)]
pub(crate) fn cancels(_: Canceller) -> io::Result<()> {
    Ok(())
}

/// From now on the first SIGINT or SIGTERM cancels `stop`, and the second ends the process.
///
/// Cancelling takes a lock, so it is not for a signal handler: a thread waits for the signals.
#[cfg(unix)]
pub(crate) fn cancels(stop: Canceller) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let wait = move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            stop.cancel();
        }
        if signals.next().is_some() {
            std::process::exit(Code::Interrupted as i32);
        }
    };
    thread::start("signals", wait).map(drop)
}
