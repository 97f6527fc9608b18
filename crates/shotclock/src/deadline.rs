//! Relative and absolute time: [`Timeout`] and [`Deadline`].

use std::time::{Duration, Instant};

use crate::sys;

/// How long one call may take: for ever ([`Timeout::NEVER`]), one try without waiting ([`Timeout::ZERO`]), or a
/// number of nanoseconds.
///
/// A timeout is relative. It becomes a [`Deadline`] when a call first has to wait; calls made of many steps
/// (`sendall`, `recv_exact`, `sendfile`, reads and writes of a file) turn it into one deadline when they begin.
/// The longest finite timeout is a little over 584 years; a longer [`Duration`] becomes `NEVER`.
///
/// ```
/// use shotclock::Timeout;
/// use std::time::Duration;
///
/// assert_eq!(Timeout::from(None), Timeout::NEVER);
/// assert_eq!(Timeout::from(Duration::from_millis(250)).duration(), Some(Duration::from_millis(250)));
/// assert_eq!(Timeout::from(Duration::MAX), Timeout::NEVER);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeout(u64);

impl Timeout {
    /// Wait for ever: Python's `None`.
    pub const NEVER: Self = Self(u64::MAX);
    /// Try once, do not wait: a non-blocking socket.
    pub const ZERO: Self = Self(0);

    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// The timeout as a [`Duration`]; `None` for [`Timeout::NEVER`].
    ///
    /// ```
    /// assert_eq!(shotclock::Timeout::NEVER.duration(), None);
    /// ```
    pub const fn duration(self) -> Option<Duration> {
        if self.0 == u64::MAX { None } else { Some(Duration::from_nanos(self.0)) }
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(duration: Option<Duration>) -> Self {
        duration.map_or(Self::NEVER, Self::from)
    }
}

/// A moment by which something must have ended, on the system's monotonic clock.
///
/// The clock is `CLOCK_MONOTONIC`: it never steps with the time of day, and it stands still while the machine is
/// suspended. Arithmetic saturates at [`Deadline::NEVER`], so no `Duration` can make it panic.
/// Source: clock_gettime(2).
///
/// ```
/// use shotclock::{Deadline, Timeout};
/// use std::time::Duration;
///
/// let deadline = Deadline::after(Duration::from_secs(5));
/// assert!(!deadline.has_passed());
/// assert!(deadline.remaining() <= Timeout::from(Duration::from_secs(5)));
/// assert_eq!(Deadline::after(Timeout::NEVER), Deadline::NEVER);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(u64);

impl Deadline {
    /// No deadline.
    pub const NEVER: Self = Self(u64::MAX);

    /// This moment.
    ///
    /// ```
    /// use shotclock::Deadline;
    /// assert!(Deadline::now() < Deadline::NEVER);
    /// ```
    pub fn now() -> Self {
        Self(sys::monotonic_nanos())
    }

    /// The moment `timeout` from now.
    ///
    /// ```
    /// use std::time::Duration;
    /// assert!(shotclock::Deadline::after(Duration::ZERO).has_passed());
    /// ```
    pub fn after(timeout: impl Into<Timeout>) -> Self {
        Self::now().plus(timeout.into())
    }

    /// This deadline moved later by `timeout`.
    ///
    /// ```
    /// use shotclock::{Deadline, Timeout};
    /// assert_eq!(Deadline::now().plus(Timeout::NEVER), Deadline::NEVER);
    /// ```
    #[must_use]
    pub const fn plus(self, timeout: Timeout) -> Self {
        Self(self.0.saturating_add(timeout.0))
    }

    /// The time left: zero once it has passed, [`Timeout::NEVER`] for [`Deadline::NEVER`].
    ///
    /// ```
    /// use shotclock::{Deadline, Timeout};
    /// assert_eq!(Deadline::NEVER.remaining(), Timeout::NEVER);
    /// ```
    pub fn remaining(self) -> Timeout {
        if self == Self::NEVER { Timeout::NEVER } else { self.since(Self::now()) }
    }

    /// Whether the moment has come.
    ///
    /// ```
    /// assert!(!shotclock::Deadline::NEVER.has_passed());
    /// ```
    pub fn has_passed(self) -> bool {
        self != Self::NEVER && Self::now() >= self
    }

    /// The moment on std's clock, for functions that take an [`Instant`]; `None` for [`Deadline::NEVER`], and where std's
    /// clock does not reach that far. There and back it may move by as long as two looks at the clock take, which is less
    /// than a microsecond mostly.
    ///
    /// ```
    /// use shotclock::Deadline;
    /// use std::time::{Duration, Instant};
    /// let instant = Deadline::after(Duration::from_secs(5)).to_instant().unwrap();
    /// assert!(instant > Instant::now() && instant <= Instant::now() + Duration::from_secs(5));
    /// assert_eq!(Deadline::NEVER.to_instant(), None);
    /// ```
    pub fn to_instant(self) -> Option<Instant> {
        if self == Self::NEVER {
            return None;
        }
        let (now, instant) = (Self::now(), Instant::now());
        if self >= now {
            instant.checked_add(Duration::from_nanos(self.0 - now.0))
        } else {
            instant.checked_sub(Duration::from_nanos(now.0 - self.0))
        }
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later (a clock that stepped back).
    pub(crate) const fn since(self, earlier: Self) -> Timeout {
        Timeout(self.0.saturating_sub(earlier.0))
    }

    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }
}

/// As [`Deadline::to_instant`].
impl From<Deadline> for Option<Instant> {
    fn from(deadline: Deadline) -> Self {
        deadline.to_instant()
    }
}

impl From<Instant> for Deadline {
    fn from(instant: Instant) -> Self {
        Self::after(instant.saturating_duration_since(Instant::now()))
    }
}

/// `None` is [`Deadline::NEVER`]: what comes first of those that are due, if anything is.
///
/// ```
/// use shotclock::{Deadline, Kind, Family, socketpair};
/// use std::time::{Duration, Instant};
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let due = [30, 10, 20].map(|millis| Instant::now() + Duration::from_millis(millis));
/// assert!(ours.until(due.into_iter().min()).recv(1).unwrap_err().is_timeout());
/// assert_eq!(Deadline::from(None), Deadline::NEVER);
/// # Ok::<(), shotclock::Error>(())
/// ```
impl From<Option<Instant>> for Deadline {
    fn from(instant: Option<Instant>) -> Self {
        instant.map_or(Self::NEVER, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Deadline::from_nanos(5).plus(Timeout::NEVER), Deadline::NEVER);
        assert_eq!(Deadline::from_nanos(5).since(Deadline::from_nanos(9)), Timeout::ZERO);
        assert_eq!(Timeout::from(Duration::MAX), Timeout::NEVER);
        assert_eq!(Deadline::after(Duration::MAX).remaining(), Timeout::NEVER);
    }

    #[test]
    fn instants_convert() {
        let deadline = Deadline::from(Instant::now() + Duration::from_secs(60));
        let left = deadline.remaining().duration().unwrap();
        assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60));
        assert!(Deadline::from(Instant::now()).has_passed());
    }

    #[test]
    fn deadlines_are_instants_before_now_too() {
        let (from, passed) = (Instant::now(), Deadline::now());
        let back = passed.to_instant().unwrap();
        assert!(back <= Instant::now() && from.saturating_duration_since(back) < Duration::from_secs(1));
        let later = Instant::now() + Duration::from_secs(60);
        let there_and_back = Deadline::from(later).to_instant().unwrap();
        let moved = there_and_back.max(later) - there_and_back.min(later);
        assert!(moved < Duration::from_secs(1), "{moved:?}");
        assert_eq!(Option::<Instant>::from(Deadline::NEVER), None);
    }
}
