//! Times: seconds, or a number with its unit.

use std::time::Duration;

use shotclock::Timeout;

/// How a time is written, for help texts.
pub(crate) const TIME: &str = "TIME";

const EXPECTED: &str = "expected a time such as 2.5, 2.5s, 500ms, 1m or 1h, from 0 to 584 years";
/// How many of it are a second, or how many seconds it is. The longer of two that end alike comes first.
const UNITS: [(&str, f64, f64); 8] = [
    ("ns", 1e9, 1.0),
    ("us", 1e6, 1.0),
    ("µs", 1e6, 1.0),
    ("ms", 1e3, 1.0),
    ("s", 1.0, 1.0),
    ("min", 1.0, 60.0),
    ("m", 1.0, 60.0),
    ("h", 1.0, 3600.0),
];

/// A limit: `0` and `none` are none.
pub(crate) fn limit(text: &str) -> Result<Timeout, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Timeout::NEVER);
    }
    match read(text).ok_or_else(|| format!("{EXPECTED}, or none"))? {
        Timeout::ZERO => Ok(Timeout::NEVER),
        timeout => Ok(timeout),
    }
}

/// A time: `0` is no time at all.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    read(text).and_then(Timeout::duration).ok_or_else(|| EXPECTED.to_owned())
}

/// Seconds, or a number with a unit, with or without a fraction.
fn read(text: &str) -> Option<Timeout> {
    let unit = UNITS.iter().find_map(|(unit, parts, seconds)| Some((text.strip_suffix(unit)?, *parts, *seconds)));
    let (number, parts, seconds) = unit.unwrap_or((text, 1.0, 1.0));
    let number: f64 = number.trim_end().parse().ok()?;
    // Divided, since a thousandth is no number that this type has, and the time is rounded up.
    Timeout::from_secs_f64(number / parts * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_or_refused() {
        assert_eq!(limit("0.25").unwrap(), Timeout::from(Duration::from_millis(250)));
        for none in ["none", "None", "0", "0.0", "-0", "0ms"] {
            assert_eq!(limit(none).unwrap(), Timeout::NEVER, "{none}");
        }
        for bad in ["-1", "nan", "inf", "1e300", "", "soon", "-1s", "1d", "ms", "1 2"] {
            let error = limit(bad).unwrap_err();
            assert!(error.contains("500ms") && error.ends_with("or none"), "{bad}: {error}");
        }
    }

    #[test]
    fn durations_are_read_or_refused() {
        assert_eq!(duration("0.25").unwrap(), Duration::from_millis(250));
        assert_eq!(duration("0").unwrap(), Duration::ZERO);
        for bad in ["-1", "nan", "none", "1e300", "", "1x"] {
            assert!(duration(bad).unwrap_err().contains("expected"), "{bad}");
        }
    }

    #[test]
    fn times_have_units() {
        for (text, expected) in [
            ("500ms", Duration::from_millis(500)),
            ("2s", Duration::from_secs(2)),
            ("1.5 s", Duration::from_millis(1500)),
            ("1m", Duration::from_secs(60)),
            ("1min", Duration::from_secs(60)),
            ("2h", Duration::from_secs(7200)),
            ("30us", Duration::from_micros(30)),
            ("30µs", Duration::from_micros(30)),
            ("7ns", Duration::from_nanos(7)),
            ("1e-3", Duration::from_millis(1)),
        ] {
            assert_eq!(duration(text).unwrap(), expected, "{text}");
        }
    }
}
