//! Error numbers: those of Winsock, which are none of C's. Source: "Windows Sockets Error Codes" of Microsoft's reference.

use std::io;

use windows_sys::Win32::Foundation as f;
use windows_sys::Win32::Networking::WinSock as w;

/// The number of an error, as WSAGetLastError gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(i32);

/// What the errors of the network are in words, as other systems say it: Windows says it in sentences, and Wine not at all.
const WORDS: [(i32, &str); 30] = [
    (w::WSAEINTR, "interrupted system call"),
    (w::WSAEACCES, "permission denied"),
    (w::WSAEFAULT, "bad address"),
    (w::WSAEINVAL, "invalid argument"),
    (w::WSAEMFILE, "too many open files"),
    (w::WSAEWOULDBLOCK, "operation would block"),
    (w::WSAEINPROGRESS, "operation now in progress"),
    (w::WSAEALREADY, "operation already in progress"),
    (w::WSAENOTSOCK, "not a socket"),
    (w::WSAEDESTADDRREQ, "destination address required"),
    (w::WSAEMSGSIZE, "message too long"),
    (w::WSAENOPROTOOPT, "protocol not available"),
    (w::WSAEPROTONOSUPPORT, "protocol not supported"),
    (w::WSAESOCKTNOSUPPORT, "socket type not supported"),
    (w::WSAEOPNOTSUPP, "operation not supported"),
    (w::WSAEAFNOSUPPORT, "address family not supported"),
    (w::WSAEADDRINUSE, "address already in use"),
    (w::WSAEADDRNOTAVAIL, "cannot assign requested address"),
    (w::WSAENETDOWN, "network is down"),
    (w::WSAENETUNREACH, "network is unreachable"),
    (w::WSAECONNABORTED, "connection aborted"),
    (w::WSAECONNRESET, "connection reset by peer"),
    (w::WSAENOBUFS, "no buffer space available"),
    (w::WSAEISCONN, "already connected"),
    (w::WSAENOTCONN, "not connected"),
    (w::WSAESHUTDOWN, "cannot send after shutdown"),
    (w::WSAETIMEDOUT, "connection timed out"),
    (w::WSAECONNREFUSED, "connection refused"),
    (w::WSAEHOSTUNREACH, "no route to host"),
    (f::ERROR_CALL_NOT_IMPLEMENTED as i32, "not supported on Windows"),
];

/// The words for an error number.
pub(crate) fn describe(errno: Errno) -> String {
    if let Some((_, words)) = WORDS.iter().find(|(number, _)| *number == errno.0) {
        return (*words).to_owned();
    }
    let text = io::Error::from(errno).to_string();
    let text = text.find(" (os error").map_or(&*text, |end| &text[..end]);
    text.trim_end_matches('.').to_owned()
}

macro_rules! errors {
    ($($(#[$given:meta])* $name:ident = $number:expr;)*) => {
        impl Errno {
            $($(#[$given])* pub(crate) const $name: Self = Self($number as i32);)*
        }
    };
}

errors! {
    AFNOSUPPORT = w::WSAEAFNOSUPPORT;
    AGAIN = w::WSAEWOULDBLOCK;
    ALREADY = w::WSAEALREADY;
    /// The handle is closed, or was no socket's.
    BADF = w::WSAENOTSOCK;
    CONNABORTED = w::WSAECONNABORTED;
    #[cfg(test)]
    CONNREFUSED = w::WSAECONNREFUSED;
    CONNRESET = w::WSAECONNRESET;
    HOSTDOWN = w::WSAEHOSTDOWN;
    HOSTUNREACH = w::WSAEHOSTUNREACH;
    /// A connect that has begun: Winsock says "would block" there, which `connect` turns into this.
    INPROGRESS = w::WSAEINPROGRESS;
    INTR = w::WSAEINTR;
    INVAL = w::WSAEINVAL;
    ISCONN = w::WSAEISCONN;
    MFILE = w::WSAEMFILE;
    MSGSIZE = w::WSAEMSGSIZE;
    NAMETOOLONG = w::WSAENAMETOOLONG;
    NETDOWN = w::WSAENETDOWN;
    NETUNREACH = w::WSAENETUNREACH;
    NFILE = f::ERROR_TOO_MANY_OPEN_FILES;
    NOBUFS = w::WSAENOBUFS;
    NOMEM = f::ERROR_NOT_ENOUGH_MEMORY;
    NONET = f::ERROR_NO_NETWORK;
    NOPROTOOPT = w::WSAENOPROTOOPT;
    /// Windows has no such call.
    NOSYS = f::ERROR_CALL_NOT_IMPLEMENTED;
    NOTCONN = w::WSAENOTCONN;
    OPNOTSUPP = w::WSAEOPNOTSUPP;
    PROTO = f::ERROR_PROTOCOL_UNREACHABLE;
    SHUTDOWN = w::WSAESHUTDOWN;
}

impl Errno {
    pub(super) fn of(number: i32) -> Self {
        Self(number)
    }

    /// What the last call of Winsock left on this thread.
    pub(super) fn last() -> Self {
        // SAFETY: it asks for nothing.
        Self(unsafe { w::WSAGetLastError() })
    }

    /// What the last other call of the system left on this thread.
    pub(super) fn last_of_system() -> Self {
        // SAFETY: it asks for nothing.
        Self(unsafe { f::GetLastError() }.cast_signed())
    }

    /// The system's own number.
    pub fn raw_os_error(self) -> i32 {
        self.0
    }

    /// The error of this number.
    pub fn from_raw_os_error(number: i32) -> Self {
        Self(number)
    }

    /// Of which of std's kinds it is.
    pub fn kind(self) -> io::ErrorKind {
        io::Error::from(self).kind()
    }

    pub(crate) fn from_io_error(error: &io::Error) -> Option<Self> {
        error.raw_os_error().map(Self)
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}
