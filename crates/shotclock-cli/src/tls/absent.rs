//! What stands for TLS in a command that was built without it: it says so.

use shotclock::{Error, Result, Timed};

use super::arguments::{ClientArguments, ServerArguments};
use crate::failure::Failure;

/// There is none.
pub(crate) enum Client {}
/// There is none.
pub(crate) enum Server {}
/// There is none.
pub(crate) enum Session {}

impl Client {
    pub(crate) fn new(arguments: &ClientArguments) -> std::result::Result<Option<Self>, Failure> {
        if arguments.tls { Err(absent()) } else { Ok(None) }
    }

    pub(crate) fn begin(&self, _: Timed<'_>, _: &str) -> Result<Session> {
        match *self {}
    }
}

impl Server {
    pub(crate) fn new(arguments: &ServerArguments) -> std::result::Result<Option<Self>, Failure> {
        if arguments.tls { Err(absent()) } else { Ok(None) }
    }

    pub(crate) fn begin(&self, _: Timed<'_>) -> Result<Session> {
        match *self {}
    }
}

impl Session {
    pub(crate) fn recv_into(&self, _: Timed<'_>, _: &mut [u8]) -> Result<usize> {
        match *self {}
    }

    pub(crate) fn sendall(&self, _: Timed<'_>, _: &[u8]) -> Result<()> {
        match *self {}
    }

    pub(crate) fn end(&self, _: Timed<'_>) -> Result<()> {
        match *self {}
    }

    pub(crate) fn description(&self) -> String {
        match *self {}
    }
}

/// There are no errors of TLS.
pub(crate) fn advice(_: &Error) -> Option<&'static str> {
    None
}

fn absent() -> Failure {
    Failure::Usage("--tls: this command was built without TLS (the cargo feature `tls`)".to_owned())
}
