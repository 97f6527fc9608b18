//! The calls of `_ssl`'s objects that wait.

use std::ffi::CStr;

use shotclock::Phase;
use shotclock::unstable::Readiness;

use crate::ffi::capi::PyObject;
use crate::socket::side_table::Half;
use crate::tls::original::Passed;

/// The calls that wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsCall {
    Read,
    Write,
    Handshake,
    Shutdown,
    /// Sending a file by the kernel's TLS; `_ssl` has it since 3.15.
    Sendfile,
}

impl TlsCall {
    pub(crate) const COUNT: usize = 5;
    pub(crate) const ALL: [Self; Self::COUNT] =
        [Self::Read, Self::Write, Self::Handshake, Self::Shutdown, Self::Sendfile];

    /// The method's name in `_ssl`.
    pub(crate) fn name(self) -> &'static CStr {
        match self {
            Self::Read => c"read",
            Self::Write => c"write",
            Self::Handshake => c"do_handshake",
            Self::Shutdown => c"shutdown",
            Self::Sendfile => c"sendfile",
        }
    }

    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Read => Phase::Recv,
            Self::Write | Self::Sendfile => Phase::Send,
            Self::Handshake => Phase::Handshake,
            Self::Shutdown => Phase::Shutdown,
        }
    }

    /// Whether it sends the program's bytes.
    #[inline]
    pub(super) fn is_write(self) -> bool {
        self.half() == Half::Sending
    }

    pub(super) fn half(self) -> Half {
        match self {
            Self::Read => Half::Receiving,
            Self::Write | Self::Sendfile => Half::Sending,
            Self::Handshake | Self::Shutdown => Half::Both,
        }
    }

    /// What `_ssl` says when its time is over, and it wanted to go on in this direction.
    ///
    /// Of a handshake it puts the line of its source before that (`_ssl.c:989: `), another one in each version. It could be
    /// learnt by a handshake of ours that times out at once: two descriptors, a context of OpenSSL's and what audit hooks
    /// see of both, at the end of the program's own limit, for a line in which this error is not raised.
    pub(super) fn timed_out(self, toward: Readiness) -> &'static str {
        match self {
            Self::Handshake => "The handshake operation timed out",
            Self::Write | Self::Sendfile => "The write operation timed out",
            Self::Shutdown if toward == Readiness::OUT => "The write operation timed out",
            Self::Read | Self::Shutdown => "The read operation timed out",
        }
    }

    /// The argument that `_ssl` reads from or writes to.
    pub(super) fn buffer(self, passed: Passed<'_>) -> Option<*mut PyObject> {
        match self {
            Self::Read => passed.get(1),
            Self::Write => passed.get(0),
            Self::Handshake | Self::Shutdown | Self::Sendfile => None,
        }
    }
}
