//! Whole numbers, each in a range that its error names.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

/// A parser of whole numbers in a range.
pub(crate) fn whole(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| read(text, &range)
}

/// A parser of how many of something there may be.
pub(crate) fn count(most: u32) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync + 'static {
    move |text| read(text, &(1..=most.into())).map(|number| u32::try_from(number).unwrap_or(most))
}

/// A number of at least one; `0` and `none` are no limit.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Rate(None));
    }
    let number = read(text, &(0..=u32::MAX.into())).map_err(|error| format!("{error}, or none"))?;
    Ok(Rate(u32::try_from(number).ok().and_then(NonZeroU32::new)))
}

/// So many in a second; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) Option<NonZeroU32>);

fn read(text: &str, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let (least, most) = (range.start(), range.end());
    let expected = format!("expected a whole number from {least} to {most}");
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected);
    }
    match text.parse::<u64>() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(number) if number < *least => Err(format!("that is too small: {expected}")),
        _ if text.starts_with('-') => Err(format!("that is less than nothing: {expected}")),
        _ => Err(format!("that is too large: {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_of_the_range_are_told_which_it_is() {
        let number = whole(1..=65_535);
        assert_eq!(number("65535"), Ok(65_535));
        assert_eq!(number("+7"), Ok(7));
        for (bad, why) in [
            ("0", "that is too small: "),
            ("65536", "that is too large: "),
            ("99999999999999999999999", "that is too large: "),
            ("-1", "that is less than nothing: "),
            ("many", ""),
            ("1.5", ""),
            ("", ""),
            ("-", ""),
        ] {
            assert_eq!(number(bad), Err(format!("{why}expected a whole number from 1 to 65535")), "{bad}");
        }
        assert_eq!(count(7)("7"), Ok(7));
        assert!(count(7)("8").is_err() && count(7)("0").is_err());
    }

    #[test]
    fn rates_are_read_or_refused() {
        assert_eq!(rate("none").unwrap(), Rate(None));
        assert_eq!(rate("0").unwrap(), Rate(None));
        assert_eq!(rate("7").unwrap(), Rate(NonZeroU32::new(7)));
        for bad in ["-5", "1.5", "many", "4294967296"] {
            assert!(rate(bad).unwrap_err().ends_with("to 4294967295, or none"), "{bad}");
        }
    }
}
