//! The client's side: whom it trusts, and the handshake.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use shotclock::{Result, Timed};

use super::arguments::ClientArguments;
use super::failure::protocol;
use super::files;
use super::session::Session;
use crate::failure::Failure;

pub(crate) struct Client {
    config: Arc<ClientConfig>,
    name: Option<String>,
}

impl Client {
    /// As the arguments say; `None` if they ask for no TLS.
    pub(crate) fn new(arguments: &ClientArguments) -> std::result::Result<Option<Self>, Failure> {
        if !arguments.tls {
            return Ok(None);
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(protocol)?;
        let builder = if arguments.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Trusting(provider)))
        } else {
            let file = arguments.ca.as_deref();
            builder.with_root_certificates(file.map_or_else(files::system_authorities, files::authorities)?)
        };
        let config = match (&arguments.cert, &arguments.key) {
            (Some(cert), Some(key)) => {
                builder.with_client_auth_cert(files::certificates(cert)?, files::key(key)?).map_err(protocol)?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Some(Self { config: Arc::new(config), name: arguments.server_name.clone() }))
    }

    /// The handshake with `host`, under the view's limits.
    pub(crate) fn begin(&self, view: Timed<'_>, host: &str) -> Result<Session> {
        let name = self.name.as_deref().unwrap_or(host);
        // A scope belongs to this machine, and stands in no certificate.
        let name = name.split_once('%').map_or(name, |(address, _scope)| address);
        let name = ServerName::try_from(name.to_owned());
        let name = name.map_err(|_| protocol(rustls::Error::General(format!("{host:?} is no name of a server"))))?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(protocol)?;
        Session::begin(connection.into(), view)
    }
}

/// Trusts every certificate, but not every signature: whoever answers has the key to what it shows.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
