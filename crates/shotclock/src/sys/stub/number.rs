//! Error numbers.

use std::io;

/// The number of an error. Those that the core knows by name are here; the numbers are the stub's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(i32);

macro_rules! errors {
    ($($name:ident = $number:literal),* $(,)?) => {
        impl Errno {
            $(pub(crate) const $name: Self = Self($number);)*
        }
    };
}

errors! {
    ACCESS = 1, AFNOSUPPORT = 2, AGAIN = 3, ALREADY = 4, BADF = 5, CONNABORTED = 6, CONNREFUSED = 7, HOSTDOWN = 8,
    HOSTUNREACH = 9, INPROGRESS = 10, INTR = 11, INVAL = 12, ISCONN = 13, MFILE = 14, NAMETOOLONG = 15, NETDOWN = 16,
    NETUNREACH = 17, NFILE = 18, NOBUFS = 19, NOMEM = 20, NONET = 21, NOPROTOOPT = 22, NOSYS = 23, OPNOTSUPP = 24,
    PROTO = 25, NOTCONN = 26, MSGSIZE = 27,
}

impl Errno {
    /// The system's own number.
    pub fn raw_os_error(self) -> i32 {
        self.0
    }

    /// Of which of std's kinds it is.
    pub fn kind(self) -> io::ErrorKind {
        match self {
            Self::NOSYS => io::ErrorKind::Unsupported,
            Self::AGAIN => io::ErrorKind::WouldBlock,
            Self::INTR => io::ErrorKind::Interrupted,
            _ => io::ErrorKind::Other,
        }
    }

    pub(crate) fn from_io_error(_error: &io::Error) -> Option<Self> {
        None
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        errno.kind().into()
    }
}
