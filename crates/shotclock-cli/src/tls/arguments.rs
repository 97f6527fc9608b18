//! The options of TLS, for clients and for servers.

use std::path::PathBuf;

/// How a client goes about TLS.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ClientArguments {
    /// Speak TLS; the handshake is part of what --connect-timeout bounds
    #[arg(long)]
    pub(crate) tls: bool,
    /// Trust the certificate authorities in this PEM file, instead of the system's
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca: Option<PathBuf>,
    /// Trust whoever answers: for tests alone
    #[arg(long, requires = "tls", conflicts_with = "ca")]
    pub(crate) insecure: bool,
    /// The name that the server's certificate is to have [default: the host]
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub(crate) server_name: Option<String>,
    /// Our own certificate, and those up to its authority, for a server that asks: a PEM file
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"])]
    pub(crate) cert: Option<PathBuf>,
    /// The key of our own certificate: a PEM file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
}

/// How a server goes about TLS.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ServerArguments {
    /// Speak TLS, with --cert and --key
    #[arg(long, requires_all = ["cert", "key"])]
    pub(crate) tls: bool,
    /// The server's certificate, and those up to its authority: a PEM file
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) cert: Option<PathBuf>,
    /// The certificate's key: a PEM file
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) key: Option<PathBuf>,
    /// Let in only clients with a certificate of these authorities: a PEM file
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca: Option<PathBuf>,
}
