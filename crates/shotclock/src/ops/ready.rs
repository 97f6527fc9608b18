//! Waiting until a socket is ready, without taking or sending anything.

use std::fmt;
use std::ops::BitOr;

use crate::sys::{self, BorrowedHandle, Readiness};
use crate::wait::{Interest, Operation, Pause};

/// The ways in which a socket can be ready, as a set: what [`Socket::wait_ready`](crate::Socket::wait_ready) is to wait
/// for, and what it has found.
///
/// ```
/// use shotclock::Ready;
/// let both = Ready::READABLE | Ready::WRITABLE;
/// assert!(both.contains(Ready::READABLE) && !both.contains(Ready::ENDED));
/// assert_eq!(format!("{both:?}"), "READABLE | WRITABLE");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ready(u8);

impl Ready {
    /// No way at all: to be waited for, nothing but the end.
    pub const NONE: Self = Self(0);
    /// A receive, or on a listener an accept, has something to tell: data, a connection, the end of the data, an error.
    pub const READABLE: Self = Self(1);
    /// There is room to send.
    pub const WRITABLE: Self = Self(2);
    /// The connection is over in both directions, or an error is waiting to be told. Found whether or not it was asked for.
    pub const ENDED: Self = Self(4);

    const NAMES: [(Self, &'static str); 3] =
        [(Self::READABLE, "READABLE"), (Self::WRITABLE, "WRITABLE"), (Self::ENDED, "ENDED")];

    /// Whether all of the other ways are among these.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    fn found(ready: Readiness) -> Self {
        let among = |wanted, way| if ready.intersects(wanted) { way } else { Self::NONE };
        among(Readiness::IN, Self::READABLE)
            | among(Readiness::OUT, Self::WRITABLE)
            | among(Readiness::HUP | Readiness::ERR, Self::ENDED)
    }

    fn wanted(self) -> Readiness {
        let mut wanted = Readiness::empty();
        wanted.set(Readiness::IN, self.contains(Self::READABLE));
        wanted.set(Readiness::OUT, self.contains(Self::WRITABLE));
        wanted
    }
}

impl BitOr for Ready {
    type Output = Self;

    fn bitor(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            Self::NAMES.iter().filter(|(way, _)| self.contains(*way)).map(|(_, name)| *name).collect();
        f.write_str(if names.is_empty() { "NONE".to_owned() } else { names.join(" | ") }.as_str())
    }
}

/// Done once the socket is ready in one of these ways, or has ended.
pub(crate) struct WaitReady<'a> {
    pub(crate) fd: BorrowedHandle<'a>,
    pub(crate) wanted: Ready,
}

impl Operation for WaitReady<'_> {
    type Output = Ready;

    fn attempt(&mut self, ready: Readiness) -> Result<Ready, Pause> {
        // What the last wait saw is news; else it is looked at, so that a timeout of zero finds what is there.
        let ready = if ready.is_empty() { sys::readiness(self.fd, self.wanted.wanted())? } else { ready };
        match Ready::found(ready) {
            Ready::NONE => Err(Pause::WouldBlock),
            found => Ok(found),
        }
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, self.wanted.wanted());
    }
}
