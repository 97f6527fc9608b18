//! The options that have names here.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::multicast::{Membership, Membership6, SourceMembership};
#[cfg(unix)]
use super::multicast::{MulticastInterface, SourceMembership6};
use super::typed::SocketOption;
use super::value::Credentials;
use crate::constant::{Family, Kind, Protocol};
use crate::sys::c;

/// Declares named options of one value type. One that not every system has names those that have it, `on` a condition of
/// `cfg`; elsewhere the name does not exist. `= number` is for those that libc does not name, `at most` for what the system
/// would cut.
macro_rules! options {
    ($type:ty { $(
        $(#[$doc:meta])* $name:ident = $level:ident, $number:ident $(= $literal:literal)? $(, on $system:meta)?
        $(, at most $most:literal)?;
    )* }) => {
        impl SocketOption<$type> {
            $(
                $(#[$doc])*
                $(#[doc = concat!("\n\nOnly on: `", stringify!($system), "`.")] #[cfg($system)])?
                pub const $name: Self =
                    Self::known(c::$level, number!($number $(= $literal)?), stringify!($number))$(.of_at_most($most))?;
            )*
        }
    };
}

/// An option's number, by its name or as it is.
macro_rules! number {
    ($name:ident) => {
        c::$name
    };
    ($name:ident = $literal:literal) => {
        $literal
    };
}

options!(bool {
    /// Bind to an address whose last connections have not quite gone.
    #[doc(alias = "SO_REUSEADDR")]
    REUSEADDR = SOL_SOCKET, SO_REUSEADDR;
    /// Nobody else may bind to the same address, whatever options they set.
    #[doc(alias = "SO_EXCLUSIVEADDRUSE")]
    EXCLUSIVEADDRUSE = SOL_SOCKET, SO_EXCLUSIVEADDRUSE, on windows;
    /// Several sockets may bind to the same address and share its load.
    #[doc(alias = "SO_REUSEPORT")]
    REUSEPORT = SOL_SOCKET, SO_REUSEPORT, on unix;
    /// Send to broadcast addresses.
    #[doc(alias = "SO_BROADCAST")]
    #[doc(alias = "set_broadcast")]
    BROADCAST = SOL_SOCKET, SO_BROADCAST;
    /// Look after idle connections by probes.
    #[doc(alias = "SO_KEEPALIVE")]
    KEEPALIVE = SOL_SOCKET, SO_KEEPALIVE;
    /// Out-of-band data stays in the stream.
    #[doc(alias = "SO_OOBINLINE")]
    OOBINLINE = SOL_SOCKET, SO_OOBINLINE;
    /// Do not use a gateway.
    #[doc(alias = "SO_DONTROUTE")]
    DONTROUTE = SOL_SOCKET, SO_DONTROUTE;
    /// Whether the socket listens; cannot be set.
    #[doc(alias = "SO_ACCEPTCONN")]
    ACCEPTCONN = SOL_SOCKET, SO_ACCEPTCONN;
    /// Receive the sender's credentials (AF_UNIX).
    #[doc(alias = "SO_PASSCRED")]
    #[doc(alias = "set_passcred")]
    PASSCRED = SOL_SOCKET, SO_PASSCRED, on target_os = "linux";
    /// Receive a timestamp with each datagram.
    #[doc(alias = "SO_TIMESTAMP")]
    TIMESTAMP = SOL_SOCKET, SO_TIMESTAMP, on unix;
    /// Send small segments at once.
    #[doc(alias = "TCP_NODELAY")]
    #[doc(alias = "set_nodelay")]
    NODELAY = IPPROTO_TCP, TCP_NODELAY;
    /// Hold segments back until they are full.
    #[doc(alias = "TCP_CORK")]
    CORK = IPPROTO_TCP, TCP_CORK, on target_os = "linux";
    /// Acknowledge at once.
    #[doc(alias = "TCP_QUICKACK")]
    #[doc(alias = "set_quickack")]
    QUICKACK = IPPROTO_TCP, TCP_QUICKACK, on target_os = "linux";
    /// IPv6 only; if not set, IPv4 comes in too, mapped.
    #[doc(alias = "IPV6_V6ONLY")]
    #[doc(alias("set_only_v6", "only_v6"))]
    V6ONLY = IPPROTO_IPV6, IPV6_V6ONLY;
    /// Receive the destination address and interface of each datagram (IPv4).
    #[doc(alias = "IP_PKTINFO")]
    PKTINFO = IPPROTO_IP, IP_PKTINFO, on not(target_os = "freebsd");
    /// Receive the destination address and interface of each datagram (IPv6).
    #[doc(alias = "IPV6_RECVPKTINFO")]
    RECVPKTINFO = IPPROTO_IPV6, IPV6_RECVPKTINFO, on unix;
    /// Receive the time to live of each datagram (IPv4), as a control message.
    #[doc(alias = "IP_RECVTTL")]
    RECVTTL = IPPROTO_IP, IP_RECVTTL;
    /// Receive the hop limit of each datagram (IPv6), as a control message.
    #[doc(alias = "IPV6_RECVHOPLIMIT")]
    RECVHOPLIMIT = IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on unix;
    /// Queue errors of the network for MSG_ERRQUEUE (IPv4).
    #[doc(alias = "IP_RECVERR")]
    RECVERR = IPPROTO_IP, IP_RECVERR, on target_os = "linux";
    /// Multicast comes back to its sender (IPv4).
    #[doc(alias = "IP_MULTICAST_LOOP")]
    #[doc(alias("set_multicast_loop_v4", "multicast_loop_v4"))]
    MULTICAST_LOOP = IPPROTO_IP, IP_MULTICAST_LOOP;
    /// A send with MSG_ZEROCOPY pins its buffer, and the error queue says when it is free. Source:
    /// Documentation/networking/msg_zerocopy.rst of Linux.
    #[doc(alias = "SO_ZEROCOPY")]
    ZEROCOPY = SOL_SOCKET, SO_ZEROCOPY, on target_os = "linux";
    /// Receive a timestamp in nanoseconds with each datagram.
    #[doc(alias = "SO_TIMESTAMPNS")]
    TIMESTAMPNS = SOL_SOCKET, SO_TIMESTAMPNS, on target_os = "linux";
    /// Receive with each datagram how many were dropped so far for want of room.
    #[doc(alias = "SO_RXQ_OVFL")]
    RXQ_OVFL = SOL_SOCKET, SO_RXQ_OVFL, on target_os = "linux";
    /// Receive a descriptor of the sender's process (AF_UNIX); since Linux 6.5.
    #[doc(alias = "SO_PASSPIDFD")]
    PASSPIDFD = SOL_SOCKET, SO_PASSPIDFD, on target_os = "linux";
    /// The filter stays as it is from now on, for whoever has the socket; cannot be taken back.
    #[doc(alias = "SO_LOCK_FILTER")]
    LOCK_FILTER = SOL_SOCKET, SO_LOCK_FILTER, on target_os = "linux";
    /// Prefer busy polling to the interrupts of the network card; since Linux 5.11.
    #[doc(alias = "SO_PREFER_BUSY_POLL")]
    PREFER_BUSY_POLL = SOL_SOCKET, SO_PREFER_BUSY_POLL, on target_os = "linux";
    /// `connect` returns at once, and the first data goes out with the SYN: TCP Fast Open. Source: tcp(7).
    #[doc(alias = "TCP_FASTOPEN_CONNECT")]
    FASTOPEN_CONNECT = IPPROTO_TCP, TCP_FASTOPEN_CONNECT, on target_os = "linux";
    /// Keep the packet that opened a connection, for who accepts it. Set on the listener.
    #[doc(alias = "TCP_SAVE_SYN")]
    SAVE_SYN = IPPROTO_TCP, TCP_SAVE_SYN, on target_os = "linux";
    /// Whether the connection is Multipath TCP, and has not fallen back to TCP; cannot be set; since Linux 6.8.
    /// Sockets of it are made with [`Protocol::MPTCP`].
    #[doc(alias = "TCP_IS_MPTCP")]
    IS_MPTCP = IPPROTO_TCP, TCP_IS_MPTCP = 43, on target_os = "linux";
    /// Bind to addresses of others, and take what is on its way to them, as a transparent proxy does (IPv4); needs
    /// CAP_NET_ADMIN. Source: ip(7).
    #[doc(alias = "IP_TRANSPARENT")]
    TRANSPARENT = IPPROTO_IP, IP_TRANSPARENT, on target_os = "linux";
    /// Bind to addresses of others (IPv6); needs CAP_NET_ADMIN or CAP_NET_RAW.
    #[doc(alias = "IPV6_TRANSPARENT")]
    TRANSPARENT6 = IPPROTO_IPV6, IPV6_TRANSPARENT, on target_os = "linux";
    /// Bind to an address that this machine does not have, or not yet (IPv4).
    #[doc(alias = "IP_FREEBIND")]
    FREEBIND = IPPROTO_IP, IP_FREEBIND, on target_os = "linux";
    /// Bind to an address that this machine does not have, or not yet (IPv6).
    #[doc(alias = "IPV6_FREEBIND")]
    FREEBIND6 = IPPROTO_IPV6, IPV6_FREEBIND, on target_os = "linux";
    /// A bind to port 0 leaves the port to `connect`, so that one port serves connections to several peers (IPv4).
    #[doc(alias = "IP_BIND_ADDRESS_NO_PORT")]
    BIND_ADDRESS_NO_PORT = IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, on target_os = "linux";
    /// What is sent begins with its IPv4 header (raw sockets).
    #[doc(alias = "IP_HDRINCL")]
    HDRINCL = IPPROTO_IP, IP_HDRINCL;
    /// What is sent begins with its IPv6 header (raw sockets).
    #[doc(alias = "IPV6_HDRINCL")]
    HDRINCL6 = IPPROTO_IPV6, IPV6_HDRINCL, on target_os = "linux";
    /// Receive the type of service of each datagram (IPv4), as a control message.
    #[doc(alias = "IP_RECVTOS")]
    RECVTOS = IPPROTO_IP, IP_RECVTOS, on unix;
    /// Receive the traffic class of each datagram (IPv6), as a control message.
    #[doc(alias = "IPV6_RECVTCLASS")]
    RECVTCLASS = IPPROTO_IPV6, IPV6_RECVTCLASS, on unix;
    /// Receive the address that each datagram was sent to before it was redirected (IPv4).
    #[doc(alias = "IP_RECVORIGDSTADDR")]
    RECVORIGDSTADDR = IPPROTO_IP, IP_RECVORIGDSTADDR, on target_os = "linux";
    /// Receive the address that each datagram was sent to before it was redirected (IPv6).
    #[doc(alias = "IPV6_RECVORIGDSTADDR")]
    RECVORIGDSTADDR6 = IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, on target_os = "linux";
    /// Queue errors of the network for MSG_ERRQUEUE (IPv6).
    #[doc(alias = "IPV6_RECVERR")]
    RECVERR6 = IPPROTO_IPV6, IPV6_RECVERR, on target_os = "linux";
    /// Receive from all groups that anybody on this machine has joined, which is Linux's default, or only from those
    /// that this socket has (IPv4).
    #[doc(alias = "IP_MULTICAST_ALL")]
    MULTICAST_ALL = IPPROTO_IP, IP_MULTICAST_ALL, on target_os = "linux";
    /// Receive from all groups that anybody on this machine has joined, or only from those that this socket has
    /// (IPv6); since Linux 4.20.
    #[doc(alias = "IPV6_MULTICAST_ALL")]
    MULTICAST_ALL6 = IPPROTO_IPV6, IPV6_MULTICAST_ALL = 29, on target_os = "linux";
    /// Multicast comes back to its sender (IPv6).
    #[doc(alias = "IPV6_MULTICAST_LOOP")]
    #[doc(alias("set_multicast_loop_v6", "multicast_loop_v6"))]
    MULTICAST_LOOP6 = IPPROTO_IPV6, IPV6_MULTICAST_LOOP;
});

options!(i32 {
    /// The error that waits for this socket, which reading takes away; 0 is none.
    #[doc(alias = "SO_ERROR")]
    #[doc(alias = "take_error")]
    ERROR = SOL_SOCKET, SO_ERROR;
    /// Bytes of the receive buffer; the kernel doubles what is set.
    #[doc(alias = "SO_RCVBUF")]
    RCVBUF = SOL_SOCKET, SO_RCVBUF;
    /// Bytes of the send buffer; the kernel doubles what is set.
    #[doc(alias = "SO_SNDBUF")]
    SNDBUF = SOL_SOCKET, SO_SNDBUF;
    /// How many bytes must be there before a receive gives them.
    #[doc(alias = "SO_RCVLOWAT")]
    RCVLOWAT = SOL_SOCKET, SO_RCVLOWAT;
    /// Time to live of sent packets (IPv4), 1 to 255.
    #[doc(alias = "IP_TTL")]
    #[doc(alias = "set_ttl")]
    TTL = IPPROTO_IP, IP_TTL;
    /// Type of service of sent packets (IPv4).
    #[doc(alias = "IP_TOS")]
    TOS = IPPROTO_IP, IP_TOS;
    /// Time to live of sent multicast packets (IPv4).
    #[doc(alias = "IP_MULTICAST_TTL")]
    #[doc(alias("set_multicast_ttl_v4", "multicast_ttl_v4"))]
    MULTICAST_TTL = IPPROTO_IP, IP_MULTICAST_TTL;
    /// Hop limit of sent packets (IPv6).
    #[doc(alias = "IPV6_UNICAST_HOPS")]
    UNICAST_HOPS = IPPROTO_IPV6, IPV6_UNICAST_HOPS;
    /// Seconds of idleness before the first keep-alive probe.
    #[doc(alias = "TCP_KEEPIDLE")]
    KEEPIDLE = IPPROTO_TCP, TCP_KEEPIDLE, on not(target_os = "macos");
    /// Seconds of idleness before the first keep-alive probe.
    #[doc(alias = "TCP_KEEPALIVE")]
    KEEPIDLE = IPPROTO_TCP, TCP_KEEPALIVE, on target_os = "macos";
    /// Seconds between keep-alive probes.
    #[doc(alias = "TCP_KEEPINTVL")]
    KEEPINTVL = IPPROTO_TCP, TCP_KEEPINTVL;
    /// Keep-alive probes before the connection is given up.
    #[doc(alias = "TCP_KEEPCNT")]
    KEEPCNT = IPPROTO_TCP, TCP_KEEPCNT;
    /// Largest segment.
    #[doc(alias = "TCP_MAXSEG")]
    MAXSEG = IPPROTO_TCP, TCP_MAXSEG;
    /// Milliseconds that sent data may stay unacknowledged.
    #[doc(alias = "TCP_USER_TIMEOUT")]
    USER_TIMEOUT = IPPROTO_TCP, TCP_USER_TIMEOUT, on target_os = "linux";
    /// Length of the queue of Fast Open connections.
    #[doc(alias = "TCP_FASTOPEN")]
    FASTOPEN = IPPROTO_TCP, TCP_FASTOPEN;
    /// Bytes of the receive buffer, beyond the system's cap; needs CAP_NET_ADMIN. Read it by `RCVBUF`.
    #[doc(alias = "SO_RCVBUFFORCE")]
    RCVBUFFORCE = SOL_SOCKET, SO_RCVBUFFORCE, on target_os = "linux";
    /// Bytes of the send buffer, beyond the system's cap; needs CAP_NET_ADMIN. Read it by `SNDBUF`.
    #[doc(alias = "SO_SNDBUFFORCE")]
    SNDBUFFORCE = SOL_SOCKET, SO_SNDBUFFORCE, on target_os = "linux";
    /// For how many microseconds a receive polls the network card by itself when nothing is there; more than the
    /// system's own needs CAP_NET_ADMIN. A receive here never waits in the system, so what is polled is one try.
    #[doc(alias = "SO_BUSY_POLL")]
    BUSY_POLL = SOL_SOCKET, SO_BUSY_POLL, on target_os = "linux";
    /// How many packets one busy poll takes at most; cannot be read; more than the system's needs CAP_NET_ADMIN; since Linux 5.11.
    #[doc(alias = "SO_BUSY_POLL_BUDGET")]
    BUSY_POLL_BUDGET = SOL_SOCKET, SO_BUSY_POLL_BUDGET, on target_os = "linux";
    /// The processor that took the last packet of the socket, or whose packets it is meant for among those of
    /// `REUSEPORT`; -1 is none.
    #[doc(alias = "SO_INCOMING_CPU")]
    INCOMING_CPU = SOL_SOCKET, SO_INCOMING_CPU, on target_os = "linux";
    /// The priority of what is sent, 0 to 6, beyond that with CAP_NET_ADMIN. Source: socket(7).
    #[doc(alias = "SO_PRIORITY")]
    PRIORITY = SOL_SOCKET, SO_PRIORITY, on target_os = "linux";
    /// Where in the queue MSG_PEEK looks next; -1 is always its front.
    #[doc(alias = "SO_PEEK_OFF")]
    PEEK_OFF = SOL_SOCKET, SO_PEEK_OFF, on target_os = "linux";
    /// Filter by an eBPF program, whose descriptor this is. Source: socket(7), bpf(2).
    #[doc(alias = "SO_ATTACH_BPF")]
    ATTACH_BPF = SOL_SOCKET, SO_ATTACH_BPF, on target_os = "linux";
    /// Which socket of those of `REUSEPORT` is meant, says an eBPF program, whose descriptor this is.
    #[doc(alias = "SO_ATTACH_REUSEPORT_EBPF")]
    ATTACH_REUSEPORT_EBPF = SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, on target_os = "linux";
    /// Seconds that a connection without data may stay out of the listener's queue; rounded up to retransmissions.
    /// Source: tcp(7).
    #[doc(alias = "TCP_DEFER_ACCEPT")]
    #[doc(alias("set_deferaccept", "deferaccept"))]
    DEFER_ACCEPT = IPPROTO_TCP, TCP_DEFER_ACCEPT, on target_os = "linux";
    /// How often a SYN is sent again, 1 to 127, before `connect` gives up by itself.
    #[doc(alias = "TCP_SYNCNT")]
    SYNCNT = IPPROTO_TCP, TCP_SYNCNT, on target_os = "linux";
    /// Seconds that a connection that was closed waits for the end of the peer's data.
    #[doc(alias = "TCP_LINGER2")]
    LINGER2 = IPPROTO_TCP, TCP_LINGER2, on target_os = "linux";
    /// Bytes of the largest window that is offered.
    #[doc(alias = "TCP_WINDOW_CLAMP")]
    WINDOW_CLAMP = IPPROTO_TCP, TCP_WINDOW_CLAMP, on target_os = "linux";
    /// Whether packets may be split on their way: 0 (`IP_PMTUDISC_DONT`) to 5 (`IP_PMTUDISC_OMIT`) (IPv4). Source:
    /// ip(7).
    #[doc(alias = "IP_MTU_DISCOVER")]
    MTU_DISCOVER = IPPROTO_IP, IP_MTU_DISCOVER, on target_os = "linux";
    /// Whether packets may be split on their way (IPv6).
    #[doc(alias = "IPV6_MTU_DISCOVER")]
    MTU_DISCOVER6 = IPPROTO_IPV6, IPV6_MTU_DISCOVER, on target_os = "linux";
    /// Bytes of the largest packet on the path, of a connected socket (IPv4); cannot be set.
    #[doc(alias = "IP_MTU")]
    MTU = IPPROTO_IP, IP_MTU, on target_os = "linux";
    /// Bytes of the largest packet on the path, of a connected socket; or the most that is sent at once (IPv6).
    #[doc(alias = "IPV6_MTU")]
    MTU6 = IPPROTO_IPV6, IPV6_MTU, on target_os = "linux";
    /// Packets with a smaller time to live are thrown away, 0 to 255 (IPv4). Source: RFC 5082.
    #[doc(alias = "IP_MINTTL")]
    MINTTL = IPPROTO_IP, IP_MINTTL, on any(target_os = "linux", target_os = "freebsd");
    /// Packets with a smaller hop limit are thrown away, 0 to 255 (IPv6). Source: RFC 5082.
    #[doc(alias = "IPV6_MINHOPCOUNT")]
    MINHOPCOUNT = IPPROTO_IPV6, IPV6_MINHOPCOUNT, on target_os = "linux";
    /// Traffic class of sent packets, 0 to 255, -1 for the system's (IPv6). Source: RFC 3542.
    #[doc(alias = "IPV6_TCLASS")]
    TCLASS = IPPROTO_IPV6, IPV6_TCLASS, on unix;
    /// Hop limit of sent multicast packets, 0 to 255, -1 for the system's (IPv6). Source: RFC 3493.
    #[doc(alias = "IPV6_MULTICAST_HOPS")]
    MULTICAST_HOPS = IPPROTO_IPV6, IPV6_MULTICAST_HOPS;
});

options!(Family {
    /// The socket's family; cannot be set.
    #[doc(alias = "SO_DOMAIN")]
    DOMAIN = SOL_SOCKET, SO_DOMAIN, on any(target_os = "linux", target_os = "freebsd");
});

options!(Kind {
    /// The socket's kind; cannot be set.
    #[doc(alias = "SO_TYPE")]
    TYPE = SOL_SOCKET, SO_TYPE;
});

options!(Protocol {
    /// The socket's protocol; cannot be set.
    #[doc(alias = "SO_PROTOCOL")]
    PROTOCOL = SOL_SOCKET, SO_PROTOCOL, on any(target_os = "linux", target_os = "freebsd");
});

options!(Option<Duration> {
    /// What close does with data still to be sent: `None` lets the system send it in the background, zero throws it
    /// away and resets the connection, more lets close wait so long (whole seconds, rounded up).
    #[doc(alias = "SO_LINGER")]
    #[doc(alias = "set_linger")]
    LINGER = SOL_SOCKET, SO_LINGER, on not(target_os = "macos");
    /// What close does with data still to be sent: `None` lets the system send it in the background, zero throws it
    /// away and resets the connection, more lets close wait so long (whole seconds, rounded up). SO_LINGER itself counts in
    /// ticks here. Source: sys/socket.h.
    #[doc(alias = "SO_LINGER")]
    #[doc(alias = "SO_LINGER_SEC")]
    #[doc(alias = "set_linger")]
    LINGER = SOL_SOCKET, SO_LINGER_SEC, on target_os = "macos";
});

options!(Credentials {
    /// Who is at the other end of a connected AF_UNIX socket; cannot be set.
    #[doc(alias = "SO_PEERCRED")]
    #[doc(alias = "peer_cred")]
    PEERCRED = SOL_SOCKET, SO_PEERCRED, on target_os = "linux";
});

options!(Membership {
    /// Join a multicast group (IPv4).
    #[doc(alias = "IP_ADD_MEMBERSHIP")]
    #[doc(alias = "join_multicast_v4")]
    ADD_MEMBERSHIP = IPPROTO_IP, IP_ADD_MEMBERSHIP;
    /// Leave a multicast group (IPv4).
    #[doc(alias = "IP_DROP_MEMBERSHIP")]
    #[doc(alias = "leave_multicast_v4")]
    DROP_MEMBERSHIP = IPPROTO_IP, IP_DROP_MEMBERSHIP;
});

options!(Membership6 {
    /// Join a multicast group (IPv6).
    #[doc(alias = "IPV6_JOIN_GROUP")]
    #[doc(alias = "IPV6_ADD_MEMBERSHIP")]
    #[doc(alias = "join_multicast_v6")]
    JOIN_GROUP = IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, on not(any(target_os = "macos", target_os = "freebsd"));
    /// Join a multicast group (IPv6).
    #[doc(alias = "IPV6_JOIN_GROUP")]
    #[doc(alias = "join_multicast_v6")]
    JOIN_GROUP = IPPROTO_IPV6, IPV6_JOIN_GROUP, on any(target_os = "macos", target_os = "freebsd");
    /// Leave a multicast group (IPv6).
    #[doc(alias = "IPV6_LEAVE_GROUP")]
    #[doc(alias = "IPV6_DROP_MEMBERSHIP")]
    #[doc(alias = "leave_multicast_v6")]
    LEAVE_GROUP = IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, on not(any(target_os = "macos", target_os = "freebsd"));
    /// Leave a multicast group (IPv6).
    #[doc(alias = "IPV6_LEAVE_GROUP")]
    #[doc(alias = "leave_multicast_v6")]
    LEAVE_GROUP = IPPROTO_IPV6, IPV6_LEAVE_GROUP, on any(target_os = "macos", target_os = "freebsd");
});

options!(u32 {
    /// A mark on what is sent, for routing and filters; needs CAP_NET_ADMIN, since Linux 5.17 CAP_NET_RAW will do.
    #[doc(alias = "SO_MARK")]
    #[doc(alias = "set_mark")]
    MARK = SOL_SOCKET, SO_MARK, on target_os = "linux";
    /// Which queue of the network card the last packet came by; 0 is none; cannot be set.
    #[doc(alias = "SO_INCOMING_NAPI_ID")]
    INCOMING_NAPI_ID = SOL_SOCKET, SO_INCOMING_NAPI_ID, on target_os = "linux";
    /// Bytes that may stand unsent in the buffer before the socket counts as not writable. Source: tcp(7).
    #[doc(alias = "TCP_NOTSENT_LOWAT")]
    NOTSENT_LOWAT = IPPROTO_TCP, TCP_NOTSENT_LOWAT, on target_os = "linux";
    /// The index of the interface that multicast goes out by, 0 for the system's choice (IPv6). Source: RFC 3493.
    #[doc(alias = "IPV6_MULTICAST_IF")]
    MULTICAST_IF6 = IPPROTO_IPV6, IPV6_MULTICAST_IF;
    /// The ports that a bind to port 0 chooses from: the lowest in the lower half, the highest in the upper one; 0 is
    /// the system's. Since Linux 6.3. Source: ip(7).
    #[doc(alias = "IP_LOCAL_PORT_RANGE")]
    LOCAL_PORT_RANGE = IPPROTO_IP, IP_LOCAL_PORT_RANGE = 51, on target_os = "linux";
});

options!(u64 {
    /// A number that no other socket of this machine has until its next start; cannot be set.
    #[doc(alias = "SO_COOKIE")]
    COOKIE = SOL_SOCKET, SO_COOKIE, on target_os = "linux";
    /// The number of the socket's network namespace; cannot be set; since Linux 5.14.
    #[doc(alias = "SO_NETNS_COOKIE")]
    NETNS_COOKIE = SOL_SOCKET, SO_NETNS_COOKIE, on target_os = "linux";
    /// Bytes a second at which TCP, or the `fq` queue, paces what is sent at most; all bits set for no limit. Source:
    /// tc-fq(8).
    #[doc(alias = "SO_MAX_PACING_RATE")]
    MAX_PACING_RATE = SOL_SOCKET, SO_MAX_PACING_RATE, on target_os = "linux";
});

options!(String {
    /// The interface that everything goes out by and comes in by, up to 15 bytes; empty for any. Changing it needs
    /// CAP_NET_RAW. Source: socket(7).
    #[doc(alias = "SO_BINDTODEVICE")]
    BINDTODEVICE = SOL_SOCKET, SO_BINDTODEVICE, on target_os = "linux", at most 15;
    /// The congestion control, `cubic` or another of those in `net.ipv4.tcp_allowed_congestion_control`, up to 15
    /// bytes. Source: tcp(7).
    #[doc(alias = "TCP_CONGESTION")]
    CONGESTION = IPPROTO_TCP, TCP_CONGESTION, on any(target_os = "linux", target_os = "freebsd"), at most 15;
    /// What stands above TCP in the kernel, `tls` first of all, up to 15 bytes; cannot be taken off.
    #[doc(alias = "TCP_ULP")]
    ULP = IPPROTO_TCP, TCP_ULP, on target_os = "linux", at most 15;
});

options!(Ipv4Addr {
    /// The local address of the interface that multicast goes out by; unspecified for the system's choice (IPv4).
    /// Source: ip(7).
    #[doc(alias = "IP_MULTICAST_IF")]
    MULTICAST_IF = IPPROTO_IP, IP_MULTICAST_IF;
});

#[cfg(unix)]
options!(MulticastInterface {
    /// The interface that multicast goes out by, by its index (IPv4); cannot be read. Source: ip(7).
    #[doc(alias = "IP_MULTICAST_IF")]
    MULTICAST_IF_INDEX = IPPROTO_IP, IP_MULTICAST_IF, on unix;
});

options!(SourceMembership {
    /// Join a multicast group for one sender's packets; again for another sender's (IPv4). Source: ip(7), RFC 3678.
    #[doc(alias = "IP_ADD_SOURCE_MEMBERSHIP")]
    ADD_SOURCE_MEMBERSHIP = IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP;
    /// Leave a multicast group as far as that sender goes (IPv4).
    #[doc(alias = "IP_DROP_SOURCE_MEMBERSHIP")]
    DROP_SOURCE_MEMBERSHIP = IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP;
    /// Take no more of a sender's packets to a group that was joined for all senders (IPv4).
    #[doc(alias = "IP_BLOCK_SOURCE")]
    BLOCK_SOURCE = IPPROTO_IP, IP_BLOCK_SOURCE;
    /// Take them again (IPv4).
    #[doc(alias = "IP_UNBLOCK_SOURCE")]
    UNBLOCK_SOURCE = IPPROTO_IP, IP_UNBLOCK_SOURCE;
});

#[cfg(unix)]
options!(SourceMembership6 {
    /// Join a multicast group for one sender's packets; again for another sender's (IPv6). Source: RFC 3678.
    #[doc(alias = "MCAST_JOIN_SOURCE_GROUP")]
    JOIN_SOURCE_GROUP = IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, on unix;
    /// Leave a multicast group as far as that sender goes (IPv6).
    #[doc(alias = "MCAST_LEAVE_SOURCE_GROUP")]
    LEAVE_SOURCE_GROUP = IPPROTO_IPV6, MCAST_LEAVE_SOURCE_GROUP, on unix;
    /// Take no more of a sender's packets to a group that was joined for all senders (IPv6).
    #[doc(alias = "MCAST_BLOCK_SOURCE")]
    BLOCK_SOURCE6 = IPPROTO_IPV6, MCAST_BLOCK_SOURCE, on unix;
    /// Take them again (IPv6).
    #[doc(alias = "MCAST_UNBLOCK_SOURCE")]
    UNBLOCK_SOURCE6 = IPPROTO_IPV6, MCAST_UNBLOCK_SOURCE, on unix;
});

/// Those behind methods of the socket, which say what their values are.
#[cfg(target_os = "linux")]
impl SocketOption<()> {
    pub(crate) const TCP_INFO: Self = Self::known(c::IPPROTO_TCP, c::TCP_INFO, "TCP_INFO");
    pub(crate) const ATTACH_FILTER: Self = Self::known(c::SOL_SOCKET, c::SO_ATTACH_FILTER, "SO_ATTACH_FILTER");
    pub(crate) const DETACH_FILTER: Self = Self::known(c::SOL_SOCKET, c::SO_DETACH_FILTER, "SO_DETACH_FILTER");
    pub(crate) const ATTACH_REUSEPORT_CBPF: Self =
        Self::known(c::SOL_SOCKET, c::SO_ATTACH_REUSEPORT_CBPF, "SO_ATTACH_REUSEPORT_CBPF");
    pub(crate) const DETACH_REUSEPORT_BPF: Self =
        Self::known(c::SOL_SOCKET, c::SO_DETACH_REUSEPORT_BPF, "SO_DETACH_REUSEPORT_BPF");
}
