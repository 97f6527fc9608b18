//! Times in control messages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a packet was received or sent, by two clocks. Source: the kernel's networking/timestamping, `struct
/// scm_timestamping`.
///
/// ```
/// use shotclock::ControlMessage;
/// use std::time::{Duration, SystemTime};
/// fn age(message: &ControlMessage) -> Option<Duration> {
///     let ControlMessage::Timestamping(times) = message else { return None };
///     SystemTime::now().duration_since(times.software?).ok()
/// }
/// assert_eq!(age(&ControlMessage::Ttl(9)), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timestamping {
    /// When the system had it, by its clock of the day.
    pub software: Option<SystemTime>,
    /// What kernels before 3.17 made of the card's time; since then nobody sets it.
    pub transformed: Option<SystemTime>,
    /// When the network card had it, since the beginning of the card's own clock.
    pub hardware: Option<Duration>,
}

impl Timestamping {
    /// Of three times, each of seconds and nanoseconds in integers of so many bytes; one that is all zero is none.
    pub(super) fn decode(bytes: &[u8], long: usize) -> Option<Self> {
        let size = 2 * long;
        if bytes.len() != 3 * size {
            return None;
        }
        let one = |at: usize| Pair::decode(bytes.get(at * size..(at + 1) * size)?, long, NANOS);
        let times = [one(0)?, one(1)?, one(2)?].map(|time| Some(time).filter(|time| *time != Pair::ZERO));
        let [software, transformed, hardware] = times;
        Some(Self {
            software: software.and_then(Pair::of_the_day),
            transformed: transformed.and_then(Pair::of_the_day),
            hardware: hardware.and_then(Pair::since_the_beginning),
        })
    }
}

/// Nanoseconds in the unit of a time's second number.
pub(super) const NANOS: u32 = 1;
pub(super) const MICROS: u32 = 1000;

const SECOND: u32 = 1_000_000_000;

/// A `timeval` or `timespec`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    seconds: i64,
    nanos: u32,
}

impl Pair {
    const ZERO: Self = Self { seconds: 0, nanos: 0 };

    /// Two numbers of 8 bytes, or of 4; the second has this unit. `None` if they make no time.
    pub(super) fn decode(bytes: &[u8], size: usize, unit: u32) -> Option<Self> {
        let (seconds, fraction) = match (bytes.len(), size) {
            // macOS has a number of 32 bits, and padding behind it. Source: its sys/_types/_timeval.h.
            (16, 8) if cfg!(target_os = "macos") => (long(bytes, 0)?, short(bytes, 8)?),
            (16, 8) => (long(bytes, 0)?, long(bytes, 8)?),
            (8, 4) => (short(bytes, 0)?, short(bytes, 4)?),
            _ => return None,
        };
        let nanos = u32::try_from(fraction).ok()?.checked_mul(unit)?;
        (nanos < SECOND).then_some(Self { seconds, nanos })
    }

    /// By the clock of the day; `None` beyond what std's type holds.
    pub(super) fn of_the_day(self) -> Option<SystemTime> {
        let seconds = Duration::from_secs(self.seconds.unsigned_abs());
        let whole = if self.seconds < 0 { UNIX_EPOCH.checked_sub(seconds) } else { UNIX_EPOCH.checked_add(seconds) };
        whole?.checked_add(Duration::from_nanos(u64::from(self.nanos)))
    }

    fn since_the_beginning(self) -> Option<Duration> {
        Some(Duration::new(u64::try_from(self.seconds).ok()?, self.nanos))
    }
}

fn long(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..)?.first_chunk().map(|bytes| i64::from_ne_bytes(*bytes))
}

fn short(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..)?.first_chunk().map(|bytes| i64::from(i32::from_ne_bytes(*bytes)))
}
