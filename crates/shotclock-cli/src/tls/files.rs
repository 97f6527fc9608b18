//! Certificates and keys, read from PEM files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::failure::Failure;

/// A certificate and those that lead up to its authority.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if found.is_empty() => Err(unusable(file, "a certificate", &pem::Error::NoItemsFound)),
        found => found.map_err(|error| unusable(file, "a certificate", &error)),
    }
}

pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| unusable(file, "a private key", &error))
}

/// Authorities to trust.
pub(super) fn authorities(file: &Path) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| Failure::Other(format!("{}: {error}", file.display())))?;
    }
    Ok(roots)
}

/// The authorities that the system trusts.
pub(super) fn system_authorities() -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
    let text = "this system has no list of certificate authorities; many have it in a package ca-certificates";
    Err(Failure::Other(format!("tls: {text}{why}. --ca FILE gives one, --insecure trusts whoever answers")))
}

fn unusable(file: &Path, expected: &str, error: &pem::Error) -> Failure {
    match error {
        pem::Error::Io(error) => Failure::Other(format!("{}: {error}", file.display())),
        pem::Error::NoItemsFound => Failure::Other(format!("{}: expected {expected} in PEM", file.display())),
        error => Failure::Other(format!("{}: expected {expected} in PEM: {error:?}", file.display())),
    }
}
