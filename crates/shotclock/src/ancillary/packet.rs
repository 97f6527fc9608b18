//! What the headers of a packet say: addresses, interfaces, class.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Which of this machine's addresses and interfaces an IPv4 datagram came to, or is to leave by. Source: ip(7),
/// `struct in_pktinfo`.
///
/// One that was received can be sent back as it is: the answer then leaves by the address that was asked.
///
/// ```
/// use shotclock::{ControlMessage, Family, Kind, Socket, SocketOption, cmsg_space};
/// use std::io::IoSlice;
/// # #[cfg(target_os = "linux")] {
/// // A server on all addresses, asked at 127.0.0.2, answers from there.
/// let server = Socket::new(Family::INET, Kind::DGRAM)?;
/// server.bind(([0, 0, 0, 0], 0))?;
/// server.setsockopt(SocketOption::PKTINFO, true)?;
/// let client = Socket::new(Family::INET, Kind::DGRAM)?;
/// let port = server.getsockname()?.port().unwrap();
/// client.sendto(b"question", ([127, 0, 0, 2], port))?;
///
/// let asked = server.recvmsg(100, cmsg_space(12)?)?;
/// server.sendmsg(&[IoSlice::new(b"answer")], &asked.ancillary, asked.address.map(Into::into))?;
/// let (_, from) = client.recvfrom(100)?;
/// assert_eq!(from, Some(([127, 0, 0, 2], port).into()));
/// # }
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketInfo {
    /// The interface's index, as [`if_nametoindex`](crate::if_nametoindex) gives it;
    /// [`if_indextoname`](crate::if_indextoname) gives its name. To send: 0 lets the system choose. On FreeBSD always 0.
    pub interface: u32,
    /// Received: the address of this machine that it came to. To send: the source; unspecified lets the system choose.
    pub local: Ipv4Addr,
    /// Received: the destination in the header, such as a multicast group. To send: ignored.
    pub destination: Ipv4Addr,
}

impl PacketInfo {
    /// To send: by this source address, and whichever interface leads to the destination.
    ///
    /// ```
    /// use shotclock::PacketInfo;
    /// assert_eq!(PacketInfo::from_source([127, 0, 0, 2].into()).interface, 0);
    /// ```
    #[must_use]
    pub const fn from_source(local: Ipv4Addr) -> Self {
        Self { interface: 0, local, destination: Ipv4Addr::UNSPECIFIED }
    }
}

/// The same for IPv6. Source: ipv6(7), RFC 3542, `struct in6_pktinfo`.
///
/// One that was received can be sent back as it is, unless it came to a multicast group, which nothing can be sent from.
///
/// ```
/// use shotclock::PacketInfo6;
/// let from = PacketInfo6 { interface: 0, address: std::net::Ipv6Addr::LOCALHOST };
/// assert_eq!(from, PacketInfo6::from_source(std::net::Ipv6Addr::LOCALHOST));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketInfo6 {
    /// The interface's index, as [`if_nametoindex`](crate::if_nametoindex) gives it. To send: 0 lets the system choose.
    pub interface: u32,
    /// Received: the destination in the header. To send: the source; unspecified lets the system choose.
    pub address: Ipv6Addr,
}

impl PacketInfo6 {
    /// To send: by this source address, and whichever interface leads to the destination.
    ///
    /// ```
    /// use shotclock::PacketInfo6;
    /// assert_eq!(PacketInfo6::from_source(std::net::Ipv6Addr::LOCALHOST).interface, 0);
    /// ```
    #[must_use]
    pub const fn from_source(address: Ipv6Addr) -> Self {
        Self { interface: 0, address }
    }
}

/// The byte that IPv4 calls type of service and IPv6 traffic class: six bits of class, two of congestion. Source: RFC 2474,
/// RFC 3168.
///
/// ```
/// use shotclock::{Ecn, TrafficClass};
/// let class = TrafficClass(0xb8).with_ecn(Ecn::Capable0);
/// assert_eq!((class.0, class.dscp(), class.ecn()), (0xba, 46, Ecn::Capable0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TrafficClass(pub u8);

impl TrafficClass {
    /// The class without the congestion bits: 0 to 63.
    ///
    /// ```
    /// assert_eq!(shotclock::TrafficClass(0xb8).dscp(), 46);
    /// ```
    #[must_use]
    pub const fn dscp(self) -> u8 {
        self.0 >> 2
    }

    /// What it says of congestion.
    ///
    /// ```
    /// assert_eq!(shotclock::TrafficClass(3).ecn(), shotclock::Ecn::Experienced);
    /// ```
    #[must_use]
    pub const fn ecn(self) -> Ecn {
        match self.0 & 3 {
            0 => Ecn::NotCapable,
            1 => Ecn::Capable1,
            2 => Ecn::Capable0,
            _ => Ecn::Experienced,
        }
    }

    /// The same class with this said of congestion.
    ///
    /// ```
    /// use shotclock::{Ecn, TrafficClass};
    /// assert_eq!(TrafficClass(0xbb).with_ecn(Ecn::NotCapable), TrafficClass(0xb8));
    /// ```
    #[must_use]
    pub const fn with_ecn(self, ecn: Ecn) -> Self {
        Self(self.0 & !3 | ecn as u8)
    }
}

/// What the two lowest bits of a traffic class say of congestion. Source: RFC 3168.
///
/// ```
/// assert_eq!(shotclock::TrafficClass(1).ecn(), shotclock::Ecn::Capable1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// The sender does not heed it: Not-ECT.
    NotCapable = 0,
    /// The sender heeds it: ECT(1).
    Capable1 = 1,
    /// The sender heeds it: ECT(0).
    Capable0 = 2,
    /// A router on the way was congested: CE.
    Experienced = 3,
}
