//! Link-level addresses: `sockaddr_ll`, packet(7).

use std::fmt;

use super::bytes::{family_bytes, field};
use crate::constant::Family;
use crate::error::{Error, Result};
use crate::sys::address::SockAddr;

/// A packet socket's address. Source: packet(7); Python's tuple `(ifname, proto, pkttype, hatype, addr)`, which has
/// the interface's name for its index.
///
/// ```
/// use shotclock::{Address, PacketAddress};
///
/// let every_protocol = 0x0003;
/// let to_bind = PacketAddress::new(1, every_protocol);
/// assert!(to_bind.address().is_empty());
///
/// let to_send = PacketAddress::new(2, 0x0800).with_address(&[2, 0, 0, 0, 0, 0x1f])?;
/// assert_eq!(Address::from(to_send).to_string(), "packet:02:00:00:00:00:1f%2 protocol 0x0800");
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketAddress {
    /// The interface's index, as `if_nametoindex` gives it; 0 is every interface.
    pub interface: u32,
    /// The link-level protocol (`ETH_P_`), in this machine's byte order, as in Python.
    pub protocol: u16,
    /// The sort of hardware (`ARPHRD_`); set by the system.
    pub hatype: u16,
    /// Whom a packet was for (`PACKET_HOST`, `PACKET_BROADCAST` ..); set by the system.
    pub pkttype: u8,
    length: u8,
    storage: [u8; Self::ADDRESS_CAPACITY],
}

impl PacketAddress {
    /// The most bytes a hardware address has here.
    ///
    /// ```
    /// assert_eq!(shotclock::PacketAddress::ADDRESS_CAPACITY, 8);
    /// ```
    pub const ADDRESS_CAPACITY: usize = 8;

    /// The address of a protocol on an interface, without a hardware address: what `bind` takes.
    ///
    /// ```
    /// let address = shotclock::PacketAddress::new(1, 0x0800);
    /// assert_eq!((address.interface, address.protocol), (1, 0x0800));
    /// ```
    #[must_use]
    pub const fn new(interface: u32, protocol: u16) -> Self {
        Self { interface, protocol, hatype: 0, pkttype: 0, length: 0, storage: [0; Self::ADDRESS_CAPACITY] }
    }

    /// This address with a hardware address: what `sendto` takes.
    ///
    /// # Errors
    /// More than 8 bytes are refused by an error that names their number.
    ///
    /// ```
    /// let address = shotclock::PacketAddress::new(1, 0x0800).with_address(&[2, 0, 0, 0, 0, 1])?;
    /// assert_eq!(address.address(), [2, 0, 0, 0, 0, 1]);
    /// assert!(address.with_address(&[0; 20]).unwrap_err().to_string().contains("20 bytes"));
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn with_address(mut self, address: &[u8]) -> Result<Self> {
        let most = Self::ADDRESS_CAPACITY;
        self.set_address(address).ok_or_else(|| {
            let text = format!("a hardware address of {} bytes: expected at most {most}", address.len());
            Error::invalid("with_address", text)
        })?;
        Ok(self)
    }

    /// The hardware address, 0 to 8 bytes.
    ///
    /// ```
    /// assert!(shotclock::PacketAddress::new(1, 0x0800).address().is_empty());
    /// ```
    #[must_use]
    pub fn address(&self) -> &[u8] {
        &self.storage[..usize::from(self.length)]
    }

    pub(super) fn encode(&self) -> SockAddr {
        let mut bytes = [0; LEN];
        bytes[..2].copy_from_slice(&family_bytes(Family::PACKET));
        bytes[2..4].copy_from_slice(&self.protocol.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.interface.to_ne_bytes());
        bytes[8..10].copy_from_slice(&self.hatype.to_ne_bytes());
        bytes[10] = self.pkttype;
        bytes[11] = self.length;
        bytes[HEADER..].copy_from_slice(&self.storage);
        SockAddr::from_array(&bytes)
    }

    /// The system gives as many bytes as the hardware address needs, or room for all eight. Longer ones (InfiniBand)
    /// have no place here.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > LEN {
            return None;
        }
        let [pkttype, length] = field(bytes, 10)?;
        let address = bytes.get(HEADER..)?.get(..usize::from(length))?;
        let mut decoded = Self::new(u32::from_ne_bytes(field(bytes, 4)?), u16::from_be_bytes(field(bytes, 2)?));
        decoded.hatype = u16::from_ne_bytes(field(bytes, 8)?);
        decoded.pkttype = pkttype;
        decoded.set_address(address)?;
        Some(decoded)
    }

    /// Unused bytes stay zero, so that equal addresses are equal values.
    fn set_address(&mut self, address: &[u8]) -> Option<()> {
        let mut storage = [0; Self::ADDRESS_CAPACITY];
        storage.get_mut(..address.len())?.copy_from_slice(address);
        self.storage = storage;
        self.length = u8::try_from(address.len()).ok()?;
        Some(())
    }
}

impl fmt::Display for PacketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("packet:")?;
        for (position, byte) in self.address().iter().enumerate() {
            let colon = if position == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        write!(f, "%{} protocol {:#06x}", self.interface, self.protocol)
    }
}

const HEADER: usize = 12;
const LEN: usize = HEADER + PacketAddress::ADDRESS_CAPACITY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let mut address = PacketAddress::new(0x0102_0304, 0x0800).with_address(&[1, 2, 3, 4, 5, 6]).unwrap();
        (address.hatype, address.pkttype) = (0x0304, 4);
        let sockaddr = address.encode();
        assert_eq!(sockaddr.as_bytes()[2..4], [8, 0]);
        assert_eq!(sockaddr.as_bytes()[10..], [4, 6, 1, 2, 3, 4, 5, 6, 0, 0]);
        assert_eq!(PacketAddress::decode(sockaddr.as_bytes()), Some(address));
    }

    #[test]
    fn the_system_may_cut_after_the_address() {
        let address = PacketAddress::new(2, 3).with_address(&[1, 2, 3, 4, 5, 6]).unwrap();
        let bytes = address.encode();
        assert_eq!(PacketAddress::decode(&bytes.as_bytes()[..18]), Some(address));
        assert_eq!(PacketAddress::decode(&bytes.as_bytes()[..17]), None);
        assert_eq!(PacketAddress::decode(&bytes.as_bytes()[..11]), None);
        let bare = PacketAddress::new(2, 3);
        assert_eq!(PacketAddress::decode(&bare.encode().as_bytes()[..12]), Some(bare));
    }

    #[test]
    fn a_shorter_address_leaves_nothing_of_the_longer() {
        let long = PacketAddress::new(1, 1).with_address(&[9; 8]).unwrap();
        assert_eq!(long.with_address(&[1]).unwrap(), PacketAddress::new(1, 1).with_address(&[1]).unwrap());
        assert_eq!(PacketAddress::new(1, 3).to_string(), "packet:%1 protocol 0x0003");
    }
}
