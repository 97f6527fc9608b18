//! Control messages out of the system's bytes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::message::ControlMessage;
use super::packet::{PacketInfo, PacketInfo6, TrafficClass};
#[cfg(target_os = "linux")]
use super::queued_error::QueuedError;
use super::time::{MICROS, NANOS, Pair, Timestamping};
use crate::addr::Address;
#[cfg(target_os = "linux")]
use crate::option::{Credentials, OptionValue};
use crate::sys::control::{ControlKinds, Kind, ReceivedControl};
use crate::sys::message::{KINDS, RIGHTS};

impl From<ReceivedControl> for ControlMessage {
    fn from(received: ReceivedControl) -> Self {
        let ReceivedControl { level, kind, data, rights } = received;
        if (level, kind) == RIGHTS {
            return Self::Rights(rights);
        }
        #[cfg(target_os = "linux")]
        if let Some(process) = rights.into_iter().next() {
            return Self::ProcessFd(process);
        }
        control_message(level, kind, &data)
    }
}

/// The value of a control message by its numbers and bytes. It owns no descriptors: those of others stay numbers, in
/// [`ControlMessage::Other`]. Total, whatever the bytes.
///
/// ```
/// use shotclock::{ControlMessage, unstable::control_message};
/// assert!(matches!(control_message(-1, 0, b"?"), ControlMessage::Other { .. }));
/// ```
pub fn control_message(level: i32, kind: i32, data: &[u8]) -> ControlMessage {
    static SORTS: [Sort; 25] = sorts(&KINDS);
    decode(&SORTS, (level, kind), data)
}

/// Each kind is taken in the one size that it has: the beginning of one that was cut could pass for a value otherwise.
fn decode(sorts: &[Sort], (level, kind): Kind, data: &[u8]) -> ControlMessage {
    let sort = sorts.iter().find(|sort| sort.kind == Some((level, kind)));
    match sort.map(|sort| (sort.size, (sort.value)(data))) {
        Some((size, Some(message))) if data.len() >= size => message,
        Some((size, _)) if data.len() < size => ControlMessage::Cut { level, kind, data: data.to_vec() },
        _ => ControlMessage::Other { level, kind, data: data.to_vec() },
    }
}

/// Messages of one kind: how many bytes they have, and their value, `None` for bytes that make none.
struct Sort {
    kind: Option<Kind>,
    size: usize,
    value: fn(&[u8]) -> Option<ControlMessage>,
}

const fn sort(kind: Option<Kind>, size: usize, value: fn(&[u8]) -> Option<ControlMessage>) -> Sort {
    Sort { kind, size, value }
}

/// All kinds, by a system's numbers, the most frequent first.
const fn sorts(kinds: &ControlKinds) -> [Sort; 25] {
    let [micros, micros_by_64] = kinds.timestamp_micros;
    let [nanos, nanos_by_64] = kinds.timestamp_nanos;
    let [three, three_by_64] = kinds.timestamping;
    let [error4, error6, error_of_packets] = kinds.errors;
    let [destination4, destination6] = kinds.original_destination;
    let is_long = kinds.long == LONG;
    [
        sort(kinds.gro_size, 4, |data| Some(ControlMessage::GroSize(u16::try_from(number(data)?).ok()?))),
        sort(kinds.packet_info, 12, packet_info),
        sort(kinds.packet_info6, 20, packet_info6),
        sort(kinds.ttl, 4, |data| Some(ControlMessage::Ttl(small(data)?))),
        sort(kinds.received_ttl, 1, |data| Some(ControlMessage::Ttl(byte(data)?))),
        sort(kinds.hop_limit, 4, |data| Some(ControlMessage::HopLimit(small(data)?))),
        sort(kinds.tos, 1, tos),
        sort(kinds.received_tos, 1, tos),
        sort(kinds.traffic_class, TRAFFIC_CLASS_SIZE, traffic_class),
        sort(nanos, 2 * kinds.long, if is_long { nanos_of_longs } else { |data| timestamp(data, SHORT, NANOS) }),
        sort(nanos_by_64, 2 * LONG, nanos_of_longs),
        sort(micros, 2 * kinds.long, if is_long { micros_of_longs } else { |data| timestamp(data, SHORT, MICROS) }),
        sort(micros_by_64, 2 * LONG, micros_of_longs),
        sort(three, 6 * kinds.long, if is_long { three_of_longs } else { |data| timestamping(data, SHORT) }),
        sort(three_by_64, 6 * LONG, three_of_longs),
        sort(kinds.drops, 4, |data| Some(ControlMessage::Drops(number(data)?.cast_unsigned()))),
        sort(error4, 32, error),
        sort(error6, 44, error),
        sort(error_of_packets, 16, error),
        sort(kinds.credentials, 12, credentials),
        sort(kinds.own_address, 4, own_address),
        sort(destination4, 16, original_destination),
        sort(destination6, 28, original_destination),
        sort(kinds.gso_size, 2, |data| Some(ControlMessage::GsoSize(u16::from_ne_bytes(data.try_into().ok()?)))),
        sort(kinds.tx_time, 8, tx_time),
    ]
}

/// The bytes of the integers in times.
const LONG: usize = 8;
const SHORT: usize = 4;
/// macOS also gives one byte.
const TRAFFIC_CLASS_SIZE: usize = if cfg!(target_os = "macos") { 1 } else { 4 };

fn number(data: &[u8]) -> Option<i32> {
    Some(i32::from_ne_bytes(data.try_into().ok()?))
}

/// A number up to 255, in a whole integer.
fn small(data: &[u8]) -> Option<u8> {
    u8::try_from(number(data)?).ok()
}

fn byte(data: &[u8]) -> Option<u8> {
    if let [byte] = data { Some(*byte) } else { None }
}

fn tos(data: &[u8]) -> Option<ControlMessage> {
    byte(data).or_else(|| small(data)).map(|class| ControlMessage::Tos(TrafficClass(class)))
}

fn traffic_class(data: &[u8]) -> Option<ControlMessage> {
    byte(data).or_else(|| small(data)).map(|class| ControlMessage::TrafficClass(TrafficClass(class)))
}

fn tx_time(data: &[u8]) -> Option<ControlMessage> {
    let nanos = u64::from_ne_bytes(data.try_into().ok()?);
    Some(ControlMessage::TxTime(Duration::from_nanos(nanos)))
}

fn nanos_of_longs(data: &[u8]) -> Option<ControlMessage> {
    timestamp(data, LONG, NANOS)
}

fn micros_of_longs(data: &[u8]) -> Option<ControlMessage> {
    timestamp(data, LONG, MICROS)
}

fn three_of_longs(data: &[u8]) -> Option<ControlMessage> {
    timestamping(data, LONG)
}

fn packet_info(data: &[u8]) -> Option<ControlMessage> {
    let bytes: &[u8; 12] = data.try_into().ok()?;
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
    Some(ControlMessage::PacketInfo(PacketInfo {
        interface: u32::from_ne_bytes([a, b, c, d]),
        local: Ipv4Addr::new(e, f, g, h),
        destination: Ipv4Addr::new(i, j, k, l),
    }))
}

fn own_address(data: &[u8]) -> Option<ControlMessage> {
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?);
    Some(ControlMessage::PacketInfo(PacketInfo { interface: 0, local: address, destination: address }))
}

fn packet_info6(data: &[u8]) -> Option<ControlMessage> {
    let (address, interface) = data.split_first_chunk::<16>()?;
    let interface = u32::from_ne_bytes(interface.try_into().ok()?);
    Some(ControlMessage::PacketInfo6(PacketInfo6 { interface, address: Ipv6Addr::from(*address) }))
}

fn timestamp(data: &[u8], long: usize, unit: u32) -> Option<ControlMessage> {
    Pair::decode(data, long, unit)?.of_the_day().map(ControlMessage::Timestamp)
}

fn timestamping(data: &[u8], long: usize) -> Option<ControlMessage> {
    Timestamping::decode(data, long).map(ControlMessage::Timestamping)
}

fn original_destination(data: &[u8]) -> Option<ControlMessage> {
    Address::from_bytes(data)?.as_inet().map(ControlMessage::OriginalDestination)
}

#[cfg(target_os = "linux")]
fn error(data: &[u8]) -> Option<ControlMessage> {
    QueuedError::decode(data).map(ControlMessage::Error)
}

#[cfg(not(target_os = "linux"))]
fn error(_data: &[u8]) -> Option<ControlMessage> {
    None
}

#[cfg(target_os = "linux")]
fn credentials(data: &[u8]) -> Option<ControlMessage> {
    if data.len() == Credentials::SIZE { Credentials::decode(data).map(ControlMessage::Credentials) } else { None }
}

#[cfg(not(target_os = "linux"))]
fn credentials(_data: &[u8]) -> Option<ControlMessage> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that no system has: 1 to 20, each in level 7.
    const KINDS: ControlKinds = ControlKinds {
        long: 8,
        credentials: Some((7, 1)),
        packet_info: Some((7, 2)),
        own_address: Some((7, 3)),
        packet_info6: Some((7, 4)),
        ttl: Some((7, 5)),
        received_ttl: Some((7, 6)),
        hop_limit: Some((7, 7)),
        tos: Some((7, 8)),
        received_tos: Some((7, 9)),
        traffic_class: Some((7, 10)),
        timestamp_micros: [Some((7, 11)), None],
        timestamp_nanos: [Some((7, 12)), Some((7, 13))],
        timestamping: [Some((7, 14)), None],
        gso_size: Some((7, 15)),
        gro_size: Some((7, 16)),
        tx_time: Some((7, 17)),
        errors: [Some((7, 18)), None, Some((7, 21))],
        drops: Some((7, 19)),
        original_destination: [Some((7, 20)), None],
        process: None,
    };

    fn value(kind: i32, data: &[u8]) -> String {
        format!("{:?}", decode(&sorts(&KINDS), (7, kind), data))
    }

    #[test]
    fn each_kind_has_its_value_by_any_systems_numbers() {
        let bytes: Vec<u8> = (1..=20).collect();
        let interface = u32::from_ne_bytes([1, 2, 3, 4]);
        let info =
            format!("PacketInfo(PacketInfo {{ interface: {interface}, local: 5.6.7.8, destination: 9.10.11.12 }})");
        assert_eq!(value(2, &bytes[..12]), info);
        let own = "PacketInfo(PacketInfo { interface: 0, local: 1.2.3.4, destination: 1.2.3.4 })";
        assert_eq!(value(3, &bytes[..4]), own, "FreeBSD knows the address alone");
        assert!(value(4, &bytes).starts_with("PacketInfo6("));
        for (kind, name) in [(5, "Ttl(9)"), (7, "HopLimit(9)"), (8, "Tos(TrafficClass(9))")] {
            assert_eq!(value(kind, &9_i32.to_ne_bytes()), name);
        }
        for (kind, name) in [(6, "Ttl(9)"), (8, "Tos(TrafficClass(9))"), (9, "Tos(TrafficClass(9))")] {
            assert_eq!(value(kind, &[9]), name, "some systems send one byte");
        }
        assert_eq!(value(10, &9_i32.to_ne_bytes()), "TrafficClass(TrafficClass(9))");
        assert_eq!(value(15, &1200_u16.to_ne_bytes()), "GsoSize(1200)");
        assert_eq!(value(16, &1200_i32.to_ne_bytes()), "GroSize(1200)");
        assert_eq!(value(17, &1_500_000_000_u64.to_ne_bytes()), "TxTime(1.5s)");
        assert_eq!(value(19, &[255; 4]), "Drops(4294967295)");
        let to = Address::from(([10, 0, 0, 1], 80)).to_sockaddr();
        assert_eq!(value(20, to.as_bytes()), "OriginalDestination(10.0.0.1:80)");
    }

    #[test]
    fn what_has_too_few_bytes_is_cut_and_what_makes_no_value_is_kept() {
        for kind in [2, 3, 4, 7, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20] {
            let cut = format!("Cut {{ level: 7, kind: {kind}, data: [] }}");
            assert_eq!(value(kind, &[]), cut);
        }
        assert_eq!(value(2, &[1; 11]), "Cut { level: 7, kind: 2, data: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] }");
        let sizes =
            [(2, 12), (4, 20), (5, 4), (7, 4), (10, 4), (11, 16), (12, 16), (14, 48), (16, 4), (17, 8), (18, 32)];
        for (kind, size) in sizes {
            for len in 0..size {
                let begins = format!("Cut {{ level: 7, kind: {kind}, ");
                assert!(value(kind, &vec![0; len]).starts_with(&begins), "{kind} in {len} bytes");
            }
            assert!(!value(kind, &vec![0; size]).starts_with("Cut"));
        }
        for (kind, data) in [(2, &[1; 13][..]), (5, &[255; 4]), (16, &[255; 4]), (12, &[255; 16]), (99, &[1])] {
            let other = format!("Other {{ level: 7, kind: {kind}, data: {data:?} }}");
            assert_eq!(value(kind, data), other);
        }
    }

    #[test]
    fn times_of_32_and_of_64_bits() {
        use std::time::UNIX_EPOCH;
        let time = |message| match message {
            ControlMessage::Timestamp(time) => time,
            other => panic!("{other:?}"),
        };
        let short = [7_i32.to_ne_bytes(), 500_i32.to_ne_bytes()].concat();
        let long = [7_i64.to_ne_bytes(), 500_i64.to_ne_bytes()].concat();
        for (size, data) in [(4, &short), (8, &long)] {
            let kinds = ControlKinds { long: size, ..KINDS };
            let seven = UNIX_EPOCH + Duration::from_secs(7);
            assert_eq!(time(decode(&sorts(&kinds), (7, 11), data)), seven + Duration::from_micros(500));
            assert_eq!(time(decode(&sorts(&kinds), (7, 12), data)), seven + Duration::from_nanos(500));
            assert_eq!(
                time(decode(&sorts(&kinds), (7, 13), &long)),
                seven + Duration::from_nanos(500),
                "64 bits everywhere"
            );
            let three = [&data[..], &vec![0; data.len()], data].concat();
            let ControlMessage::Timestamping(times) = decode(&sorts(&kinds), (7, 14), &three) else {
                panic!("{data:?}")
            };
            assert_eq!(times.software, Some(seven + Duration::from_nanos(500)));
            assert_eq!((times.transformed, times.hardware), (None, Some(Duration::new(7, 500))));
        }
        let before = [(-1_i64).to_ne_bytes(), 1_i64.to_ne_bytes()].concat();
        let second = Duration::from_secs(1);
        assert_eq!(time(decode(&sorts(&KINDS), (7, 12), &before)), UNIX_EPOCH - second + Duration::from_nanos(1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn entries_of_the_error_queue_say_what_they_are() {
        let entry = |numbers: [u32; 4], origin_kind_code: [u8; 3], offender: &[u8]| {
            let [origin, kind, code] = origin_kind_code;
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
            bytes[4..8].copy_from_slice(&[origin, kind, code, 0]);
            bytes.extend_from_slice(offender);
            match decode(&sorts(&KINDS), (7, if offender.is_empty() { 21 } else { 18 }), &bytes) {
                ControlMessage::Error(error) => (error.cause().to_string(), error),
                other => panic!("{other:?}"),
            }
        };
        let router = Address::from(([10, 0, 0, 1], 0)).to_sockaddr();
        let (text, error) = entry([90, 0, 1280, 0], [2, 3, 4], router.as_bytes());
        assert_eq!(text, "too big to go on in one piece (ICMP type 3, code 4)");
        assert_eq!((error.mtu(), error.offender), (Some(1280), Some(([10, 0, 0, 1], 0).into())));
        // In the C library's words, which are not everywhere the same.
        let whole = format!("from 10.0.0.1, at most 1280 bytes: {}", std::io::Error::from_raw_os_error(90));
        assert!(error.to_string().ends_with(&whole), "{error}: {whole}");
        assert_eq!(entry([0, 0, 3, 5], [5, 0, 1], &[0; 16]).0, "zero-copy sends 3 to 5 are done, by copies");
        assert_eq!(entry([0, 0, 3, 5], [5, 0, 0], &[]).0, "zero-copy sends 3 to 5 are done");
        assert_eq!(entry([42, 0, 1, 8], [4, 0, 0], &[]).0, "timestamp of 8 at stage 1");
        assert_eq!(entry([125, 0, 1, 1], [6, 0, 2], &[]).0, "the packet missed its time, 4.294967297s");
        assert_eq!(entry([1, 0, 0, 0], [77, 0, 0], &[0; 16]).1.offender, None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_value(kind in 0..22_i32, data: Vec<u8>) {
            let message = decode(&sorts(&KINDS), (7, kind), &data);
            if let ControlMessage::Other { data: kept, .. } | ControlMessage::Cut { data: kept, .. } = &message {
                proptest::prop_assert_eq!(kept, &data);
            }
            let _prints = format!("{message:?}");
        }
    }
}
