//! Data to standard output, talk to standard error, by way of writers that nobody waits for without a limit.

mod color;
mod outlet;

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Serialize;
use shotclock::{Canceller, Deadline, Timeout};

use crate::failure::{Code, Failure};
use crate::system;
pub(crate) use color::{Paint, When, painted, painted_talk};
use outlet::{Outlet, Undelivered};

/// How long a reader may take at the end to read what is left.
pub(crate) const LAST_CALL: Duration = Duration::from_millis(500);

static OUT: OnceLock<Arc<Outlet>> = OnceLock::new();
static ERR: OnceLock<Arc<Outlet>> = OnceLock::new();

/// Starts the writers. Until then, and if it fails, talk is written by whoever talks.
pub(crate) fn start() -> io::Result<()> {
    let _started_once = OUT.set(Outlet::start("standard output", system::output()?, dropped_events)?);
    let _started_once = ERR.set(Outlet::start("standard error", system::errors()?, dropped_talk)?);
    Ok(())
}

/// A line of talk. If nobody reads standard error, there is nobody to tell.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    draw(&format!("{text}\n"));
}

/// The same without an end, for a terminal.
pub(crate) fn draw(line: &str) {
    let _nobody_to_tell = match ERR.get() {
        Some(outlet) => outlet.offer(line.as_bytes()),
        None => io::stderr().lock().write_all(line.as_bytes()),
    };
}

/// A line of data that is dropped, and counted, if too much waits to be read already.
pub(crate) fn line(text: fmt::Arguments<'_>) -> io::Result<()> {
    out()?.offer(format!("{text}\n").as_bytes())
}

/// The same with one JSON object.
pub(crate) fn json(event: &impl Serialize) -> io::Result<()> {
    out()?.offer(&json_line(event)?)
}

/// Data of which nothing is dropped: if too much waits to be read already, this waits for the reader, until the limit of
/// the whole.
pub(crate) fn bytes(data: &[u8], total: Deadline) -> Result<(), Failure> {
    out()?.put(data, total).map_err(|why| undelivered(why, Code::TotalLimit))
}

/// Waits until all data has been written, until the limit of the whole.
pub(crate) fn flush(total: Deadline) -> Result<(), Failure> {
    out()?.flush(total).map_err(|why| undelivered(why, Code::TotalLimit))
}

/// Sees to it that all lines of data were written, in the time that a reader has at the end; for what is no success if
/// they were not.
pub(crate) fn delivered() -> Result<(), Failure> {
    out()?.flush(Deadline::after(LAST_CALL)).map_err(|why| undelivered(why, Code::Failure))?;
    match out()?.dropped_ever() {
        0 => Ok(()),
        lines => Err(Failure::Other(format!("standard output was not read: {lines} lines dropped"))),
    }
}

/// Whether writing data has failed so far. That nobody reads it now is no failure.
pub(crate) fn check() -> Result<(), Failure> {
    Ok(out()?.check()?)
}

/// From now on a failure to write data, above all that the reader is gone, cancels this.
pub(crate) fn when_it_fails(stop: &Canceller) {
    if let Some(outlet) = OUT.get() {
        outlet.when_it_fails(stop);
    }
}

/// The end: readers that read get what is left, and those that do not are not waited for any longer than that takes.
pub(crate) fn leave() {
    let until = Deadline::after(Timeout::from(LAST_CALL));
    for outlet in [ERR.get(), OUT.get()].into_iter().flatten() {
        let _nobody_reads = outlet.leave(until);
    }
}

/// One JSON object on a line of its own.
pub(crate) fn json_line(event: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(event)?;
    text.push(b'\n');
    Ok(text)
}

fn out() -> io::Result<&'static Arc<Outlet>> {
    OUT.get().ok_or_else(|| io::Error::other("standard output was not opened"))
}

fn undelivered(why: Undelivered, code: Code) -> Failure {
    match why {
        Undelivered::Late => Failure::Said(code, "timed out: standard output was not read".to_owned()),
        Undelivered::Failed(error) => Failure::Pipe(error),
    }
}

fn dropped_events(count: u64) -> String {
    format!("{{\"event\":\"dropped\",\"events\":{count}}}\n")
}

fn dropped_talk(count: u64) -> String {
    format!("{count} lines dropped here: nobody read them\n")
}
