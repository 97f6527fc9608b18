//! Typed newtypes for the socket interface's integers: families, kinds, protocols, flags.
//!
//! Each wraps the system's own number, so a value that has no name here can always be made: `Family(40)`.

use std::fmt;

use crate::sys::c;

/// Declares a newtype over `i32` with named values, and a `Debug` that prints the system's name where there is one. A value
/// that not every system has names those that have it, `on` a condition of `cfg`; elsewhere the name does not exist.
macro_rules! named_numbers {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$value_doc:meta])* $value:ident = $number:expr, $label:literal $(, on $system:meta)?;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i32);

        impl $name {
            $(
                $(#[$value_doc])*
                $(#[doc = concat!("\n\nOnly on: `", stringify!($system), "`.")])?
                #[doc(alias = $label)]
                $(#[cfg($system)])?
                pub const $value: Self = Self($number);
            )*
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(
                    $(#[cfg($system)])?
                    if *self == Self::$value {
                        return f.write_str($label);
                    }
                )*
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }

        impl From<i32> for $name {
            fn from(number: i32) -> Self {
                Self(number)
            }
        }
    };
}

/// Adds set operations to a newtype of flags.
macro_rules! flag_set {
    ($name:ident) => {
        impl $name {
            /// Whether every flag of `other` is set here.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl std::ops::BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }

        impl std::ops::BitAnd for $name {
            type Output = Self;
            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        impl std::ops::BitAndAssign for $name {
            fn bitand_assign(&mut self, other: Self) {
                self.0 &= other.0;
            }
        }

        /// Every flag but these, named or not: `flags & !other` takes flags away.
        impl std::ops::Not for $name {
            type Output = Self;
            fn not(self) -> Self {
                Self(!self.0)
            }
        }
    };
}

named_numbers! {
    /// An address family: what a socket's addresses look like. Source: socket(2), address_families(7).
    ///
    /// ```
    /// use shotclock::Family;
    /// assert_eq!(format!("{:?} {:?}", Family::INET, Family(1000)), "AF_INET Family(1000)");
    /// ```
    Family {
        /// Any family; in lookups, "both IPv4 and IPv6".
        UNSPEC = c::AF_UNSPEC, "AF_UNSPEC";
        /// Local sockets, unix(7).
        UNIX = c::AF_UNIX, "AF_UNIX";
        /// IPv4, ip(7).
        INET = c::AF_INET, "AF_INET";
        /// IPv6, ipv6(7).
        INET6 = c::AF_INET6, "AF_INET6";
        /// The kernel's message bus, netlink(7).
        NETLINK = c::AF_NETLINK, "AF_NETLINK", on target_os = "linux";
        /// Link-level packets, packet(7).
        PACKET = c::AF_PACKET, "AF_PACKET", on target_os = "linux";
        /// Virtual machines and their host, vsock(7).
        VSOCK = c::AF_VSOCK, "AF_VSOCK", on any(target_os = "linux", target_os = "macos");
        /// The kernel's cryptography.
        ALG = c::AF_ALG, "AF_ALG", on target_os = "linux";
        /// Controller area network.
        CAN = c::AF_CAN, "AF_CAN", on target_os = "linux";
        /// Bluetooth.
        BLUETOOTH = c::AF_BLUETOOTH, "AF_BLUETOOTH", on any(target_os = "linux", target_os = "freebsd");
        /// Transparent inter-process communication.
        TIPC = c::AF_TIPC, "AF_TIPC", on target_os = "linux";
        /// Express data path.
        XDP = c::AF_XDP, "AF_XDP", on target_os = "linux";
    }
}

named_numbers! {
    /// A socket's kind, which the system calls its type. Source: socket(2).
    ///
    /// `SOCK_NONBLOCK` and `SOCK_CLOEXEC` are not kinds: every socket made here has both, but for those of
    /// [`Socket::new_raw`](crate::Socket::new_raw).
    Kind {
        /// A reliable stream of bytes: TCP, Unix streams.
        STREAM = c::SOCK_STREAM, "SOCK_STREAM";
        /// Datagrams: UDP, Unix datagrams.
        DGRAM = c::SOCK_DGRAM, "SOCK_DGRAM";
        /// Raw packets of a protocol; needs privilege.
        RAW = c::SOCK_RAW, "SOCK_RAW";
        /// Reliable datagrams.
        RDM = c::SOCK_RDM, "SOCK_RDM";
        /// A reliable sequence of datagrams.
        SEQPACKET = c::SOCK_SEQPACKET, "SOCK_SEQPACKET";
    }
}

#[cfg(unix)]
impl Kind {
    /// The kind without the flags that may stand beside it.
    pub(crate) fn without_flags(self) -> Self {
        #[cfg(any(target_os = "linux", target_os = "freebsd"))]
        return Self(self.0 & !(c::SOCK_NONBLOCK | c::SOCK_CLOEXEC));
        #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
        self
    }
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
impl Kind {
    /// The kind, with the flag by which a socket is non-blocking from birth: for [`Socket::new_raw`](crate::Socket::new_raw).
    /// Source: socket(2), `SOCK_NONBLOCK`.
    ///
    /// Only on: `any(target_os = "linux", target_os = "freebsd")`.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Protocol, Socket};
    /// let kind = Kind::STREAM.nonblocking().close_on_exec();
    /// assert!(Socket::new_raw(Family::INET, kind, Protocol::DEFAULT)?.is_file_nonblocking()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "SOCK_NONBLOCK")]
    #[must_use]
    pub const fn nonblocking(self) -> Self {
        Self(self.0 | c::SOCK_NONBLOCK)
    }

    /// The kind, with the flag by which no program that this process starts inherits the socket: for
    /// [`Socket::new_raw`](crate::Socket::new_raw). Source: socket(2), `SOCK_CLOEXEC`.
    ///
    /// Only on: `any(target_os = "linux", target_os = "freebsd")`.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Protocol, Socket};
    /// assert!(Socket::new_raw(Family::INET, Kind::STREAM, Protocol::DEFAULT)?.get_inheritable()?);
    /// assert!(!Socket::new_raw(Family::INET, Kind::STREAM.close_on_exec(), Protocol::DEFAULT)?.get_inheritable()?);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[doc(alias = "SOCK_CLOEXEC")]
    #[must_use]
    pub const fn close_on_exec(self) -> Self {
        Self(self.0 | c::SOCK_CLOEXEC)
    }
}

named_numbers! {
    /// A protocol's number. Source: protocols(5).
    Protocol {
        /// The one that family and kind imply.
        DEFAULT = 0, "IPPROTO_IP";
        /// ICMP.
        ICMP = c::IPPROTO_ICMP, "IPPROTO_ICMP";
        /// TCP.
        TCP = c::IPPROTO_TCP, "IPPROTO_TCP";
        /// UDP.
        UDP = c::IPPROTO_UDP, "IPPROTO_UDP";
        /// IPv6 in IPv4.
        IPV6 = c::IPPROTO_IPV6, "IPPROTO_IPV6";
        /// ICMP for IPv6.
        ICMPV6 = c::IPPROTO_ICMPV6, "IPPROTO_ICMPV6";
        /// SCTP.
        SCTP = c::IPPROTO_SCTP, "IPPROTO_SCTP";
        /// UDP-Lite.
        UDPLITE = c::IPPROTO_UDPLITE, "IPPROTO_UDPLITE", on any(target_os = "linux", target_os = "freebsd");
        /// Raw IP packets.
        RAW = c::IPPROTO_RAW, "IPPROTO_RAW";
        /// Multipath TCP.
        MPTCP = c::IPPROTO_MPTCP, "IPPROTO_MPTCP", on target_os = "linux";
    }
}

named_numbers! {
    /// Flags of a send or receive. Source: send(2), recv(2).
    ///
    /// ```
    /// use shotclock::MessageFlags;
    /// let flags = MessageFlags::PEEK | MessageFlags::TRUNC;
    /// assert!(flags.contains(MessageFlags::PEEK));
    /// assert_eq!(flags & MessageFlags::TRUNC, MessageFlags::TRUNC);
    /// assert_eq!(flags & !MessageFlags::PEEK, MessageFlags::TRUNC);
    /// ```
    MessageFlags {
        /// None.
        NONE = 0, "0";
        /// Out-of-band data.
        OOB = c::MSG_OOB, "MSG_OOB";
        /// Look at the data and leave it in the queue.
        PEEK = c::MSG_PEEK, "MSG_PEEK";
        /// Do not use a gateway.
        DONTROUTE = c::MSG_DONTROUTE, "MSG_DONTROUTE";
        /// Received: control messages did not fit and were cut.
        CTRUNC = c::MSG_CTRUNC, "MSG_CTRUNC";
        /// Received: the datagram was longer than the buffer. Asked for: tell the datagram's real length.
        TRUNC = c::MSG_TRUNC, "MSG_TRUNC";
        /// Try once: this call does not wait, whatever the limits.
        DONTWAIT = c::MSG_DONTWAIT, "MSG_DONTWAIT";
        /// End of a record.
        EOR = c::MSG_EOR, "MSG_EOR", on unix;
        /// Fill the whole buffer. A single receive here never waits for more than its first bytes: use `recv_exact`.
        WAITALL = c::MSG_WAITALL, "MSG_WAITALL";
        /// Tell the link layer that progress happened.
        CONFIRM = c::MSG_CONFIRM, "MSG_CONFIRM", on target_os = "linux";
        /// Receive from the error queue.
        ERRQUEUE = c::MSG_ERRQUEUE, "MSG_ERRQUEUE", on target_os = "linux";
        /// No SIGPIPE; always set here, where there is such a flag.
        NOSIGNAL = c::MSG_NOSIGNAL, "MSG_NOSIGNAL", on any(target_os = "linux", target_os = "freebsd");
        /// More data follows.
        MORE = c::MSG_MORE, "MSG_MORE", on target_os = "linux";
        /// TCP Fast Open: data in the first packet of a connection, for `sendto` and `sendmsg` with an address. The call waits
        /// for the connection if need be; one that leads there already is used.
        FASTOPEN = c::MSG_FASTOPEN, "MSG_FASTOPEN", on target_os = "linux";
        /// Received descriptors are close-on-exec; always set here, where there is such a flag.
        CMSG_CLOEXEC = c::MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC", on any(target_os = "linux", target_os = "freebsd");
    }
}
flag_set!(MessageFlags);

impl MessageFlags {
    /// Data that does not come in its order: MSG_OOB, and MSG_ERRQUEUE where there is one.
    #[cfg(target_os = "linux")]
    pub(crate) const OUT_OF_ORDER: Self = Self(Self::OOB.0 | Self::ERRQUEUE.0);
    #[cfg(not(target_os = "linux"))]
    pub(crate) const OUT_OF_ORDER: Self = Self::OOB;

    /// Whether it is the error queue's data, if the system has such queues.
    #[inline]
    pub(crate) fn are_of_error_queue(self) -> bool {
        #[cfg(target_os = "linux")]
        return self.contains(Self::ERRQUEUE);
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// Whether sending opens the connection, if the system can do that by a flag.
    #[inline]
    pub(crate) fn open(self) -> bool {
        self != self.opened()
    }

    /// The same for a connection that needs no opening.
    #[inline]
    pub(crate) fn opened(self) -> Self {
        #[cfg(target_os = "linux")]
        return Self(self.0 & !Self::FASTOPEN.0);
        #[cfg(not(target_os = "linux"))]
        self
    }
}

named_numbers! {
    /// Which directions of a connection to shut down. Source: shutdown(2).
    Shutdown {
        /// Receiving.
        READ = c::SHUT_RD, "SHUT_RD";
        /// Sending: the peer sees the end of the data.
        WRITE = c::SHUT_WR, "SHUT_WR";
        /// Both.
        BOTH = c::SHUT_RDWR, "SHUT_RDWR";
    }
}

/// ```
/// use shotclock::Shutdown;
/// assert_eq!(Shutdown::from(std::net::Shutdown::Both), Shutdown::BOTH);
/// ```
impl From<std::net::Shutdown> for Shutdown {
    fn from(how: std::net::Shutdown) -> Self {
        match how {
            std::net::Shutdown::Read => Self::READ,
            std::net::Shutdown::Write => Self::WRITE,
            std::net::Shutdown::Both => Self::BOTH,
        }
    }
}

named_numbers! {
    /// Flags of a `getaddrinfo` call. Source: getaddrinfo(3).
    AddressInfoFlags {
        /// None.
        NONE = 0, "0";
        /// No host means the wildcard address, for `bind`.
        PASSIVE = c::AI_PASSIVE, "AI_PASSIVE";
        /// Tell the canonical name.
        CANONNAME = c::AI_CANONNAME, "AI_CANONNAME";
        /// The host is a numeric address: no lookup.
        NUMERICHOST = c::AI_NUMERICHOST, "AI_NUMERICHOST";
        /// IPv4 addresses as mapped IPv6 ones where there are no IPv6 ones.
        V4MAPPED = c::AI_V4MAPPED, "AI_V4MAPPED";
        /// With `V4MAPPED`: both sorts.
        ALL = c::AI_ALL, "AI_ALL";
        /// Only families for which this machine has an address.
        ADDRCONFIG = c::AI_ADDRCONFIG, "AI_ADDRCONFIG";
        /// The service is a number: no lookup.
        NUMERICSERV = c::AI_NUMERICSERV, "AI_NUMERICSERV";
    }
}
flag_set!(AddressInfoFlags);

named_numbers! {
    /// Flags of a `getnameinfo` call. Source: getnameinfo(3).
    NameInfoFlags {
        /// None.
        NONE = 0, "0";
        /// The host as a number: no lookup.
        NUMERICHOST = c::NI_NUMERICHOST, "NI_NUMERICHOST";
        /// The service as a number.
        NUMERICSERV = c::NI_NUMERICSERV, "NI_NUMERICSERV";
        /// The bare host name for hosts of the local domain.
        NOFQDN = c::NI_NOFQDN, "NI_NOFQDN";
        /// A host that has no name is an error.
        NAMEREQD = c::NI_NAMEREQD, "NI_NAMEREQD";
        /// The service is a datagram one.
        DGRAM = c::NI_DGRAM, "NI_DGRAM";
    }
}
flag_set!(NameInfoFlags);
