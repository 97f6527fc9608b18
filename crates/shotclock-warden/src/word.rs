//! What is said between the process that asked for a warden, the warden, and its threads.

use std::io;

use serde::{Deserialize, Serialize};
use shotclock::{Family, Kind, Socket, Timed, socketpair};

use crate::event::Event;

/// Two ends between which words go.
pub(crate) fn pair() -> io::Result<(Socket, Socket)> {
    Ok(socketpair(Family::UNIX, Kind::SEQPACKET)?)
}

/// A word: a message each, in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Word {
    Started(i32),
    NotStarted(Option<i32>, String),
    NotGuarded(String),
    Happened(Event),
    Exited(i32),
    Signaled(i32),
    TotalPassed,
}

impl Word {
    /// Says it, within the socket's timeout.
    pub(crate) fn say(&self, to: &Socket) -> shotclock::Result<()> {
        to.send(&self.bytes()).map(drop)
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None` where nobody is there to say it any more.
    pub(crate) fn hear(from: &Timed<'_>) -> shotclock::Result<Option<Self>> {
        Ok(serde_json::from_slice(&from.recv(LONGEST)?).ok())
    }
}

/// The longest word: an event with names.
const LONGEST: usize = 1 << 16;
