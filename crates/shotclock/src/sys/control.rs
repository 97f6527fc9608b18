//! Messages and their control messages as values, on any platform.

use super::OwnedHandle;
use super::address::SockAddr;

/// One control message that has just been delivered.
#[derive(Debug)]
pub(crate) struct ReceivedControl {
    pub(crate) level: i32,
    pub(crate) kind: i32,
    pub(crate) data: Vec<u8>,
    /// The descriptors, if it carries some; then `data` is empty.
    pub(crate) rights: Vec<OwnedHandle>,
}

/// What one recvmsg gave beside the data, its control messages as values of `T`.
#[derive(Debug)]
pub(crate) struct ReceivedMessage<T> {
    pub(crate) len: usize,
    pub(crate) flags: i32,
    pub(crate) address: Option<SockAddr>,
    pub(crate) control: Vec<T>,
}

impl<T> Default for ReceivedMessage<T> {
    fn default() -> Self {
        Self { len: 0, flags: 0, address: None, control: Vec::new() }
    }
}

/// A level, and the type in it.
pub(crate) type Kind = (i32, i32);

/// The control messages that mean something here, by a system's numbers; `None` is one that the system does not have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ControlKinds {
    /// The bytes of the system's own integers in times.
    pub(crate) long: usize,
    pub(crate) credentials: Option<Kind>,
    pub(crate) process: Option<Kind>,
    pub(crate) packet_info: Option<Kind>,
    /// The one address of a datagram that is not the peer's, where there is no packet info: its destination when it is
    /// received, its source when it is sent.
    pub(crate) own_address: Option<Kind>,
    pub(crate) packet_info6: Option<Kind>,
    pub(crate) ttl: Option<Kind>,
    /// As it is received, where that is another number; then it is one byte.
    pub(crate) received_ttl: Option<Kind>,
    pub(crate) hop_limit: Option<Kind>,
    pub(crate) tos: Option<Kind>,
    pub(crate) received_tos: Option<Kind>,
    pub(crate) traffic_class: Option<Kind>,
    /// Timestamps in seconds and microseconds, by the system's own integers and by 64 bits; then the same in nanoseconds, and
    /// three of them.
    pub(crate) timestamp_micros: [Option<Kind>; 2],
    pub(crate) timestamp_nanos: [Option<Kind>; 2],
    pub(crate) timestamping: [Option<Kind>; 2],
    pub(crate) gso_size: Option<Kind>,
    pub(crate) gro_size: Option<Kind>,
    pub(crate) tx_time: Option<Kind>,
    /// Entries of the error queue: of IPv4, IPv6 and packet sockets.
    pub(crate) errors: [Option<Kind>; 3],
    pub(crate) drops: Option<Kind>,
    pub(crate) original_destination: [Option<Kind>; 2],
}

impl ControlKinds {
    /// A system without control messages.
    pub(crate) const NONE: Self = Self {
        long: size_of::<usize>(),
        credentials: None,
        process: None,
        packet_info: None,
        own_address: None,
        packet_info6: None,
        ttl: None,
        received_ttl: None,
        hop_limit: None,
        tos: None,
        received_tos: None,
        traffic_class: None,
        timestamp_micros: [None; 2],
        timestamp_nanos: [None; 2],
        timestamping: [None; 2],
        gso_size: None,
        gro_size: None,
        tx_time: None,
        errors: [None; 3],
        drops: None,
        original_destination: [None; 2],
    };
}

/// A control message's place among the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlSlice<'b> {
    /// The protocol level.
    pub level: i32,
    /// The type, which the level gives a meaning.
    pub kind: i32,
    /// The data, or what is there of it.
    pub data: &'b [u8],
    /// Whether the message says that it has more data than is there.
    pub is_cut: bool,
}

/// How a system lays control messages out: their length, level and kind, as much padding as its alignment asks for, the data.
/// Source: cmsg(3), and CMSG_DATA in sys/socket.h of each system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The bytes of the length, 4 or 8, padding included.
    pub(crate) length: usize,
    /// The bytes before the data.
    pub(crate) header: usize,
    /// What messages and their data are aligned to.
    pub(crate) alignment: usize,
}

impl Layout {
    /// Adds one message to the bytes of others.
    pub(crate) fn push(self, control: &mut Vec<u8>, level: i32, kind: i32, data: &[u8]) {
        let (begin, len) = (control.len(), self.header + data.len());
        match self.length {
            // Data of 4 GiB is none of any system's.
            4 => control.extend_from_slice(&(len as u32).to_ne_bytes()),
            _ => control.extend_from_slice(&(len as u64).to_ne_bytes()),
        }
        control.extend_from_slice(&level.to_ne_bytes());
        control.extend_from_slice(&kind.to_ne_bytes());
        control.resize(begin + self.header, 0);
        control.extend_from_slice(data);
        control.resize(control.len().next_multiple_of(self.alignment), 0);
    }

    /// Splits control bytes into messages. Total: whatever the bytes, it ends, and every slice lies within them.
    pub(crate) fn parse(self, bytes: &[u8]) -> Vec<ControlSlice<'_>> {
        self.each(bytes).collect()
    }

    /// The messages one by one, as [`parse`](Self::parse) gives them together.
    pub(crate) fn each(self, mut bytes: &[u8]) -> impl Iterator<Item = ControlSlice<'_>> {
        std::iter::from_fn(move || {
            let (header, rest) = bytes.split_at_checked(self.header)?;
            let word = |at: usize| i32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let len = self.length_in(header);
            if len < self.header {
                return None;
            }
            // A message that was cut says how long it was; what is there is what counts.
            let data = &rest[..(len - self.header).min(rest.len())];
            let is_cut = data.len() < len - self.header;
            let next = len.checked_next_multiple_of(self.alignment).unwrap_or(usize::MAX);
            bytes = bytes.get(next..).unwrap_or_default();
            Some(ControlSlice { level: word(self.length), kind: word(self.length + 4), data, is_cut })
        })
    }

    fn length_in(self, header: &[u8]) -> usize {
        let short = header.first_chunk().map_or(0, |bytes| u64::from(u32::from_ne_bytes(*bytes)));
        let long = header.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
        usize::try_from(if self.length == 4 { short } else { long }).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUTS: [(&str, Layout); 3] = [
        ("Linux", Layout { length: 8, header: 16, alignment: 8 }),
        ("macOS", Layout { length: 4, header: 12, alignment: 4 }),
        ("FreeBSD", Layout { length: 4, header: 16, alignment: 8 }),
    ];

    #[test]
    fn what_is_written_is_read_back_in_every_layout() {
        for (system, layout) in LAYOUTS {
            let mut bytes = Vec::new();
            layout.push(&mut bytes, 1, 2, b"abc");
            assert_eq!(bytes.len(), layout.header + 3_usize.next_multiple_of(layout.alignment), "{system}");
            assert_eq!(bytes[layout.length..layout.length + 4], 1_i32.to_ne_bytes(), "{system}");
            assert_eq!(bytes[layout.header..layout.header + 3], *b"abc", "{system}");
            layout.push(&mut bytes, 3, 4, b"");
            layout.push(&mut bytes, 5, 6, b"12345678");
            let read: Vec<_> = layout.parse(&bytes).iter().map(|m| (m.level, m.kind, m.data)).collect();
            assert_eq!(read, [(1, 2, &b"abc"[..]), (3, 4, b""), (5, 6, b"12345678")], "{system}");
        }
    }

    #[test]
    fn cut_and_mad_bytes_are_survived_in_every_layout() {
        for (system, layout) in LAYOUTS {
            let mut whole = Vec::new();
            layout.push(&mut whole, 1, 2, &[9; 20]);
            for cut in 0..whole.len() {
                let messages = layout.parse(&whole[..cut]);
                assert_eq!(messages.len(), usize::from(cut >= layout.header), "{system}");
                assert!(messages.iter().all(|message| message.data.len() <= cut - layout.header), "{system}");
                assert!(messages.iter().all(|message| message.is_cut == (message.data.len() < 20)), "{system}");
            }
            assert_eq!(layout.parse(&[0; 64]), [], "a length below the header's ends the list");
            assert_eq!(layout.parse(&[255; 16]).len(), 1, "{system}: longer than all there is");
        }
    }
}
