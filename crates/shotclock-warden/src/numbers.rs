//! What the system counts of a connection, and since when nothing moved on it.

use std::time::{Duration, Instant};

/// States of TCP. Source: linux/tcp_states.h.
#[cfg(test)]
pub(crate) const ESTABLISHED: u8 = 1;
pub(crate) const SYN_SENT: u8 = 2;
pub(crate) const LISTEN: u8 = 10;

/// One look at a connection. Source: struct tcp_info in linux/tcp.h, which only ever grew at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) state: u8,
    /// Bytes that the peer has acknowledged, its SYN among them.
    pub(crate) acked: u64,
    pub(crate) received: u64,
    /// How long ago data arrived last; of a connection without any, how long ago it was made.
    since_data: Duration,
    /// How long ago the peer acknowledged anything, be it for the second time.
    since_ack: Duration,
    /// Whether bytes that have arrived wait for the program, and none of its own for the peer: it is the program that is slow.
    pub(crate) is_unread: bool,
}

impl Numbers {
    /// How much of the system's answer is needed.
    #[cfg(test)]
    pub(crate) const SIZE: usize = 136;

    /// Of a system that counts no bytes there are none.
    pub(crate) fn parse(state: u8, information: &[u8]) -> Option<Self> {
        let milliseconds = |at: usize| {
            let bytes = information.get(at..at + 4)?.try_into().ok()?;
            Some(Duration::from_millis(u64::from(u32::from_ne_bytes(bytes))))
        };
        let count = |at: usize| Some(u64::from_ne_bytes(information.get(at..at + 8)?.try_into().ok()?));
        let (since_data, since_ack) = (milliseconds(52)?, milliseconds(56)?);
        Some(Self { state, acked: count(120)?, received: count(128)?, since_data, since_ack, is_unread: false })
    }

    /// With the bytes that have arrived and nobody has read, and those that have left and nobody has acknowledged.
    pub(crate) fn with_queues(self, arrived: u32, left: u32) -> Self {
        Self { is_unread: self.state != LISTEN && arrived != 0 && left == 0, ..self }
    }
}

/// The system counts time in ticks of up to 10 ms.
const TICK: Duration = Duration::from_millis(10);

/// Since when nothing moved on a connection: never earlier than it was.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    seen: Numbers,
    at: Instant,
    began: Instant,
    /// When the connection was made, or was seen first.
    pub(crate) made: Instant,
}

impl Silence {
    /// Of a connection that is seen for the first time, and was not there at `before`.
    pub(crate) fn new(numbers: Numbers, now: Instant, before: Instant) -> Self {
        let then = |age| instant(now, age).clamp(before, now);
        let (began, made) = match numbers {
            Numbers { state: SYN_SENT, .. } => (now, now),
            Numbers { received: 0, since_data, since_ack, .. } => (then(since_data.min(since_ack)), then(since_data)),
            Numbers { since_data, since_ack, .. } => (then(since_data.min(since_ack)), now),
        };
        Self { seen: numbers, at: now, began, made }
    }

    /// Takes another look into account.
    pub(crate) fn look(&mut self, numbers: Numbers, now: Instant) {
        if self.seen.state == SYN_SENT && numbers.state != SYN_SENT {
            *self = Self::new(numbers, now, self.at);
            return;
        }
        let moved = |is_more, age| if is_more { instant(now, age).clamp(self.at, now) } else { self.began };
        let arrived = moved(numbers.received != self.seen.received, numbers.since_data);
        let left = moved(numbers.acked != self.seen.acked, numbers.since_ack);
        self.began = self.began.max(arrived).max(left);
        if self.seen.is_unread {
            // When it was read the system does not say: at the latest now.
            self.began = now;
        }
        (self.seen, self.at) = (numbers, now);
    }

    /// When it began: no byte moved since.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// Begins anew: what was, was not the peer's fault.
    pub(crate) fn restart(&mut self, now: Instant) {
        (self.began, self.made) = (now, now);
    }

    /// The look that was taken last.
    pub(crate) fn seen(&self) -> Numbers {
        self.seen
    }
}

/// When it was so long ago, by the system's clock: not before that.
fn instant(now: Instant, ago: Duration) -> Instant {
    now.checked_sub(ago.saturating_sub(TICK)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(state: u8, acked: u64, received: u64, since_data: u64, since_ack: u64) -> Numbers {
        let (since_data, since_ack) = (Duration::from_millis(since_data), Duration::from_millis(since_ack));
        Numbers { state, acked, received, since_data, since_ack, is_unread: false }
    }

    /// Milliseconds after the beginning of the test.
    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn what_moved_before_the_first_look_is_known_from_the_systems_clock() {
        let start = Instant::now();
        let silence = Silence::new(numbers(ESTABLISHED, 9, 5, 700, 900), at(start, 2000), start);
        assert_eq!(silence.began(), at(start, 1310));
    }

    #[test]
    fn a_connection_is_not_older_than_the_look_that_did_not_see_it() {
        let start = Instant::now();
        // The clock of the system that was never set.
        let silence = Silence::new(numbers(ESTABLISHED, 1, 0, 4_000_000, 4_000_000), at(start, 3000), at(start, 2900));
        assert_eq!((silence.began(), silence.made), (at(start, 2900), at(start, 2900)));
    }

    #[test]
    fn acknowledgements_of_nothing_new_are_no_movement() {
        let start = Instant::now();
        let mut silence = Silence::new(numbers(ESTABLISHED, 9, 5, 0, 0), start, start);
        let began = silence.began();
        silence.look(numbers(ESTABLISHED, 9, 5, 5000, 0), at(start, 5000));
        assert_eq!(silence.began(), began, "keep-alive");
        silence.look(numbers(ESTABLISHED, 10, 5, 6000, 250), at(start, 6000));
        assert_eq!(silence.began(), at(start, 5760), "a byte more was acknowledged");
        silence.look(numbers(ESTABLISHED, 10, 6, 100, 400), at(start, 7000));
        assert_eq!(silence.began(), at(start, 6910), "a byte more arrived");
    }

    #[test]
    fn silence_begins_anew_where_a_connection_is_made() {
        let start = Instant::now();
        let mut silence = Silence::new(numbers(SYN_SENT, 0, 0, 0, 0), start, start);
        silence.look(numbers(SYN_SENT, 0, 0, 800, 800), at(start, 800));
        assert_eq!(silence.began(), start);
        silence.look(numbers(ESTABLISHED, 1, 0, 60, 60), at(start, 1000));
        assert_eq!((silence.began(), silence.made), (at(start, 950), at(start, 950)));
    }

    #[test]
    fn silence_begins_where_the_program_has_read_what_was_there() {
        let start = Instant::now();
        let seen = numbers(ESTABLISHED, 9, 5, 0, 0);
        let mut silence = Silence::new(seen.with_queues(5, 0), start, start);
        silence.look(numbers(ESTABLISHED, 9, 5, 5000, 5000).with_queues(3, 0), at(start, 5000));
        silence.look(numbers(ESTABLISHED, 9, 5, 9000, 9000), at(start, 9000));
        assert_eq!(silence.began(), at(start, 9000), "some was there at the look before");
        silence.look(numbers(ESTABLISHED, 9, 5, 9500, 9500), at(start, 9500));
        assert_eq!(silence.began(), at(start, 9000));
        assert!(!seen.with_queues(5, 1).is_unread, "the peer has not acknowledged all that was sent to it");
        assert!(!seen.with_queues(0, 0).is_unread);
    }

    #[test]
    fn an_old_systems_answer_is_too_short() {
        assert_eq!(Numbers::parse(ESTABLISHED, &[0; Numbers::SIZE - 1]), None);
        assert_eq!(Numbers::parse(ESTABLISHED, &[0; Numbers::SIZE]), Some(numbers(ESTABLISHED, 0, 0, 0, 0)));
    }
}
