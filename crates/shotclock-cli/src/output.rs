//! Data to standard output, talk to standard error.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

/// Writes a line of talk. If nobody reads standard error, there is nobody to tell.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let line = format!("{text}\n");
    let _nobody_to_tell = io::stderr().lock().write_all(line.as_bytes());
}

/// Writes a line of data.
pub(crate) fn line(text: fmt::Arguments<'_>) -> io::Result<()> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes data as it is, and sees to it that it is out.
pub(crate) fn bytes(data: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(data)?;
    stdout.flush()
}

/// Writes one JSON object on a line of its own.
pub(crate) fn json(event: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(event)?;
    text.push(b'\n');
    bytes(&text)
}
