//! What the servers tell: talk for people on standard error, or JSON for machines on standard output.

use std::fmt;

use serde::Serialize;
use shotclock::{Address, Error};

use crate::output;

/// Something happened.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    Listening {
        protocol: &'static str,
        #[serde(serialize_with = "text")]
        address: Address,
    },
    Connected {
        #[serde(serialize_with = "text")]
        from: Address,
    },
    Disconnected {
        #[serde(serialize_with = "text")]
        from: Address,
        bytes: u64,
        /// From its connect on.
        seconds: f64,
        /// Why it was not the client's own wish.
        #[serde(serialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        error: Option<&'a Error>,
    },
    Datagram {
        #[serde(serialize_with = "text")]
        from: Address,
        bytes: usize,
    },
    NotAnswered {
        #[serde(serialize_with = "text")]
        from: Address,
        reason: String,
    },
    /// Accepting waits until a client leaves.
    Full {
        connections: usize,
        reason: String,
    },
    /// Accepting goes on.
    Accepting,
    Stopping {
        connections: usize,
    },
    Stopped {
        cut_off: usize,
    },
}

impl Event<'_> {
    /// Whether it is about one client only.
    fn is_about_one(&self) -> bool {
        matches!(
            self,
            Self::Connected { .. } | Self::Disconnected { .. } | Self::Datagram { .. } | Self::NotAnswered { .. }
        )
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { protocol, address } => write!(f, "{protocol}: listening on {address}"),
            Self::Connected { from } => write!(f, "Connected from {from}"),
            Self::Disconnected { from, error: None, .. } => write!(f, "Disconnected from {from}"),
            Self::Disconnected { from, error: Some(error), .. } => write!(f, "Disconnected from {from}: {error}"),
            Self::Datagram { from, .. } => write!(f, "Datagram from {from}"),
            Self::NotAnswered { from, reason } => write!(f, "Datagram from {from} not answered: {reason}"),
            Self::Full { connections, reason } => {
                write!(f, "not accepting for now, with {connections} connected: {reason}")
            }
            Self::Accepting => f.write_str("accepting again"),
            Self::Stopping { connections } => write!(f, "stopping, {connections} connected"),
            Self::Stopped { cut_off: 0 } => f.write_str("stopped"),
            Self::Stopped { cut_off } => write!(f, "stopped, {cut_off} cut off"),
        }
    }
}

/// Where events go.
pub(crate) struct Talk {
    json: bool,
    quiet: bool,
    verbose: bool,
}

impl Talk {
    pub(crate) fn new(json: bool, quiet: bool, verbose: bool) -> Self {
        Self { json, quiet, verbose }
    }

    /// Tells of an event, without waiting for whoever reads.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        if self.quiet && event.is_about_one() {
            return;
        }
        if !self.json {
            match event {
                Event::Disconnected { bytes, seconds, .. } if self.verbose => {
                    output::say(format_args!("{event} ({bytes} bytes echoed in {seconds:.3} s)"));
                }
                Event::Datagram { bytes, .. } if self.verbose => output::say(format_args!("{event} ({bytes} bytes)")),
                event => output::say(format_args!("{event}")),
            }
        } else {
            // That calls for the end, by `output::when_it_fails`.
            let _failed = output::json(event);
        }
    }
}

fn text<T: fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn optional_text<T: fmt::Display, S: serde::Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(serializer)
}
