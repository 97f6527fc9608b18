//! C's numbers that have names in the core, where Windows has them. Source: winsock2.h, ws2tcpip.h, ws2ipdef.h.

use windows_sys::Win32::Networking::WinSock as w;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $number:expr),* $(,)?) => {
        $(#[allow(missing_docs)] $(#[$doc])* pub const $name: i32 = $number as i32;)*
    };
}

/// Those that have the same name there.
macro_rules! same {
    ($($name:ident),* $(,)?) => {
        numbers! { $($name = w::$name),* }
    };
}

same! {
    AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, AI_ADDRCONFIG, AI_ALL, AI_CANONNAME, AI_NUMERICHOST, AI_NUMERICSERV,
    AI_PASSIVE, AI_V4MAPPED, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_RAW, IPPROTO_SCTP,
    IPPROTO_TCP, IPPROTO_UDP, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_LOOP, IP_ADD_SOURCE_MEMBERSHIP,
    IP_BLOCK_SOURCE, IP_DROP_SOURCE_MEMBERSHIP, IP_HDRINCL, IP_MULTICAST_IF, IP_UNBLOCK_SOURCE, IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, IPV6_UNICAST_HOPS, IPV6_V6ONLY,
    IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_PKTINFO, IP_RECVTTL, IP_TOS, IP_TTL,
    MSG_CTRUNC, MSG_DONTROUTE, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, NI_DGRAM, NI_NAMEREQD, NI_NOFQDN,
    NI_NUMERICHOST, NI_NUMERICSERV, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET,
    SO_ACCEPTCONN, SO_BROADCAST, SO_DONTROUTE, SO_ERROR, SO_EXCLUSIVEADDRUSE, SO_KEEPALIVE, SO_LINGER, SO_OOBINLINE, SO_RCVBUF, SO_RCVLOWAT,
    SO_REUSEADDR, SO_SNDBUF, SO_TYPE, TCP_FASTOPEN, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_MAXSEG, TCP_NODELAY,
}

numbers! {
    SHUT_RD = w::SD_RECEIVE,
    SHUT_WR = w::SD_SEND,
    SHUT_RDWR = w::SD_BOTH,
    /// The core's own, which Winsock never sees: there each call is a try.
    MSG_DONTWAIT = 1 << 30,
}
