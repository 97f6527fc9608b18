//! Host names with letters beyond ASCII, by the cargo feature `idna`.
//!
//! The conversion is that of UTS 46 in its non-transitional form, as browsers do it. Python's own codec is older (IDNA
//! 2003) and differs in four letters: it maps `ß` to `ss` and the final sigma `ς` to `σ`, and drops the two zero-width
//! joiners, while UTS 46 keeps them, so that `faß.example` may be another host than in Python.

use crate::error::{Error, Reason, Result};

/// The host name in the form that DNS knows.
pub(super) fn to_ascii(operation: &'static str, host: &str) -> Result<String> {
    let Some(convert) = CONVERTER else {
        let text = format!("the host name {host:?} is not ASCII: build shotclock with its cargo feature `idna`");
        return Err(Error::new(operation, Reason::Unsupported(text)));
    };
    let refused = || Error::invalid(operation, format!("the host name {host:?} is not a valid international one"));
    convert(host).ok_or_else(refused)
}

#[cfg(feature = "idna")]
const CONVERTER: Option<fn(&str) -> Option<String>> = Some(|host| ::idna::domain_to_ascii(host).ok());

#[cfg(not(feature = "idna"))]
const CONVERTER: Option<fn(&str) -> Option<String>> = None;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "idna")]
    fn letters_become_ascii() {
        assert_eq!(to_ascii("getaddrinfo", "Bücher.example").unwrap(), "xn--bcher-kva.example");
        assert_eq!(to_ascii("getaddrinfo", "faß.example").unwrap(), "xn--fa-hia.example");
        assert_eq!(to_ascii("getaddrinfo", "１２７.0.0.1").unwrap(), "127.0.0.1");
        let error = to_ascii("getaddrinfo", "\u{200d}.example").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }

    #[test]
    #[cfg(not(feature = "idna"))]
    fn the_missing_feature_is_named() {
        let error = to_ascii("getaddrinfo", "bücher.example").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("`idna`") && error.to_string().contains("bücher.example"), "{error}");
    }
}
