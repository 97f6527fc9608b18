//! The types of options' values that are plain: numbers, addresses, text, bytes, times, processes.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::typed::OptionValue;
use crate::constant::{Family, Kind, Protocol};

/// A process, as the kernel vouches for it. Source: unix(7), `struct ucred`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Process number; 0 where it is not to be seen from here.
    pub pid: i32,
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
}

impl OptionValue for i32 {
    const SIZE: usize = 4;

    fn encode(&self) -> Vec<u8> {
        self.to_ne_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        // Some options (IP_MULTICAST_LOOP) answer with one byte.
        match bytes {
            [byte] => Some(i32::from(*byte)),
            bytes => Some(Self::from_ne_bytes(bytes.try_into().ok()?)),
        }
    }
}

/// Implements a value type that travels as a number.
macro_rules! as_number {
    ($($type:ty, $to:expr, $from:expr;)*) => {
        $(impl OptionValue for $type {
            const SIZE: usize = 4;

            fn encode(&self) -> Vec<u8> {
                let to: fn(&$type) -> i32 = $to;
                to(self).encode()
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                i32::decode(bytes).map($from)
            }
        })*
    };
}

as_number! {
    bool, |value| i32::from(*value), |number| number != 0;
    u32, |value| value.cast_signed(), i32::cast_unsigned;
    Family, |value| value.0, Family;
    Kind, |value| value.0, Kind;
    Protocol, |value| value.0, Protocol;
}

impl OptionValue for u64 {
    const SIZE: usize = 8;

    fn encode(&self) -> Vec<u8> {
        self.to_ne_bytes().to_vec()
    }

    /// Linux answers with four bytes where a program of 32 bits may ask (SO_MAX_PACING_RATE).
    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [_, _, _, _] => u32::decode(bytes).map(Self::from),
            bytes => Some(Self::from_ne_bytes(bytes.try_into().ok()?)),
        }
    }
}

/// In network order, as the system has it. Source: ip(7), `struct in_addr`.
impl OptionValue for Ipv4Addr {
    const SIZE: usize = 4;

    fn encode(&self) -> Vec<u8> {
        self.octets().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        <[u8; 4]>::try_from(bytes).ok().map(Self::from)
    }
}

/// The most bytes of text and of plain bytes.
const MOST: usize = 4096;

/// Bytes as they are, up to 4096 of them.
impl OptionValue for Vec<u8> {
    const SIZE: usize = MOST;

    fn encode(&self) -> Vec<u8> {
        self.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= MOST).then(|| bytes.to_vec())
    }
}

/// Text without a NUL, in UTF-8; what follows a NUL of the system's is not kept. Names that may be no UTF-8 are read as
/// `Vec<u8>`.
impl OptionValue for String {
    const SIZE: usize = MOST;

    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let text = bytes.split(|byte| *byte == 0).next().filter(|_| bytes.len() <= MOST)?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn refusal(&self) -> Option<&'static str> {
        self.contains('\0').then_some("a NUL would end it")
    }
}

/// The numbers of `struct linger`. Sources: sys/socket.h, winsock2.h.
#[cfg(not(windows))]
type LingerNumber = i32;
#[cfg(windows)]
type LingerNumber = u16;

impl OptionValue for Option<Duration> {
    const SIZE: usize = 2 * size_of::<LingerNumber>();

    fn encode(&self) -> Vec<u8> {
        let seconds = self.map_or(0, |time| time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)));
        let seconds = LingerNumber::try_from(seconds).unwrap_or(LingerNumber::MAX);
        [LingerNumber::from(self.is_some()).to_ne_bytes(), seconds.to_ne_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (on, seconds) = bytes.get(..Self::SIZE)?.split_at(size_of::<LingerNumber>());
        let seconds = LingerNumber::from_ne_bytes(seconds.try_into().ok()?);
        Some(on.iter().any(|byte| *byte != 0).then(|| Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
    }
}

impl OptionValue for Credentials {
    const SIZE: usize = 12;

    fn encode(&self) -> Vec<u8> {
        [self.pid.to_ne_bytes(), self.uid.to_ne_bytes(), self.gid.to_ne_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |at| word(bytes, at).map(i32::cast_unsigned);
        Some(Self { pid: word(bytes, 0)?, uid: number(4)?, gid: number(8)? })
    }
}

/// The four bytes there, as a number.
fn word(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_their_bytes() {
        fn survives<T: OptionValue + PartialEq>(value: T) {
            let bytes = value.encode();
            assert_eq!(bytes.len(), T::SIZE);
            assert_eq!(T::decode(&bytes), Some(value));
            assert_eq!(T::decode(&[]), None);
        }
        survives(-7);
        survives(true);
        survives(u32::MAX);
        survives(u64::MAX - 1);
        survives(Ipv4Addr::new(1, 2, 3, 4));
        survives(None);
        survives(Some(Duration::from_secs(9)));
        survives(Credentials { pid: 1, uid: 2, gid: 3 });
    }

    #[test]
    fn text_and_bytes_are_of_any_length_up_to_a_limit() {
        assert_eq!(String::decode(b"").unwrap(), "");
        assert_eq!(String::decode(b"reno\0cubic").unwrap(), "reno");
        assert_eq!(String::decode(b"\xff\xfe"), None);
        assert_eq!(String::decode(&[b'x'; MOST + 1]), None);
        assert_eq!(Vec::<u8>::decode(&[7; MOST]).unwrap().encode(), [7; MOST]);
        assert_eq!(Vec::<u8>::decode(&[7; MOST + 1]), None);
    }

    #[test]
    fn a_number_is_of_its_own_size() {
        assert_eq!(i32::decode(&[1]), Some(1), "as IP_MULTICAST_LOOP answers");
        for len in [0, 2, 3, 5, 8] {
            assert_eq!(i32::decode(&vec![0; len]), None);
            assert_eq!(u64::decode(&vec![0; len]).is_some(), len == 8);
            assert_eq!(Ipv4Addr::decode(&vec![0; len]), None);
        }
        assert_eq!(u64::decode(&7_u32.to_ne_bytes()), Some(7));
    }

    #[test]
    fn linger_rounds_up() {
        let bytes = Some(Duration::from_millis(1500)).encode();
        assert_eq!(<Option<Duration>>::decode(&bytes), Some(Some(Duration::from_secs(2))));
        let bytes = Some(Duration::MAX).encode();
        let most = Duration::from_secs(u64::try_from(LingerNumber::MAX).unwrap());
        assert_eq!(<Option<Duration>>::decode(&bytes), Some(Some(most)));
    }
}
