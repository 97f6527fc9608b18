//! A connection's bytes, as they are or under TLS.

mod lines;

use shotclock::{Result, Shutdown, Socket, Timed};

use crate::tls::Session;
pub(crate) use lines::Lines;

/// A connection, over which the bytes go as they are or under TLS. Each call takes its limits by a view of the socket.
pub(crate) struct Wire {
    socket: Socket,
    tls: Option<Session>,
}

impl Wire {
    /// A connection, and its TLS if it has any.
    pub(crate) fn new(socket: Socket, tls: Option<Session>) -> Self {
        Self { socket, tls }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Which TLS, for people.
    pub(crate) fn tls(&self) -> Option<String> {
        self.tls.as_ref().map(Session::description)
    }

    /// What came, once something has; nothing is the end of the data.
    pub(crate) fn recv_into(&self, view: Timed<'_>, buffer: &mut [u8]) -> Result<usize> {
        match &self.tls {
            Some(session) => session.recv_into(view, buffer),
            None => view.recv_into(buffer),
        }
    }

    pub(crate) fn sendall(&self, view: Timed<'_>, data: &[u8]) -> Result<()> {
        match &self.tls {
            Some(session) => session.sendall(view, data),
            None => view.sendall(data),
        }
    }

    /// Ends our side of the data.
    pub(crate) fn end(&self, view: Timed<'_>) -> Result<()> {
        if let Some(session) = &self.tls {
            session.end(view)?;
        }
        self.socket.shutdown(Shutdown::WRITE)
    }
}
