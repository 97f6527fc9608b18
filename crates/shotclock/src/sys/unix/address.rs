//! The bytes of a socket address, as system calls take and give them.

use std::fmt;

use rustix::net::SocketAddrAny;
use rustix::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};

/// The bytes of a socket address of any family, as the system has them (`struct sockaddr_storage`).
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct RawAddress {
    storage: [u8; Self::CAPACITY],
    len: u8,
}

impl RawAddress {
    /// The most bytes any address has.
    pub const CAPACITY: usize = 128;

    /// An address of these bytes; `None` if they are fewer than the family's two or more than 128.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let len = u8::try_from(bytes.len()).ok().filter(|len| (2..=Self::CAPACITY).contains(&usize::from(*len)))?;
        let mut storage = [0; Self::CAPACITY];
        storage[..bytes.len()].copy_from_slice(bytes);
        Some(Self { storage, len })
    }

    /// The bytes, the family's two first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.storage[..usize::from(self.len)]
    }

    /// The family's number.
    pub fn family(&self) -> i32 {
        i32::from(u16::from_ne_bytes([self.storage[0], self.storage[1]]))
    }

    pub(crate) fn from_system(address: &SocketAddrAny) -> Option<Self> {
        // SAFETY: SocketAddrAny keeps its first addr_len() bytes initialised (its stated invariant), and they live as
        // long as the borrow.
        let bytes = unsafe { std::slice::from_raw_parts(address.as_ptr().cast::<u8>(), address.addr_len() as usize) };
        Self::new(bytes)
    }
}

impl PartialEq for RawAddress {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for RawAddress {}

impl std::hash::Hash for RawAddress {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for RawAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawAddress(family {}, {:02x?})", self.family(), &self.as_bytes()[2..])
    }
}

// SAFETY: the pointer is to our own storage, readable for all of `len` bytes during the call. The kernel checks the
// content; it is bytes to the language.
unsafe impl SocketAddrArg for RawAddress {
    unsafe fn with_sockaddr<R>(&self, f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R) -> R {
        f(self.storage.as_ptr().cast(), SocketAddrLen::from(self.len))
    }
}
