//! What came of a wait, and whether its limit held.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use shotclock::Error;

use crate::output::{Paint, painted};

/// Each wait of the demonstration ends by this.
pub(super) const LIMIT: Duration = Duration::from_millis(250);
/// How late a wait may end on a busy machine and still have held. Early is never right.
pub(super) const LATE: Duration = Duration::from_millis(150);

/// How long a call took, and its error; `None` if it went well, which it must not.
pub(super) struct Ended {
    pub(super) elapsed: Duration,
    pub(super) error: Option<Error>,
}

/// What came of a wait.
#[derive(Serialize)]
pub(super) struct Outcome {
    operation: &'static str,
    stall: &'static str,
    limit: f64,
    elapsed: f64,
    pub(super) held: bool,
    error: Option<String>,
}

impl Outcome {
    pub(super) fn new(operation: &'static str, stall: &'static str, ended: Ended) -> Self {
        let in_time = (LIMIT..=LIMIT + LATE).contains(&ended.elapsed);
        Self {
            operation,
            stall,
            limit: LIMIT.as_secs_f64(),
            elapsed: ended.elapsed.as_secs_f64(),
            held: in_time && ended.error.as_ref().is_some_and(Error::is_timeout),
            error: ended.error.map(|error| error.to_string()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, stall, elapsed, held, error, .. } = self;
        let verdict = if *held { painted(Paint::Good, "held") } else { painted(Paint::Bad, "NOT HELD") };
        let error = error.as_deref().unwrap_or("no error");
        write!(f, "{operation:<8} {elapsed:.4} s {verdict} ({stall}): {error}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shotclock::{Family, Kind, Socket};

    fn held(elapsed: Duration, error: Option<Error>) -> bool {
        Outcome::new("recv", "a test", Ended { elapsed, error }).held
    }

    fn timeout() -> Option<Error> {
        let socket = Socket::new(Family::INET, Kind::DGRAM).unwrap();
        socket.within(Duration::from_millis(1)).recv(1).err()
    }

    #[test]
    fn held_is_in_time_and_a_timeout() {
        assert!(held(LIMIT, timeout()) && held(LIMIT + LATE, timeout()));
        assert!(!held(LIMIT - Duration::from_nanos(1), timeout()), "early");
        assert!(!held(LIMIT + LATE + Duration::from_nanos(1), timeout()), "late");
        assert!(!held(LIMIT, None), "it went well");
        let refused = Socket::new(Family::INET, Kind::STREAM).unwrap().connect(([127, 0, 0, 1], 1)).err();
        assert!(!held(LIMIT, refused), "another error");
    }
}
