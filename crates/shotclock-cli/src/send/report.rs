//! What `send` prints: a transcript, the answers alone, or JSON.

use std::fmt;
use std::time::Instant;

use serde::Serialize;
use shotclock::{Address, Deadline, Socket};

use super::arguments::Arguments;
use super::progress::Progress;
use crate::failure::{Code, Failure};
use crate::hint;
use crate::output::{self, Paint, painted_talk};

/// How a server that speaks TLS answers what is none: an alert's record. Source: RFC 8446, 5.1.
const TLS_ALERT: [u8; 2] = [21, 3];

pub(super) struct Report {
    json: bool,
    quiet: bool,
    verbose: bool,
    begun: Instant,
    total: Deadline,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Connected {
        to: String,
    },
    Sent(Data<'a>),
    Received(Data<'a>),
    Error {
        code: u8,
        message: String,
        /// What a user may do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

/// Bytes; `data` is exact if they are UTF-8, else `hex` is.
#[derive(Serialize)]
struct Data<'a> {
    bytes: usize,
    data: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

impl Report {
    pub(super) fn new(arguments: &Arguments, total: Deadline) -> Self {
        let Arguments { json, quiet, verbose, .. } = *arguments;
        Self { json, quiet, verbose, begun: Instant::now(), total }
    }

    /// What is done now, for who wants to know.
    pub(super) fn detail(&self, text: fmt::Arguments<'_>) {
        if self.verbose {
            output::say(format_args!("* {:.4} s: {text}", self.begun.elapsed().as_secs_f64()));
        }
    }

    /// Who is connected with whom.
    pub(super) fn connected_from(&self, socket: &Socket) {
        if let (true, Ok(to), Ok(from)) = (self.verbose, socket.getpeername(), socket.getsockname()) {
            self.detail(format_args!("connected to {to} from {from}"));
        }
    }

    /// What shows how far a long send is.
    pub(super) fn progress(&self) -> Progress {
        Progress::begin(self.quiet)
    }

    pub(super) fn connected(&self, to: &Address) -> Result<(), Failure> {
        if self.json {
            self.event(&Event::Connected { to: to.to_string() })?;
        } else if !self.quiet {
            output::bytes(b"Connected to server\n", self.total)?;
        }
        Ok(())
    }

    pub(super) fn sent(&self, line: &[u8]) -> Result<(), Failure> {
        if self.json {
            self.event(&Event::Sent(Data::new(line)))?;
        } else if !self.quiet {
            self.labelled("Sent: ", line)?;
        }
        Ok(())
    }

    /// An answer; with `has_end` its line end is not part of the data, but printed as it came if only answers are.
    pub(super) fn received(&self, answer: &[u8], has_end: bool) -> Result<(), Failure> {
        if answer.starts_with(&TLS_ALERT) {
            let hint = painted_talk(Paint::Hint, "hint:");
            output::say(format_args!("{hint} that answer is an alert of TLS: with --tls it is spoken"));
        }
        let data = if has_end { answer.strip_suffix(b"\n").unwrap_or(answer) } else { answer };
        if self.json {
            self.event(&Event::Received(Data::new(data)))?;
        } else if self.quiet {
            output::bytes(answer, self.total)?;
        } else {
            self.labelled("Received: ", data)?;
        }
        Ok(())
    }

    /// For machines; people get it on standard error.
    pub(super) fn failed(&self, failure: &Failure) {
        if self.json && failure.code() != Code::Success {
            let (code, message) = (failure.code() as u8, failure.to_string());
            let event = Event::Error { code, message, hint: hint::of(failure) };
            let _nobody_reads = output::json(&event);
        }
    }

    /// An event that is not dropped: it is what was asked for.
    fn event(&self, event: &Event<'_>) -> Result<(), Failure> {
        output::bytes(&output::json_line(event)?, self.total)
    }

    fn labelled(&self, label: &str, data: &[u8]) -> Result<(), Failure> {
        output::bytes(&[label.as_bytes(), data, b"\n"].concat(), self.total)
    }
}

impl<'a> Data<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let hex = std::str::from_utf8(bytes).is_err().then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        Self { bytes: bytes.len(), data: String::from_utf8_lossy(bytes), hex }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_given_exactly() {
        let text = serde_json::to_string(&Event::Sent(Data::new(b"a\"b"))).unwrap();
        assert_eq!(text, r#"{"event":"sent","bytes":3,"data":"a\"b"}"#);
        let other = serde_json::to_string(&Event::Received(Data::new(&[0xff, b'a']))).unwrap();
        assert!(other.contains(r#""hex":"ff61""#), "{other}");
    }
}
