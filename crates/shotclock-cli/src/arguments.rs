//! How arguments are read, by all subcommands alike: numbers are checked here, and errors name the value.

use std::time::Duration;

use shotclock::Timeout;

/// How a limit is written, for help texts.
pub(crate) const SECONDS: &str = "SECONDS";

/// Seconds, with or without a fraction; `0` and `none` are no limit.
pub(crate) fn limit(text: &str) -> Result<Timeout, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Timeout::NEVER);
    }
    let seconds = text.parse().ok().and_then(|seconds| Timeout::from_secs_f64(seconds).ok());
    match seconds.ok_or("expected 0 to 18446744073 seconds (584 years), such as 2.5, or none")? {
        Timeout::ZERO => Ok(Timeout::NEVER),
        timeout => Ok(timeout),
    }
}

/// Seconds, with or without a fraction; `0` is no time at all.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Timeout::from_secs_f64(seconds).ok());
    let duration = seconds.and_then(Timeout::duration);
    duration.ok_or_else(|| "expected 0 to 18446744073 seconds (584 years), such as 0.25".to_owned())
}

/// A number of at least one; `0` and `none` are no limit.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Rate(None));
    }
    let number = text.parse::<u32>().map_err(|_| "expected a whole number, or none".to_owned())?;
    Ok(Rate(std::num::NonZeroU32::new(number)))
}

/// So many in a second; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) Option<std::num::NonZeroU32>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_or_refused() {
        assert_eq!(limit("0.25").unwrap(), Timeout::from(Duration::from_millis(250)));
        for none in ["none", "None", "0", "0.0", "-0"] {
            assert_eq!(limit(none).unwrap(), Timeout::NEVER, "{none}");
        }
        for bad in ["-1", "nan", "inf", "1e300", "", "soon", "1s"] {
            assert!(limit(bad).unwrap_err().contains("expected"), "{bad}");
        }
    }

    #[test]
    fn durations_are_read_or_refused() {
        assert_eq!(duration("0.25").unwrap(), Duration::from_millis(250));
        assert_eq!(duration("0").unwrap(), Duration::ZERO);
        for bad in ["-1", "nan", "none", "1e300", "", "1s"] {
            assert!(duration(bad).unwrap_err().contains("expected"), "{bad}");
        }
    }

    #[test]
    fn rates_are_read_or_refused() {
        assert_eq!(rate("none").unwrap(), Rate(None));
        assert_eq!(rate("0").unwrap(), Rate(None));
        assert_eq!(rate("7").unwrap(), Rate(std::num::NonZeroU32::new(7)));
        assert!(rate("-5").is_err() && rate("1.5").is_err() && rate("many").is_err());
    }
}
