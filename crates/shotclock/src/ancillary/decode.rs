//! Control messages out of the system's bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

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
        decode(&KINDS, (level, kind), &data)
    }
}

/// The value of a message that carries no descriptors, by a system's numbers. Total, whatever the bytes.
pub(super) fn decode(kinds: &ControlKinds, (level, kind): Kind, data: &[u8]) -> ControlMessage {
    let is = |one: Option<Kind>| one == Some((level, kind));
    let found = sorts(kinds).into_iter().find(|sort| sort.kinds.iter().copied().any(is));
    if let Some(Sort { least, value, .. }) = found {
        if let Some(message) = value(data) {
            return message;
        }
        if data.len() < least {
            return ControlMessage::Cut { level, kind, data: data.to_vec() };
        }
    }
    ControlMessage::Other { level, kind, data: data.to_vec() }
}

/// Messages of one sort: by which numbers they go, how many bytes they have at least, and their value, `None` for bytes that
/// make none.
struct Sort {
    kinds: [Option<Kind>; 3],
    least: usize,
    value: fn(&[u8]) -> Option<ControlMessage>,
}

fn sort(kinds: impl Into<Kinds>, least: usize, value: fn(&[u8]) -> Option<ControlMessage>) -> Sort {
    Sort { kinds: kinds.into().0, least, value }
}

struct Kinds([Option<Kind>; 3]);

impl From<Option<Kind>> for Kinds {
    fn from(one: Option<Kind>) -> Self {
        Self([one, None, None])
    }
}

impl From<[Option<Kind>; 2]> for Kinds {
    fn from([one, other]: [Option<Kind>; 2]) -> Self {
        Self([one, other, None])
    }
}

impl From<[Option<Kind>; 3]> for Kinds {
    fn from(kinds: [Option<Kind>; 3]) -> Self {
        Self(kinds)
    }
}

/// All sorts, the most frequent first.
fn sorts(kinds: &ControlKinds) -> [Sort; 17] {
    [
        sort(kinds.gro_size, 4, |data| Some(ControlMessage::GroSize(u16::try_from(number(data)?).ok()?))),
        sort(kinds.packet_info, 12, packet_info),
        sort(kinds.packet_info6, 20, packet_info6),
        sort([kinds.ttl, kinds.received_ttl], 1, |data| Some(ControlMessage::Ttl(byte(data)?))),
        sort(kinds.hop_limit, 4, |data| Some(ControlMessage::HopLimit(byte(data)?))),
        sort([kinds.tos, kinds.received_tos], 1, |data| Some(ControlMessage::Tos(TrafficClass(byte(data)?)))),
        sort(kinds.traffic_class, 4, |data| Some(ControlMessage::TrafficClass(TrafficClass(byte(data)?)))),
        sort(kinds.timestamp_nanos, 8, |data| timestamp(data, NANOS)),
        sort(kinds.timestamp_micros, 8, |data| timestamp(data, MICROS)),
        sort(kinds.timestamping, 24, |data| Timestamping::decode(data).map(ControlMessage::Timestamping)),
        sort(kinds.drops, 4, |data| Some(ControlMessage::Drops(number(data)?.cast_unsigned()))),
        sort(kinds.errors, 16, error),
        sort(kinds.credentials, 12, credentials),
        sort(kinds.own_address, 4, own_address),
        sort(kinds.original_destination, 16, original_destination),
        sort(kinds.gso_size, 2, |data| Some(ControlMessage::GsoSize(u16::from_ne_bytes(data.try_into().ok()?)))),
        sort(kinds.tx_time, 8, |data| {
            let nanos = u64::from_ne_bytes(data.try_into().ok()?);
            Some(ControlMessage::TxTime(std::time::Duration::from_nanos(nanos)))
        }),
    ]
}

fn number(data: &[u8]) -> Option<i32> {
    Some(i32::from_ne_bytes(data.try_into().ok()?))
}

/// A number up to 255, in one byte or in a whole number: systems differ.
fn byte(data: &[u8]) -> Option<u8> {
    match data {
        [byte] => Some(*byte),
        data => u8::try_from(number(data)?).ok(),
    }
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

fn timestamp(data: &[u8], unit: u32) -> Option<ControlMessage> {
    Pair::decode(data, unit)?.of_the_day().map(ControlMessage::Timestamp)
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
        errors: [Some((7, 18)), None, None],
        drops: Some((7, 19)),
        original_destination: [Some((7, 20)), None],
        process: None,
    };

    fn value(kind: i32, data: &[u8]) -> String {
        format!("{:?}", decode(&KINDS, (7, kind), data))
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
        for (kind, name) in [(5, "Ttl(9)"), (6, "Ttl(9)"), (7, "HopLimit(9)"), (8, "Tos(TrafficClass(9))")] {
            assert_eq!(value(kind, &9_i32.to_ne_bytes()), name);
            assert_eq!(value(kind, &[9]), name, "some systems send one byte");
        }
        assert_eq!(value(9, &[9]), "Tos(TrafficClass(9))");
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
        for (kind, data) in [(2, &[1; 13][..]), (5, &[255; 4]), (16, &[255; 4]), (12, &[255; 16]), (99, &[1])] {
            let other = format!("Other {{ level: 7, kind: {kind}, data: {data:?} }}");
            assert_eq!(value(kind, data), other);
        }
    }

    #[test]
    fn times_of_32_and_of_64_bits() {
        use std::time::{Duration, UNIX_EPOCH};
        let time = |message| match message {
            ControlMessage::Timestamp(time) => time,
            other => panic!("{other:?}"),
        };
        let short = [7_i32.to_ne_bytes(), 500_i32.to_ne_bytes()].concat();
        let long = [7_i64.to_ne_bytes(), 500_i64.to_ne_bytes()].concat();
        for data in [&short, &long] {
            let seven = UNIX_EPOCH + Duration::from_secs(7);
            assert_eq!(time(decode(&KINDS, (7, 11), data)), seven + Duration::from_micros(500));
            assert_eq!(time(decode(&KINDS, (7, 12), data)), seven + Duration::from_nanos(500));
            let three = [&data[..], &vec![0; data.len()], data].concat();
            let ControlMessage::Timestamping(times) = decode(&KINDS, (7, 14), &three) else { panic!("{data:?}") };
            assert_eq!(times.software, Some(seven + Duration::from_nanos(500)));
            assert_eq!((times.transformed, times.hardware), (None, Some(Duration::new(7, 500))));
        }
        let before = [(-1_i64).to_ne_bytes(), 1_i64.to_ne_bytes()].concat();
        let second = Duration::from_secs(1);
        assert_eq!(time(decode(&KINDS, (7, 12), &before)), UNIX_EPOCH - second + Duration::from_nanos(1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn entries_of_the_error_queue_say_what_they_are() {
        let entry = |numbers: [u32; 4], origin_kind_code: [u8; 3], offender: &[u8]| {
            let [origin, kind, code] = origin_kind_code;
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
            bytes[4..8].copy_from_slice(&[origin, kind, code, 0]);
            bytes.extend_from_slice(offender);
            match decode(&KINDS, (7, 18), &bytes) {
                ControlMessage::Error(error) => (error.cause().to_string(), error),
                other => panic!("{other:?}"),
            }
        };
        let router = Address::from(([10, 0, 0, 1], 0)).to_sockaddr();
        let (text, error) = entry([90, 0, 1280, 0], [2, 3, 4], router.as_bytes());
        assert_eq!(text, "too big to go on in one piece (ICMP type 3, code 4)");
        assert_eq!((error.mtu(), error.offender), (Some(1280), Some(([10, 0, 0, 1], 0).into())));
        assert!(error.to_string().contains("from 10.0.0.1, at most 1280 bytes: Message too long"), "{error}");
        assert_eq!(entry([0, 0, 3, 5], [5, 0, 1], &[0; 16]).0, "zero-copy sends 3 to 5 are done, by copies");
        assert_eq!(entry([0, 0, 3, 5], [5, 0, 0], &[]).0, "zero-copy sends 3 to 5 are done");
        assert_eq!(entry([42, 0, 1, 8], [4, 0, 0], &[]).0, "timestamp of 8 at stage 1");
        assert_eq!(entry([125, 0, 1, 1], [6, 0, 2], &[]).0, "the packet missed its time, 4.294967297s");
        assert_eq!(entry([1, 0, 0, 0], [77, 0, 0], &[1, 2, 3]).1.offender, None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_value(kind in 0..22_i32, data: Vec<u8>) {
            let message = decode(&KINDS, (7, kind), &data);
            if let ControlMessage::Other { data: kept, .. } | ControlMessage::Cut { data: kept, .. } = &message {
                proptest::prop_assert_eq!(kept, &data);
            }
            let _prints = format!("{message:?}");
        }
    }
}
