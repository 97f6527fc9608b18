//! How a program under limits ended, or why it did not begin.

use std::{error, fmt, io};

/// How a program under limits ended.
///
/// ```
/// use shotclock_warden::Ending;
///
/// assert_eq!(Ending::Exited(3).code(), 3);
/// assert_eq!(Ending::TotalPassed.code(), 124);
/// assert_eq!(Ending::Signaled(15).code(), 143);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
    /// When, or after, the total had passed, whatever its own exit code was.
    TotalPassed,
}

impl Ending {
    /// The exit code that says this: the program's own, 128 and the signal as shells have it, 124 as timeout(1) has it.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
            Self::Signaled(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
            Self::TotalPassed => 124,
        }
    }
}

/// Why a program did not begin under limits, or was lost sight of.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The program could not be started.
    NotStarted(io::Error),
    /// The system refused what a warden needs.
    System(io::Error),
    /// The process that is to wait had so many threads already; it must have one.
    Threads(usize),
    /// The warden came to its end before the program, which goes on without limits.
    WardenGone,
    /// Wardens work on Linux alone.
    Unsupported,
}

impl Error {
    /// The exit code that says this, as env(1) has it: 127 where there is no such program, 126 where it is none that can be
    /// started, else 125.
    ///
    /// ```
    /// use shotclock_warden::Error;
    ///
    /// assert_eq!(Error::NotStarted(std::io::ErrorKind::NotFound.into()).code(), 127);
    /// assert_eq!(Error::NotStarted(std::io::ErrorKind::PermissionDenied.into()).code(), 126);
    /// assert_eq!(Error::WardenGone.code(), 125);
    /// ```
    pub fn code(&self) -> u8 {
        match self {
            Self::NotStarted(error) if error.kind() == io::ErrorKind::NotFound => 127,
            Self::NotStarted(_) => 126,
            _ => 125,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(error) => write!(f, "could not be started: {error}"),
            Self::System(error) => write!(f, "no limits are possible here: {error}"),
            Self::Threads(count) => write!(f, "expected a process with one thread, and it has {count}"),
            Self::WardenGone => f.write_str("the warden ended before the program, which goes on without limits"),
            Self::Unsupported => f.write_str("limits for other programs work on Linux alone"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::NotStarted(error) | Self::System(error) => Some(error),
            _ => None,
        }
    }
}
