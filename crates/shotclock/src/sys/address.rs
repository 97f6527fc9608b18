//! The bytes of a socket address, as system calls take and give them.

use std::fmt;

/// The bytes of a socket address of any family, as the system has them (`struct sockaddr_storage`).
///
/// It is the way to a family that [`Address`](crate::Address) has no type for. Source: socket(7), bind(2).
///
/// ```
/// use shotclock::{Address, Family, SockAddr};
///
/// // A sockaddr_vm, vsock(7): family, 2 bytes of zero, port, context id, 4 bytes of zero.
/// let mut bytes = [0; 16];
/// bytes[..2].copy_from_slice(&(Family::VSOCK.0 as u16).to_ne_bytes());
/// bytes[4..8].copy_from_slice(&1024_u32.to_ne_bytes());
/// bytes[8..12].copy_from_slice(&2_u32.to_ne_bytes());
///
/// let sockaddr = SockAddr::new(&bytes).unwrap();
/// assert_eq!(sockaddr.family(), Family::VSOCK.0);
/// assert_eq!(sockaddr.as_bytes(), bytes);
/// assert_eq!(Address::from(sockaddr).family(), Family::VSOCK);
/// ```
#[doc(alias = "sockaddr_storage")]
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct SockAddr {
    pub(super) storage: [u8; Self::CAPACITY],
    pub(super) len: u8,
}

impl SockAddr {
    /// The most bytes any address has.
    ///
    /// ```
    /// use shotclock::SockAddr;
    ///
    /// assert!(SockAddr::new(&[0; SockAddr::CAPACITY + 1]).is_none());
    /// ```
    pub const CAPACITY: usize = 128;

    /// Nothing but the family, and that unspecified.
    pub(crate) const UNSPECIFIED: Self = Self { storage: [0; Self::CAPACITY], len: 2 };

    /// An address of these bytes; `None` if they are fewer than the family's two or more than 128.
    ///
    /// The bytes are not looked at: whether they make an address is the system's to say.
    ///
    /// ```
    /// use shotclock::SockAddr;
    ///
    /// assert_eq!(SockAddr::new(&[1, 0]).unwrap().as_bytes(), [1, 0]);
    /// assert!(SockAddr::new(&[1]).is_none());
    /// ```
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let len = u8::try_from(bytes.len()).ok().filter(|len| (2..=Self::CAPACITY).contains(&usize::from(*len)))?;
        let mut storage = [0; Self::CAPACITY];
        storage[..bytes.len()].copy_from_slice(bytes);
        Some(Self { storage, len })
    }

    /// The bytes, the family's two first.
    ///
    /// ```
    /// let sockaddr = shotclock::Address::from(([127, 0, 0, 1], 80)).to_sockaddr();
    /// assert_eq!(sockaddr.as_bytes()[4..8], [127, 0, 0, 1]);
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.storage[..usize::from(self.len)]
    }

    /// The family's number.
    ///
    /// ```
    /// use shotclock::{Family, SockAddr};
    ///
    /// let [low, high] = 40_u16.to_ne_bytes();
    /// assert_eq!(SockAddr::new(&[low, high]).map(|sockaddr| Family(sockaddr.family())), Some(Family::VSOCK));
    /// ```
    #[must_use]
    pub fn family(&self) -> i32 {
        family_of([self.storage[0], self.storage[1]])
    }

    /// An address of exactly these bytes; that they are neither too few nor too many is checked when compiled.
    #[inline]
    pub(crate) fn from_array<const N: usize>(bytes: &[u8; N]) -> Self {
        Self::from_prefix(bytes, N)
    }

    /// An address of the first `len` of these bytes, and of the family's two at least.
    #[inline]
    pub(crate) fn from_prefix<const N: usize>(bytes: &[u8; N], len: usize) -> Self {
        const { assert!(2 <= N && N <= Self::CAPACITY) };
        let len = len.clamp(2, N);
        let mut storage = [0; Self::CAPACITY];
        storage[..len].copy_from_slice(&bytes[..len]);
        // At most 128.
        let len = len as u8;
        if HAS_LENGTH {
            storage[0] = len;
        }
        Self { storage, len }
    }
}

/// Whether the first byte of an address is its length, and only the second its family. Source: ip(4) of FreeBSD,
/// `sockaddr_in`; sys/socket.h of macOS.
const HAS_LENGTH: bool = cfg!(any(target_os = "macos", target_os = "freebsd"));

/// The first two bytes of an address of a family, the length not yet written.
pub(crate) const fn family_bytes(family: i32) -> [u8; 2] {
    if HAS_LENGTH { [0, family as u8] } else { (family as u16).to_ne_bytes() }
}

/// The family that the first two bytes of an address name.
pub(crate) const fn family_of(bytes: [u8; 2]) -> i32 {
    if HAS_LENGTH { bytes[1] as i32 } else { u16::from_ne_bytes(bytes) as i32 }
}

impl PartialEq for SockAddr {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SockAddr {}

impl std::hash::Hash for SockAddr {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for SockAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SockAddr(family {}, {:02x?})", self.family(), &self.as_bytes()[2..])
    }
}
