//! Interrupts: the first calls for an orderly end, the second ends at once.

use std::io;

use shotclock::Canceller;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Code;
use crate::thread;

/// From now on the first SIGINT or SIGTERM cancels `stop`, and the second ends the process.
///
/// Cancelling takes a lock, so it is not for a signal handler: a thread waits for the signals.
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
