//! What a call was at when it ended.

use std::fmt;

/// What a call was at when it ended: a `connect` that looks a name up first can end in either.
///
/// ```
/// use shotclock::Phase;
/// assert_eq!(Phase::Handshake.to_string(), "handshake");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Asking the resolver.
    Lookup,
    /// Making a connection.
    Connect,
    /// Waiting for somebody to connect.
    Accept,
    /// Beginning TLS; by the Python face alone, since this crate has no TLS of its own.
    Handshake,
    /// Receiving.
    Recv,
    /// Sending.
    Send,
    /// Ending a connection: a close that lingers, TLS's `unwrap` in Python.
    Shutdown,
}

impl Phase {
    /// Its name in lower case: `"lookup"`, `"recv"`.
    ///
    /// ```
    /// assert_eq!(shotclock::Phase::Lookup.as_str(), "lookup");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Handshake => "handshake",
            Self::Recv => "recv",
            Self::Send => "send",
            Self::Shutdown => "shutdown",
        }
    }

    /// The phase of an operation of this crate, by the operation's name; none for those that never wait.
    pub(crate) fn of(operation: &str) -> Option<Self> {
        match operation {
            "getaddrinfo" | "getfqdn" | "gethostbyaddr" | "gethostbyname" | "gethostbyname_ex" | "getnameinfo"
            | "getprotobyname" | "getservbyname" | "getservbyport" => Some(Self::Lookup),
            "connect" | "create_connection" => Some(Self::Connect),
            "accept" => Some(Self::Accept),
            "read" | "read_exact" | "readline" | "recv" | "recv_batch" | "recv_exact" | "recv_fds" | "recvfrom"
            | "recvmsg" => Some(Self::Recv),
            "flush" | "send" | "send_batch" | "send_fds" | "sendall" | "sendfile" | "sendmsg" | "sendto" | "write"
            | "write_all" => Some(Self::Send),
            "close" => Some(Self::Shutdown),
            _ => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
