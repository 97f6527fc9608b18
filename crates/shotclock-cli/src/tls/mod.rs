//! TLS over the core's sockets, which alone wait: for `send` and `serve`.

#[cfg(not(feature = "tls"))]
mod absent;
mod arguments;
#[cfg(feature = "tls")]
mod client;
#[cfg(feature = "tls")]
mod failure;
#[cfg(feature = "tls")]
mod files;
#[cfg(feature = "tls")]
mod server;
#[cfg(feature = "tls")]
mod session;

#[cfg(not(feature = "tls"))]
pub(crate) use absent::{Client, Server, Session, advice};
pub(crate) use arguments::{ClientArguments, ServerArguments};
#[cfg(feature = "tls")]
pub(crate) use client::Client;
#[cfg(feature = "tls")]
pub(crate) use failure::advice;
#[cfg(feature = "tls")]
pub(crate) use server::Server;
#[cfg(feature = "tls")]
pub(crate) use session::Session;
