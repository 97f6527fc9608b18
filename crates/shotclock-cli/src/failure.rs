//! What went wrong, and the exit code that says so.

use std::fmt;
use std::io;

use shotclock::{Error, LimitKind};

/// The table for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
    0  all went well; also if whoever read standard output is gone
    1  a failure that has no code of its own; also if standard input or output failed
    2  wrong usage
    3  host, service or local socket not found, or the name has no address
    4  nobody there: connection refused, host or network unreachable
   10  the limit passed during the lookup of the name
   11  the limit passed during the connect, or the TLS handshake
   12  the limit of one wait (--timeout) passed during a send or a receive
   13  the limit of the whole (--total) passed, also while nobody read standard output
  125  run: there can be no limits; 126 and 127: the command cannot be started, or is not found
  130  interrupted
run ends with the code of the command that it ran, or with 124 when --total has passed.";

/// An exit code of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Success = 0,
    Failure = 1,
    Usage = 2,
    NotFound = 3,
    Unreachable = 4,
    LookupLimit = 10,
    ConnectLimit = 11,
    WaitLimit = 12,
    TotalLimit = 13,
    NoLimits = 125,
    NotStarted = 126,
    NoCommand = 127,
    Interrupted = 130,
}

/// Why a subcommand ended before its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A call on the clock failed: the code is in the error.
    Call(Error),
    /// The same, with a code that the caller knows better.
    Known(Code, Error),
    /// Standard output or input failed, or there was no thread.
    Pipe(io::Error),
    /// A text that says all, with its code.
    Said(Code, String),
    /// A text that says all.
    Other(String),
    /// Arguments that do not go together.
    Usage(String),
    /// What was to be shown did not come true; it has been said.
    Shown(Code),
}

impl Failure {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Call(error) => code_of(error),
            Self::Known(code, _) | Self::Shown(code) | Self::Said(code, _) => *code,
            Self::Pipe(error) if error.kind() == io::ErrorKind::BrokenPipe => Code::Success,
            Self::Usage(_) => Code::Usage,
            Self::Pipe(_) | Self::Other(_) => Code::Failure,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Pipe(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) | Self::Known(_, error) => error.fmt(f),
            Self::Pipe(error) => error.fmt(f),
            Self::Said(_, text) | Self::Other(text) | Self::Usage(text) => f.write_str(text),
            Self::Shown(_) => Ok(()),
        }
    }
}

/// Which code an error has: first which limit ended it, then who said no.
pub(crate) fn code_of(error: &Error) -> Code {
    if error.is_timeout() {
        return match (error.limit(), error.operation()) {
            (Some(LimitKind::CallDeadline), _) => Code::TotalLimit,
            (_, "getaddrinfo") => Code::LookupLimit,
            (_, "connect" | "create_connection") => Code::ConnectLimit,
            _ => Code::WaitLimit,
        };
    }
    if error.is_lookup() || error.kind() == io::ErrorKind::NotFound {
        return Code::NotFound;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::TimedOut => Code::Unreachable,
        _ => Code::Failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shotclock::{Connector, Deadline, Family, Kind, Lookup, Socket, socketpair};
    use std::time::Duration;

    const SHORT: Duration = Duration::from_millis(1);

    #[test]
    fn each_limit_has_its_code() {
        let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
        assert_eq!(code_of(&ours.within(SHORT).recv(1).unwrap_err()), Code::TotalLimit);
        ours.set_timeout(SHORT);
        assert_eq!(code_of(&ours.recv(1).unwrap_err()), Code::WaitLimit);
        assert_eq!(code_of(&ours.sendall(&[0; 1 << 20]).unwrap_err()), Code::WaitLimit);
        let hints = shotclock::AddressInfoHints::default();
        let late = Lookup::until(Deadline::now()).getaddrinfo("localhost", 1, &hints).unwrap_err();
        assert_eq!(Failure::Known(Code::LookupLimit, late).code(), Code::LookupLimit);
        let late = Connector::new().until(Deadline::now()).connect(([127, 0, 0, 1], 1)).unwrap_err();
        assert_eq!(code_of(&late), Code::TotalLimit);
    }

    #[test]
    fn who_said_no_has_a_code() {
        let nobody_listens = ([127, 0, 0, 1], 1);
        assert_eq!(code_of(&Connector::new().connect(nobody_listens).unwrap_err()), Code::Unreachable);
        let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
        assert_eq!(code_of(&socket.recv(1).unwrap_err()), Code::Failure);
        let numeric = shotclock::AddressInfoFlags::NUMERICHOST;
        let hints = shotclock::AddressInfoHints { flags: numeric, ..Default::default() };
        let unknown = Lookup::new().getaddrinfo("no-address", 1, &hints).unwrap_err();
        assert_eq!(code_of(&unknown), Code::NotFound);
    }

    #[test]
    fn a_broken_pipe_is_success() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::Pipe(broken()).code(), Code::Success);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).code(), Code::Failure);
    }
}
