//! The numbers of the control messages that mean something here.

use crate::sys::c;
use crate::sys::control::{ControlKinds, Kind};

/// Descriptors. Source: unix(7).
pub(crate) const RIGHTS: Kind = (c::SOL_SOCKET, c::SCM_RIGHTS);

/// Linux's. Sources: ip(7), ipv6(7), udp(7), unix(7), packet(7), linux/socket.h, linux/net_tstamp.h, linux/udp.h,
/// asm-generic/socket.h (SCM_PIDFD; and the times, whose names end in _OLD and _NEW: what C calls SCM_TIMESTAMP may be either).
#[cfg(target_os = "linux")]
pub(crate) const KINDS: ControlKinds = ControlKinds {
    credentials: Some((c::SOL_SOCKET, c::SCM_CREDENTIALS)),
    process: Some((c::SOL_SOCKET, 4)),
    packet_info: Some((c::IPPROTO_IP, c::IP_PKTINFO)),
    packet_info6: Some((c::IPPROTO_IPV6, c::IPV6_PKTINFO)),
    ttl: Some((c::IPPROTO_IP, c::IP_TTL)),
    hop_limit: Some((c::IPPROTO_IPV6, c::IPV6_HOPLIMIT)),
    tos: Some((c::IPPROTO_IP, c::IP_TOS)),
    traffic_class: Some((c::IPPROTO_IPV6, c::IPV6_TCLASS)),
    timestamp_micros: [Some((c::SOL_SOCKET, 29)), Some((c::SOL_SOCKET, 63))],
    timestamp_nanos: [Some((c::SOL_SOCKET, 35)), Some((c::SOL_SOCKET, 64))],
    timestamping: [Some((c::SOL_SOCKET, 37)), Some((c::SOL_SOCKET, 65))],
    gso_size: Some((c::IPPROTO_UDP, 103)),
    gro_size: Some((c::IPPROTO_UDP, 104)),
    tx_time: Some((c::SOL_SOCKET, c::SCM_TXTIME)),
    errors: [
        Some((c::IPPROTO_IP, c::IP_RECVERR)),
        Some((c::IPPROTO_IPV6, c::IPV6_RECVERR)),
        Some((c::SOL_PACKET, c::PACKET_TX_TIMESTAMP)),
    ],
    drops: Some((c::SOL_SOCKET, c::SO_RXQ_OVFL)),
    original_destination: [Some((c::IPPROTO_IP, c::IP_ORIGDSTADDR)), Some((c::IPPROTO_IPV6, c::IPV6_ORIGDSTADDR))],
    ..ControlKinds::NONE
};

/// macOS's. Sources: netinet/in.h, netinet6/in6.h (RFC 3542), sys/socket.h.
#[cfg(target_os = "macos")]
pub(crate) const KINDS: ControlKinds = ControlKinds {
    packet_info: Some((c::IPPROTO_IP, c::IP_PKTINFO)),
    packet_info6: Some((c::IPPROTO_IPV6, c::IPV6_PKTINFO)),
    received_ttl: Some((c::IPPROTO_IP, c::IP_RECVTTL)),
    hop_limit: Some((c::IPPROTO_IPV6, c::IPV6_HOPLIMIT)),
    tos: Some((c::IPPROTO_IP, c::IP_TOS)),
    received_tos: Some((c::IPPROTO_IP, c::IP_RECVTOS)),
    traffic_class: Some((c::IPPROTO_IPV6, c::IPV6_TCLASS)),
    timestamp_micros: [Some((c::SOL_SOCKET, c::SCM_TIMESTAMP)), None],
    ..ControlKinds::NONE
};

/// FreeBSD's. Sources: ip(4), ip6(4), netinet/in.h, sys/socket.h.
#[cfg(target_os = "freebsd")]
pub(crate) const KINDS: ControlKinds = ControlKinds {
    own_address: Some((c::IPPROTO_IP, c::IP_RECVDSTADDR)),
    packet_info6: Some((c::IPPROTO_IPV6, c::IPV6_PKTINFO)),
    received_ttl: Some((c::IPPROTO_IP, c::IP_RECVTTL)),
    hop_limit: Some((c::IPPROTO_IPV6, c::IPV6_HOPLIMIT)),
    tos: Some((c::IPPROTO_IP, c::IP_TOS)),
    received_tos: Some((c::IPPROTO_IP, c::IP_RECVTOS)),
    traffic_class: Some((c::IPPROTO_IPV6, c::IPV6_TCLASS)),
    timestamp_micros: [Some((c::SOL_SOCKET, c::SCM_TIMESTAMP)), None],
    ..ControlKinds::NONE
};
