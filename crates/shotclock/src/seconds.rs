//! Timeouts out of numbers of seconds, as Python has them: those that mean nothing are errors.

use crate::deadline::Timeout;
use crate::error::Error;

impl Timeout {
    /// A timeout of so many seconds, as Python's `settimeout` takes it; rounded up to the next nanosecond.
    ///
    /// # Errors
    /// Negative numbers, NaN, infinities and more than 584 years are refused by an error that names the value.
    ///
    /// ```
    /// use shotclock::Timeout;
    ///
    /// assert_eq!(Timeout::from_secs_f64(0.0)?, Timeout::ZERO);
    /// assert!(Timeout::from_secs_f64(-1.0).unwrap_err().to_string().contains("-1"));
    /// assert!(Timeout::from_secs_f64(f64::NAN).is_err());
    /// assert!(Timeout::from_secs_f64(1e300).is_err());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn from_secs_f64(seconds: f64) -> Result<Self, Error> {
        let nanos = (seconds * 1e9).ceil();
        // 2^64 as a float is one more than the largest value, so `<` keeps the conversion below exact in range.
        if seconds >= 0.0 && nanos < u64::MAX as f64 {
            return Ok(Self::from_nanos(nanos as u64));
        }
        Err(Error::invalid(
            "timeout",
            format!("{seconds} s: expected 0 to 18446744073 seconds (584 years), or no timeout"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_checked() {
        assert_eq!(Timeout::from_secs_f64(1.5).unwrap().nanos(), 1_500_000_000);
        assert_eq!(Timeout::from_secs_f64(1e-12).unwrap().nanos(), 1, "a tiny timeout must not become non-blocking");
        assert_eq!(Timeout::from_secs_f64(-0.0).unwrap(), Timeout::ZERO);
        let century = Timeout::from_secs_f64(3_155_760_000.0).unwrap();
        assert_eq!(century.duration(), Some(Duration::from_secs(3_155_760_000)));
        for bad in [-1.0, -1e-9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 1.9e10] {
            let error = Timeout::from_secs_f64(bad).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&bad.to_string()), "{error}");
        }
    }
}
