//! Errors of TLS, as errors of the core, and what a user can do about them.

use std::error::Error as _;
use std::io;

use rustls::{AlertDescription, CertificateError};
use shotclock::Error;

/// An error of the protocol: what the other side sent, or did not accept.
pub(super) fn protocol(error: rustls::Error) -> Error {
    Error::other("tls", io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The connection ended without the end of TLS, so that nobody knows whether that was all.
pub(super) fn cut_off() -> Error {
    let text = "the connection ended without the end of TLS: what has come may not be all";
    Error::other("tls", io::Error::new(io::ErrorKind::UnexpectedEof, text))
}

/// What may mend it.
pub(crate) fn advice(error: &Error) -> Option<&'static str> {
    let mut next = error.source();
    while let Some(source) = next {
        let inner = source.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = source.downcast_ref().or_else(|| inner.and_then(|inner| inner.downcast_ref()));
        if let Some(error) = found {
            return advice_of(error);
        }
        next = source.source();
    }
    None
}

fn advice_of(error: &rustls::Error) -> Option<&'static str> {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some("--server-name NAME expects another name than the host's in the certificate"),
        Tls::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            Some("its time is over: the server needs a new one")
        }
        Tls::InvalidCertificate(CertificateError::Other(_)) => Some(
            "a certificate that is its own authority is no server's: make it with -addext basicConstraints=CA:FALSE, \
             or use --insecure in a test",
        ),
        Tls::InvalidCertificate(_) => {
            Some("--ca FILE trusts the authority of that certificate; --insecure trusts whoever answers")
        }
        Tls::InvalidMessage(_) | Tls::InappropriateMessage { .. } | Tls::InappropriateHandshakeMessage { .. } => {
            Some("does the other side speak TLS at all? without --tls the bytes go as they are")
        }
        Tls::AlertReceived(AlertDescription::CertificateRequired) => {
            Some("the server asks for a certificate: --cert FILE --key FILE")
        }
        _ => None,
    }
}
