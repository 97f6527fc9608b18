//! The table of all ways to misbehave, by name: what the command offers, what Python takes, and what the documentation shows.

use std::fmt;
use std::time::Duration;

use crate::fault::{DatagramFault, Fault, NameServerFault, ProxyFault, StreamFault};

/// A way to misbehave, as people name it: an entry of [`MODES`].
///
/// ```
/// use shotclock_faults::{Mode, Peer};
/// use std::time::Duration;
/// let mode = Mode::named("drip").unwrap();
/// assert_eq!(mode.to_string(), "TCP: sends a byte each interval");
/// let _drips = Peer::start(mode.fault(Duration::from_millis(20).as_nanos() as u64))?;
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Mode {
    /// Its name on the command line and in Python: `"half-close"`.
    pub name: &'static str,
    /// What the peer does, without its protocol: `"sends a byte each interval"`.
    pub does: &'static str,
    /// Options that the command shows after the name, as an example.
    pub example: &'static str,
    makes: Makes,
}

/// How a mode becomes a fault.
#[derive(Clone, Copy, Debug)]
enum Makes {
    Plain(Fault),
    After(fn(usize) -> Fault),
    Each(fn(Duration) -> Fault),
    Later(fn(Duration) -> Fault),
    Sized(fn(usize) -> Fault),
    Rated(fn(u64) -> Fault),
}

/// The one thing that some modes are told: how many bytes, or how long.
///
/// ```
/// use shotclock_faults::Mode;
/// let argument = Mode::named("drip").unwrap().argument().unwrap();
/// assert_eq!((argument.option, argument.keyword, argument.default), ("interval", "every", "0.3"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Argument {
    /// Its option on the command line, without the dashes.
    pub option: &'static str,
    /// Its keyword in Python.
    pub keyword: &'static str,
    /// What it says, for a help text.
    pub says: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What is taken if nothing is said, as people write it: bytes, or seconds.
    pub default: &'static str,
}

/// What an argument counts.
///
/// ```
/// use shotclock_faults::{Mode, Unit};
/// assert_eq!(Mode::named("stall").unwrap().argument().unwrap().unit, Unit::Bytes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Nanoseconds, which people give and read as seconds.
    Time,
}

static AFTER: Argument = Argument {
    option: "after",
    keyword: "after",
    says: "How many bytes go well before; more than there are is all of them",
    unit: Unit::Bytes,
    default: "0",
};
static INTERVAL: Argument = Argument {
    option: "interval",
    keyword: "every",
    says: "The time between two bytes",
    unit: Unit::Time,
    default: "0.3",
};
static DELAY: Argument =
    Argument { option: "delay", keyword: "delay", says: "How much later", unit: Unit::Time, default: "1" };
static SIZE: Argument =
    Argument { option: "size", keyword: "size", says: "How many bytes a piece has", unit: Unit::Bytes, default: "1" };
static RATE: Argument =
    Argument { option: "rate", keyword: "rate", says: "How many bytes a second", unit: Unit::Bytes, default: "1024" };

/// Every way to misbehave.
///
/// ```
/// use shotclock_faults::MODES;
/// assert!(MODES.iter().any(|mode| mode.name == "dns-truncated"));
/// ```
pub static MODES: &[Mode] = &[
    Mode {
        name: "silent",
        does: "accepts, and never answers",
        example: "--port 8881",
        makes: Makes::Plain(Fault::Stream(StreamFault::Silent)),
    },
    Mode {
        name: "full-backlog",
        does: "accepts nobody, and its queue is full: a connect hangs",
        example: "--for 60",
        makes: Makes::Plain(Fault::FullBacklog),
    },
    Mode {
        name: "drip",
        does: "sends a byte each interval",
        example: "--interval 0.5 --content page.http",
        makes: Makes::Each(|interval| StreamFault::Drip { interval }.into()),
    },
    Mode {
        name: "sip",
        does: "reads a byte each interval, and sends nothing",
        example: "--interval 0.1",
        makes: Makes::Each(|interval| StreamFault::Sip { interval }.into()),
    },
    Mode {
        name: "stall",
        does: "sends so many bytes, and then nothing more",
        example: "--after 1000 --json",
        makes: Makes::After(|after| StreamFault::Stall { after }.into()),
    },
    Mode {
        name: "reset",
        does: "sends so many bytes, and resets the connection",
        example: "--after 100 --take 1 --when-asked",
        makes: Makes::After(|after| StreamFault::Reset { after }.into()),
    },
    Mode {
        name: "half-close",
        does: "sends so many bytes and ends its data, while it goes on reading",
        example: "--after 100",
        makes: Makes::After(|after| StreamFault::HalfClose { after }.into()),
    },
    Mode {
        name: "never-read",
        does: "accepts, reads nothing and sends nothing: a long send hangs",
        example: "",
        makes: Makes::Plain(Fault::Stream(StreamFault::NeverRead)),
    },
    Mode {
        name: "garbage",
        does: "sends so many bytes as they should be, and then garbage",
        example: "--after 17 --seed 7",
        makes: Makes::After(|after| StreamFault::Garbage { after }.into()),
    },
    Mode {
        name: "flood",
        does: "sends without end",
        example: "--max-bytes 100000000",
        makes: Makes::Plain(Fault::Stream(StreamFault::Flood)),
    },
    Mode {
        name: "tls-stall",
        does: "reads a TLS ClientHello, and sends so many bytes of the answer, never all",
        example: "--after 40",
        makes: Makes::After(|after| StreamFault::TlsStall { after }.into()),
    },
    Mode {
        name: "udp-drop",
        does: "does not answer",
        example: "--every 3",
        makes: Makes::Plain(Fault::Datagram(DatagramFault::Drop)),
    },
    Mode {
        name: "udp-duplicate",
        does: "answers twice",
        example: "--skip 1",
        makes: Makes::Plain(Fault::Datagram(DatagramFault::Duplicate)),
    },
    Mode {
        name: "udp-reorder",
        does: "answers after the answer to the next datagram",
        example: "",
        makes: Makes::Plain(Fault::Datagram(DatagramFault::Reorder)),
    },
    Mode {
        name: "udp-late",
        does: "answers after a delay",
        example: "--delay 2",
        makes: Makes::Later(|delay| DatagramFault::Late { delay }.into()),
    },
    Mode {
        name: "dns-dead",
        does: "never answers",
        example: "--host 127.0.0.53 --port 53",
        makes: Makes::Plain(Fault::NameServer(NameServerFault::Dead)),
    },
    Mode {
        name: "dns-slow",
        does: "answers after a delay",
        example: "--delay 4",
        makes: Makes::Later(|delay| NameServerFault::Slow { delay }.into()),
    },
    Mode {
        name: "dns-truncated",
        does: "answers by UDP that the answer was truncated, and never by TCP",
        example: "",
        makes: Makes::Plain(Fault::NameServer(NameServerFault::Truncated)),
    },
    Mode {
        name: "dns-garbage",
        does: "answers with garbage",
        example: "--seed 7",
        makes: Makes::Plain(Fault::NameServer(NameServerFault::Garbage)),
    },
    Mode {
        name: "proxy-late",
        does: "passes everything on after a delay",
        example: "--delay 200ms --to 127.0.0.1:8080",
        makes: Makes::Later(|delay| ProxyFault::Late { delay }.into()),
    },
    Mode {
        name: "proxy-slow",
        does: "passes on so many bytes a second",
        example: "--rate 10240 --to 127.0.0.1:8080",
        makes: Makes::Rated(|rate| ProxyFault::Slow { rate }.into()),
    },
    Mode {
        name: "proxy-slice",
        does: "passes everything on in pieces of so many bytes, a millisecond apart",
        example: "--size 3 --to 127.0.0.1:8080",
        makes: Makes::Sized(|size| ProxyFault::Slice { size }.into()),
    },
    Mode {
        name: "proxy-late-end",
        does: "passes everything on, but the end of the data after a delay",
        example: "--delay 5 --to 127.0.0.1:8080",
        makes: Makes::Later(|delay| ProxyFault::LateEnd { delay }.into()),
    },
    Mode {
        name: "proxy-stall",
        does: "passes so many bytes on, and then nothing more",
        example: "--after 1000 --to 127.0.0.1:8080",
        makes: Makes::After(|after| ProxyFault::Stall { after }.into()),
    },
    Mode {
        name: "proxy-hold",
        does: "passes nothing on, and ends the connection after a delay",
        example: "--delay 10 --to 127.0.0.1:8080",
        makes: Makes::Later(|delay| ProxyFault::Hold { delay }.into()),
    },
    Mode {
        name: "proxy-reset",
        does: "passes so many bytes on, and resets the connection",
        example: "--after 100 --take 1 --to 127.0.0.1:8080",
        makes: Makes::After(|after| ProxyFault::Reset { after }.into()),
    },
    Mode {
        name: "proxy-limit",
        does: "passes so many bytes on, and ends the connection",
        example: "--after 100 --side client --to 127.0.0.1:8080",
        makes: Makes::After(|after| ProxyFault::Limit { after }.into()),
    },
];

impl Mode {
    /// The one of this name, if there is one.
    ///
    /// ```
    /// assert!(shotclock_faults::Mode::named("loud").is_none());
    /// ```
    pub fn named(name: &str) -> Option<&'static Self> {
        MODES.iter().find(|mode| mode.name == name)
    }

    /// What it is told, if it is told anything.
    ///
    /// ```
    /// use shotclock_faults::Mode;
    /// assert!(Mode::named("silent").unwrap().argument().is_none());
    /// ```
    pub fn argument(&self) -> Option<&'static Argument> {
        match self.makes {
            Makes::Plain(_) => None,
            Makes::After(_) => Some(&AFTER),
            Makes::Each(_) => Some(&INTERVAL),
            Makes::Later(_) => Some(&DELAY),
            Makes::Sized(_) => Some(&SIZE),
            Makes::Rated(_) => Some(&RATE),
        }
    }

    /// The fault that it is, with so many bytes, or nanoseconds, as its argument counts; any number where it is told
    /// nothing.
    ///
    /// ```
    /// use shotclock_faults::{Fault, Mode, StreamFault};
    /// let fault = Mode::named("stall").unwrap().fault(1000);
    /// assert_eq!(fault, Fault::Stream(StreamFault::Stall { after: 1000 }));
    /// ```
    pub fn fault(&self, amount: u64) -> Fault {
        match self.makes {
            Makes::Plain(fault) => fault,
            Makes::After(fault) | Makes::Sized(fault) => fault(usize::try_from(amount).unwrap_or(usize::MAX)),
            Makes::Rated(fault) => fault(amount),
            Makes::Each(fault) | Makes::Later(fault) => fault(Duration::from_nanos(amount)),
        }
    }

    fn server(&self) -> &'static str {
        match self.fault(0) {
            Fault::FullBacklog | Fault::Stream(_) => "TCP",
            Fault::Datagram(_) => "UDP",
            Fault::NameServer(_) => "Name server",
            Fault::Proxy(_) => "Proxy",
        }
    }
}

/// Which sort of server it is, and what that does.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server(), self.does)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../docs/faults.md");

    /// The table, as the page has to show it.
    fn table() -> String {
        let mut table =
            "| mode | what the peer does | what it is told, and the default |\n| --- | --- | --- |\n".to_owned();
        for mode in MODES {
            let told = mode.argument().map_or_else(
                || "nothing".to_owned(),
                |argument| {
                    let unit = if argument.unit == Unit::Bytes { "bytes" } else { "seconds" };
                    format!("`--{}`, in Python `{}`: {} {unit}", argument.option, argument.keyword, argument.default)
                },
            );
            table += &format!("| `{}` | {mode} | {told} |\n", mode.name);
        }
        table
    }

    #[test]
    fn the_page_shows_the_table() {
        let table = table();
        assert!(PAGE.contains(&table), "docs/faults.md needs this table:\n{table}");
    }

    #[test]
    fn names_are_fit_for_a_command_line_and_stand_once() {
        for (at, mode) in MODES.iter().enumerate() {
            assert!(mode.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", mode.name);
            assert!(MODES[..at].iter().all(|other| other.name != mode.name), "{} stands twice", mode.name);
            assert_eq!(Mode::named(mode.name).unwrap().fault(1), mode.fault(1));
        }
    }

    #[test]
    fn what_is_told_reaches_the_fault() {
        for mode in MODES {
            let is_heard = mode.fault(1) != mode.fault(2);
            assert_eq!(is_heard, mode.argument().is_some(), "{}", mode.name);
        }
    }
}
