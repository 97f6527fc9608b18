//! Socket addresses as system calls take and give them.

use rustix::net::SocketAddrAny;
use rustix::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};

use crate::sys::address::SockAddr;

impl SockAddr {
    #[inline]
    pub(crate) fn from_system(address: &SocketAddrAny) -> Option<Self> {
        Self::new(Self::bytes_of(address))
    }

    /// The bytes of an address where the system has put them.
    #[inline]
    pub(crate) fn bytes_of(address: &SocketAddrAny) -> &[u8] {
        // SAFETY: SocketAddrAny keeps its first addr_len() bytes initialised (its stated invariant), and they live as
        // long as the borrow.
        unsafe { std::slice::from_raw_parts(address.as_ptr().cast::<u8>(), address.addr_len() as usize) }
    }
}

// SAFETY: the pointer is to our own storage, readable for all of `len` bytes during the call. The kernel checks the
// content; it is bytes to the language.
unsafe impl SocketAddrArg for SockAddr {
    unsafe fn with_sockaddr<R>(&self, f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R) -> R {
        f(self.storage.as_ptr().cast(), SocketAddrLen::from(self.len))
    }
}
