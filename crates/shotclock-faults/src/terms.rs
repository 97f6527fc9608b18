//! What all threads of a peer share: the settings, the call to end, and whom to tell.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use shotclock::{Canceller, Error, Result, Socket};

use crate::event::Event;
use crate::fault::Side;

pub(crate) type Report = Box<dyn Fn(Event) + Send + Sync>;

pub(crate) struct Terms {
    pub(crate) selection: Selection,
    pub(crate) content: Vec<u8>,
    pub(crate) seed: u64,
    /// In front of which server a proxy stands.
    pub(crate) to: Option<SocketAddr>,
    /// Whose data a proxy's fault befalls.
    pub(crate) side: Side,
    /// A connection begins with the client's first byte.
    pub(crate) when_asked: bool,
    pub(crate) most_connections: usize,
    pub(crate) most_bytes: u64,
    pub(crate) report: Option<Report>,
    /// Cancelled: the end, whatever is under way.
    pub(crate) stop: Canceller,
}

impl Terms {
    pub(crate) fn tell(&self, event: Event) {
        if let Some(report) = &self.report {
            report(event);
        }
    }

    /// Waits for so long; an error is the end of the peer.
    pub(crate) fn pause(&self, time: Duration) -> Result<()> {
        self.stop.pause(time)
    }

    /// Until all that was sent has arrived at the other side's system. Nothing announces that, so it looks again after
    /// 1, 2, 4 .. 32 ms.
    pub(crate) fn wait_for_acknowledgement(&self, socket: &Socket) -> Result<()> {
        let mut looks = 0;
        while !socket.is_acknowledged()? {
            self.pause(Duration::from_millis(1 << looks.min(5)))?;
            looks += 1;
        }
        Ok(())
    }

    /// A connection has moved as many bytes as it may.
    pub(crate) fn exhausted(&self) -> Error {
        let text = format!("it has moved {} bytes, as many as one connection may", self.most_bytes);
        Error::other("exchange", io::Error::new(io::ErrorKind::InvalidData, text))
    }
}

/// Which connections, datagrams or queries a fault befalls, by their numbers from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    pub(crate) skip: u64,
    pub(crate) take: u64,
    pub(crate) every: u64,
}

impl Selection {
    pub(crate) const ALL: Self = Self { skip: 0, take: u64::MAX, every: 1 };

    pub(crate) fn befalls(self, number: u64) -> bool {
        // The k-th of those that are not skipped, if it falls on the step and is not beyond the last to take.
        let Some(beyond) = number.checked_sub(self.skip).filter(|beyond| *beyond > 0) else { return false };
        let every = self.every.max(1);
        beyond % every == 0 && beyond / every <= self.take
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn befallen(selection: Selection) -> Vec<u64> {
        (1..=10).filter(|number| selection.befalls(*number)).collect()
    }

    #[test]
    fn numbers_are_selected() {
        assert_eq!(befallen(Selection::ALL), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(befallen(Selection { skip: 2, take: 3, every: 1 }), [3, 4, 5]);
        assert_eq!(befallen(Selection { skip: 0, take: u64::MAX, every: 3 }), [3, 6, 9]);
        assert_eq!(befallen(Selection { skip: 1, take: 2, every: 4 }), [5, 9]);
        assert_eq!(befallen(Selection { skip: u64::MAX, take: 1, every: 0 }), [0; 0]);
        assert_eq!(befallen(Selection { take: 0, ..Selection::ALL }), [0; 0]);
    }
}
