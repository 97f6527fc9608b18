//! The server's side: its certificate, whom it lets in, and the handshake.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection};
use shotclock::{Result, Timed};

use super::arguments::ServerArguments;
use super::failure::protocol;
use super::files;
use super::session::Session;
use crate::failure::Failure;

pub(crate) struct Server(Arc<ServerConfig>);

impl Server {
    /// As the arguments say; `None` if they ask for no TLS.
    pub(crate) fn new(arguments: &ServerArguments) -> std::result::Result<Option<Self>, Failure> {
        let ServerArguments { tls: true, cert: Some(cert), key: Some(key), ca } = arguments else { return Ok(None) };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(protocol)?;
        let builder = match ca {
            Some(file) => {
                let roots = Arc::new(files::authorities(file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                let named = |error| Failure::Other(format!("{}: {error}", file.display()));
                builder.with_client_cert_verifier(verifier.map_err(named)?)
            }
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(files::certificates(cert)?, files::key(key)?);
        let named = |error| Failure::Other(format!("{} and {}: {error}", cert.display(), key.display()));
        Ok(Some(Self(Arc::new(config.map_err(named)?))))
    }

    /// The handshake with a client, under the view's limits.
    pub(crate) fn begin(&self, view: Timed<'_>) -> Result<Session> {
        let connection = ServerConnection::new(Arc::clone(&self.0)).map_err(protocol)?;
        Session::begin(connection.into(), view)
    }
}
