//! The bytes of a socket address, as system calls take and give them.

use std::fmt;
use std::mem::MaybeUninit;

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

/// Room for the address that a call tells, nobody's before the system writes it, and read where it stands: to clear it first,
/// and to hand its 128 bytes on by value, took more instructions than all else of an accept.
#[repr(C, align(8))]
pub struct AddressRoom {
    bytes: MaybeUninit<[u8; SockAddr::CAPACITY]>,
    /// How many of them were written.
    len: usize,
}

impl AddressRoom {
    #[inline]
    pub(crate) fn new() -> Self {
        let mut room = MaybeUninit::<Self>::uninit();
        // As one constant the compiler would clear all of it.
        // SAFETY: the place is ours, and but for the length, which is written here, any bytes will do.
        unsafe {
            (&raw mut (*room.as_mut_ptr()).len).write(0);
            room.assume_init()
        }
    }

    /// The bytes of the address that was told; none where none was.
    #[inline]
    pub(crate) fn told(&self) -> &[u8] {
        // SAFETY: the first `len` bytes were written, as `write_by` and `put` answer for.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.len) }
    }

    /// Has a call write an address: it gets the place, and its length, which it replaces by that of the address.
    ///
    /// # Safety
    /// Where it succeeds it has written as many bytes as it says, or, if it says more than there is room for, all.
    #[allow(dead_code, reason = "which of the two ways there is to write is the platform's business")]
    #[inline]
    pub(super) unsafe fn write_by<T, E>(
        &mut self,
        call: impl FnOnce(*mut u8, &mut u32) -> Result<T, E>,
    ) -> Result<T, E> {
        self.len = 0;
        let mut len = SockAddr::CAPACITY as u32;
        let done = call(self.bytes.as_mut_ptr().cast(), &mut len)?;
        self.len = SockAddr::CAPACITY.min(len as usize);
        Ok(done)
    }

    /// Keeps an address that is known already.
    #[allow(dead_code, reason = "as above")]
    pub(super) fn put(&mut self, address: Option<&SockAddr>) {
        self.len = 0;
        if let Some(address) = address {
            self.bytes.write(address.storage);
            self.len = usize::from(address.len);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_tells_what_the_last_call_has_written_and_no_more() {
        let mut room = AddressRoom::new();
        assert_eq!(room.told(), []);
        let mut say = |said: u32, outcome: Result<(), ()>| {
            // SAFETY: all of the place is written, whatever is said of it.
            let done = unsafe {
                room.write_by(|place, len| {
                    assert_eq!(*len, 128);
                    place.write_bytes(7, 128);
                    *len = said;
                    outcome
                })
            };
            assert_eq!(done, outcome);
            room.told().len()
        };
        assert_eq!(say(16, Ok(())), 16);
        assert_eq!(say(200, Ok(())), 128, "cut to the room there is");
        assert_eq!(say(16, Err(())), 0, "nothing, where the call has failed");
        assert_eq!(say(0, Ok(())), 0, "nothing, on a stream");
        let known = SockAddr::new(&[2, 0, 1]);
        room.put(known.as_ref());
        assert_eq!(room.told(), [2, 0, 1]);
        room.put(None);
        assert_eq!(room.told(), []);
    }
}
