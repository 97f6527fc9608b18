//! Why an operation ended without a result, and the error that says so.

use std::convert::Infallible;
use std::time::Duration;

use super::cancel::Cancellers;
use crate::error::{Error, LimitKind, Reason};
use crate::sys::Errno;

/// Why an operation ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop<I = Infallible> {
    /// It would have to wait, and the timeout is zero.
    WouldBlock,
    /// A limit passed.
    TimedOut {
        /// Which one.
        limit: LimitKind,
        /// How long the call had waited.
        elapsed: Duration,
    },
    /// A canceller ended it.
    Cancelled,
    /// It was to have more cancellers than there is room for.
    TooManyCancellers,
    /// The socket was closed.
    Closed,
    /// The system said no.
    System(Errno),
    /// The waiter broke in.
    Interrupt(I),
}

impl Error {
    #[cold]
    pub(crate) fn stopped(operation: &'static str, stop: Stop) -> Self {
        match stop {
            Stop::WouldBlock => Self::new(operation, Reason::WouldBlock),
            Stop::TimedOut { limit, elapsed } => Self::new(operation, Reason::TimedOut { limit, elapsed }),
            Stop::Cancelled => Self::new(operation, Reason::Cancelled),
            Stop::TooManyCancellers => {
                let most = Cancellers::MOST;
                Self::invalid(operation, format!("more than {most} cancellers: Canceller::any_of makes one of many"))
            }
            Stop::Closed => Self::new(operation, Reason::Closed),
            Stop::System(errno) => Self::system(operation, errno),
            Stop::Interrupt(never) => match never {},
        }
    }
}
