//! How the single tries of a call are made.

use shotclock::MessageFlags;
use shotclock::unstable::{Errno, Pause};

/// Up to so many bytes a try may hold the interpreter: it takes less time than to release it.
pub(crate) const SMALL: usize = 16 << 10;

/// How the single tries of a call are made, and what may end it between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// One plain call of the system, which may wait by itself: without a timeout and in no scope or canceller.
    Plain,
    /// One try, of a socket that never waits.
    Once,
    /// Under the socket's timeout, and what else there is.
    Timed,
    /// Only a scope, a canceller or a policy bounds it: then it keeps what one call without a timeout promises (all bytes
    /// sent, the low water mark, MSG_WAITALL), on a descriptor that blocks.
    Bounded,
}

impl Manner {
    /// Whether it waits, and something other than readiness can end that.
    pub(crate) fn is_timed(self) -> bool {
        matches!(self, Self::Timed | Self::Bounded)
    }

    /// The flags for one try: those asked for, and under a limit never to wait in the system.
    pub(crate) fn flags(self, flags: i32) -> i32 {
        if self == Self::Plain { flags } else { flags | MessageFlags::DONTWAIT.0 }
    }

    /// What a failed try means to the loop: on a plain call EAGAIN is an error (BlockingIOError), to be passed on.
    pub(crate) fn pause(self, errno: Errno) -> Pause {
        match Pause::from(errno) {
            Pause::WouldBlock if self == Self::Plain => Pause::Failed(errno),
            pause => pause,
        }
    }
}
