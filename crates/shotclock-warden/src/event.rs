//! What a warden tells.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Something that a warden did or could not do.
///
/// As JSON it is an object with the event's kind in `event`: `{"event": "ended", "process": {"pid": 7, "name": "curl"}, "peer":
/// "192.0.2.1:80", "local": "192.0.2.2:50000", "call": "poll", "limit": "timeout", "lasted": 20.01}`. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// It ended a connection.
    Ended(Ended),
    /// A lookup in a program ended by a limit.
    LookupEnded {
        /// Whose it was.
        process: Process,
        /// What was looked up, or the beginning of it; empty for that of an address.
        name: String,
        /// Which limit passed: `lookup_timeout` or `total`.
        limit: LimitName,
        /// How long there was no answer.
        #[serde(with = "seconds")]
        lasted: Duration,
    },
    /// Nothing is loaded into the programs: they see resets instead of ETIMEDOUT, and lookups and datagrams have no limits but
    /// the total.
    NotPreloaded {
        /// What keeps it from being loaded.
        why: String,
    },
    /// It could not end a connection that was due; it is tried again after as long again.
    NotEnded {
        /// The connection that was due.
        connection: Ended,
        /// What the system said.
        why: String,
    },
    /// It may not look at this process, whose connections have no limits but the total.
    Hidden {
        /// The process.
        process: Process,
        /// What keeps it from looking.
        why: String,
    },
    /// An event could not be recorded, which is told once.
    NotRecorded {
        /// What the system said.
        why: String,
    },
    /// The total passed: connections ended, and SIGTERM was sent to as many processes.
    Total {
        /// How many processes there were.
        processes: usize,
    },
    /// They did not leave, and SIGKILL was sent to as many processes.
    Killed {
        /// How many processes there were.
        processes: usize,
    },
}

/// A connection that a limit ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Whose it was. If several had it, one of them.
    pub process: Process,
    /// To whom.
    pub peer: SocketAddr,
    /// From where.
    pub local: SocketAddr,
    /// The call of the system in which a thread of the process sat, if that is known.
    pub call: Option<String>,
    /// Which limit passed.
    pub limit: LimitName,
    /// For how long nothing had moved, or the connection had not been made.
    #[serde(with = "seconds")]
    pub lasted: Duration,
}

/// A process, by its number and its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The name that the system has of it, of up to 15 bytes.
    pub name: String,
}

/// Which of the limits passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LimitName {
    /// `timeout`
    Timeout,
    /// `connect_timeout`
    ConnectTimeout,
    /// `lookup_timeout`
    LookupTimeout,
    /// `idle`
    Idle,
    /// `first_byte`
    FirstByte,
    /// `total`
    Total,
}

impl LimitName {
    /// The limit's name, in the words of a command line.
    ///
    /// ```
    /// assert_eq!(shotclock_warden::LimitName::ConnectTimeout.as_str(), "connect-timeout");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::ConnectTimeout => "connect-timeout",
            Self::LookupTimeout => "lookup-timeout",
            Self::Idle => "idle",
            Self::FirstByte => "first-byte",
            Self::Total => "total",
        }
    }

    fn what_lasted(self) -> &'static str {
        match self {
            Self::ConnectTimeout | Self::LookupTimeout => "no answer",
            Self::FirstByte => "no first byte",
            Self::Timeout | Self::Idle | Self::Total => "no byte",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(ended) => write!(f, "ended: {ended}"),
            Self::LookupEnded { process, name, limit, lasted } => {
                let name = if name.is_empty() { "an address" } else { name };
                let (seconds, limit) = (lasted.as_secs_f64(), limit.as_str());
                write!(f, "ended: {process}, a lookup of {name}: no answer for {seconds:.2} s ({limit})")
            }
            Self::NotPreloaded { why } => write!(f, "lookups have no limits, and errors are resets: {why}"),
            Self::NotEnded { connection, why } => write!(f, "could not end: {connection}: {why}"),
            Self::Hidden { process, why } => write!(f, "no limits on the connections of {process}: {why}"),
            Self::NotRecorded { why } => write!(f, "what is ended is not recorded: {why}"),
            Self::Total { processes } => write!(f, "the total passed: SIGTERM to {}", counted(*processes)),
            Self::Killed { processes } => write!(f, "still there after SIGTERM: SIGKILL to {}", counted(*processes)),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.process, self.peer)?;
        if let Some(call) = &self.call {
            write!(f, ", in {call}")?;
        }
        let (what, seconds) = (self.limit.what_lasted(), self.lasted.as_secs_f64());
        write!(f, ": {what} for {seconds:.2} s ({})", self.limit.as_str())
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

fn counted(processes: usize) -> String {
    if processes == 1 { "one process".to_owned() } else { format!("{processes} processes") }
}

/// A duration as a number of seconds, of which milliseconds are kept.
mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_form_in_json_and_one_in_words() {
        let process = Process { pid: 7, name: "curl".to_owned() };
        let (peer, local) = ("192.0.2.1:80".parse().unwrap(), "[2001:db8::1]:5000".parse().unwrap());
        let (limit, lasted) = (LimitName::FirstByte, Duration::from_millis(1500));
        let ended = Event::Ended(Ended { process, peer, local, call: Some("poll".to_owned()), limit, lasted });
        let json = serde_json::to_string(&ended).unwrap();
        assert_eq!(
            json,
            r#"{"event":"ended","process":{"pid":7,"name":"curl"},"peer":"192.0.2.1:80","local":"[2001:db8::1]:5000","call":"poll","limit":"first-byte","lasted":1.5}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), ended);
        let words = "ended: curl (process 7) to 192.0.2.1:80, in poll: no first byte for 1.50 s (first-byte)";
        assert_eq!(ended.to_string(), words);
        assert_eq!(Event::Killed { processes: 1 }.to_string(), "still there after SIGTERM: SIGKILL to one process");
    }
}
