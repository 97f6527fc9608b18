//! What the peer tells: talk for people on standard error, or JSON for machines on standard output.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use shotclock_faults::Event;

use crate::output;

/// Something to tell.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum News<'a> {
    Listening { event: &'static str, protocol: &'static str, address: SocketAddr },
    Happened(Happened<'a>),
    Stopped { event: &'static str },
}

/// An event of the peer; what it does not concern is left out of the JSON.
#[derive(Serialize)]
pub(super) struct Happened<'a> {
    event: &'static str,
    number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<SocketAddr>,
    sent: u64,
    received: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip)]
    whole: &'a Event,
}

impl News<'_> {
    pub(super) const STOPPED: Self = News::Stopped { event: "stopped" };

    pub(super) fn listening(protocol: &'static str, address: SocketAddr) -> Self {
        Self::Listening { event: "listening", protocol, address }
    }
}

impl<'a> From<&'a Event> for News<'a> {
    fn from(event: &'a Event) -> Self {
        let Event { kind, number, client, sent, received, .. } = *event;
        let (query, error) = (event.query.as_deref(), event.error.as_deref());
        Self::Happened(Happened { event: kind.name(), number, client, sent, received, query, error, whole: event })
    }
}

impl fmt::Display for News<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { protocol, address, .. } => write!(f, "{protocol}: listening on {address}"),
            Self::Happened(happened) => happened.whole.fmt(f),
            Self::Stopped { .. } => f.write_str("stopped"),
        }
    }
}

/// Where news go.
#[derive(Clone, Copy)]
pub(super) struct Talk {
    pub(super) json: bool,
}

impl Talk {
    /// Tells, without waiting for whoever reads.
    pub(super) fn tell(self, news: &News<'_>) {
        if !self.json {
            output::say(format_args!("{news}"));
        } else {
            // That calls for the end, by `output::when_it_fails`.
            let _failed = output::json(news);
        }
    }
}
