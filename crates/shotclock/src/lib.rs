//! Sockets on the clock.
#![deny(unsafe_code)]

mod sys;

mod cancel;
mod constant;
mod deadline;
mod error;
mod timed;

pub use cancel::Canceller;
pub use constant::{AddressInfoFlags, Family, Kind, MessageFlags, NameInfoFlags, Protocol, Shutdown};
pub use deadline::{Deadline, Timeout};
pub use error::{Error, LimitKind, LookupCode, Result};
