"""Control messages as values: what ``recvmsg`` gives beside the bytes, and ``sendmsg`` takes.

``shotclock.ancillary`` makes values of what ``recvmsg`` gave; ``cmsg()`` of a value is what ``sendmsg`` takes::

    data, cmsgs, flags, address = sock.recvmsg(65536, 1024)
    for message in shotclock.ancillary(cmsgs):
        match message:
            case control.PacketInfo(interface=number, local=address):
                ...
            case control.TrafficClass(ecn=3):
                ...                              # a router on the way was congested

Most messages come only where a socket option asks for them, which each class names. Sources: ip(7), ipv6(7), udp(7), unix(7),
socket(7), RFC 3542.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = [
    "ControlMessage",
    "Credentials",
    "Cut",
    "Drops",
    "GroSize",
    "GsoSize",
    "HopLimit",
    "OriginalDestination",
    "PacketInfo",
    "PacketInfo6",
    "ProcessFd",
    "QueuedError",
    "Rights",
    "Timestamp",
    "Timestamping",
    "Tos",
    "TrafficClass",
    "Ttl",
    "TxTime",
    "Unknown",
    "ancillary",
]

# Linux's numbers: levels, and the messages that carry descriptors, which stay numbers here. Source: unix(7), linux/socket.h.
_SOCKET, _IP, _UDP, _IPV6 = 1, 0, 17, 41
_RIGHTS, _PROCESS = (_SOCKET, 1), (_SOCKET, 4)

_Cmsg = tuple[int, int, bytes]


@dataclass(frozen=True, slots=True)
class Rights:
    """Descriptors from the peer (AF_UNIX): yours to close. They are inherited unless MSG_CMSG_CLOEXEC was asked for.

    >>> from shotclock.control import Rights
    >>> Rights((0,)).cmsg() == (1, 1, b"\\0\\0\\0\\0")
    True
    """

    fds: tuple[int, ...]

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes: at most 253 descriptors."""
        return *_RIGHTS, struct.pack(f"={len(self.fds)}i", *self.fds)


@dataclass(frozen=True, slots=True)
class ProcessFd:
    """A descriptor of the sending process (AF_UNIX with SO_PASSPIDFD): yours to close."""

    fd: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who sends (AF_UNIX; received with SO_PASSCRED); the kernel checks it."""

    pid: int
    uid: int
    gid: int

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes."""
        return _SOCKET, 2, struct.pack("=iII", self.pid, self.uid, self.gid)


@dataclass(frozen=True, slots=True)
class PacketInfo:
    """Which of this machine's addresses and interfaces a datagram came to, or is to leave by (IPv4, IP_PKTINFO).

    One that was received can be sent back as it is: the answer then leaves by the address that was asked. To send, an
    ``interface`` of 0 and a ``local`` of 0.0.0.0 let the system choose, and ``destination`` is ignored.

    >>> from shotclock.control import PacketInfo
    >>> PacketInfo(0, "127.0.0.2").cmsg()[2].hex()
    '000000007f00000200000000'
    """

    interface: int
    local: str
    destination: str = "0.0.0.0"

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes; ValueError names an address that is none."""
        return _IP, 8, struct.pack("=I4s4s", self.interface, _packed(self.local, 4), _packed(self.destination, 4))


@dataclass(frozen=True, slots=True)
class PacketInfo6:
    """The same for IPv6 (IPV6_RECVPKTINFO). One that came to a multicast group cannot be sent back.

    >>> from shotclock.control import PacketInfo6
    >>> PacketInfo6(0, "::1").cmsg()[:2]
    (41, 50)
    """

    interface: int
    address: str

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes; ValueError names an address that is none."""
        return _IPV6, 50, struct.pack("=16sI", _packed(self.address, 16), self.interface)


@dataclass(frozen=True, slots=True)
class Ttl:
    """Time to live (IPv4; received with IP_RECVTTL), in hops: 1 to 255."""

    hops: int

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes."""
        return _IP, 2, struct.pack("=i", self.hops)


@dataclass(frozen=True, slots=True)
class HopLimit:
    """Hop limit (IPv6; received with IPV6_RECVHOPLIMIT): 0 to 255."""

    hops: int

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes."""
        return _IPV6, 52, struct.pack("=i", self.hops)


@dataclass(frozen=True, slots=True)
class _Class:
    value: int

    @property
    def dscp(self) -> int:
        """The class without the congestion bits, 0 to 63 (RFC 2474)."""
        return self.value >> 2

    @property
    def ecn(self) -> int:
        """What it says of congestion (RFC 3168): 0 not heeded, 1 and 2 heeded, 3 a router was congested."""
        return self.value & 3


class Tos(_Class):
    """Type of service and congestion bits (IPv4; received with IP_RECVTOS).

    >>> from shotclock.control import Tos
    >>> Tos(0xBA).dscp, Tos(0xBA).ecn
    (46, 2)
    """

    __slots__ = ()

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes."""
        return _IP, 1, struct.pack("=i", self.value)


class TrafficClass(_Class):
    """Traffic class and congestion bits (IPv6; received with IPV6_RECVTCLASS)."""

    __slots__ = ()

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes."""
        return _IPV6, 67, struct.pack("=i", self.value)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """When the system had the packet (received with SO_TIMESTAMP, SO_TIMESTAMPNS): nanoseconds as ``time.time_ns()`` counts."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Timestamping:
    """When the system and the network card had the packet, or sent it (received with SO_TIMESTAMPING).

    ``software`` is in nanoseconds as ``time.time_ns()`` counts, ``hardware`` since the beginning of the card's own clock;
    ``transformed`` is set by kernels before 3.17 alone. None is no time.
    """

    software: int | None
    transformed: int | None
    hardware: int | None


@dataclass(frozen=True, slots=True)
class GroSize:
    """How many bytes each of several datagrams has that were received as one (UDP_GRO); the last may be shorter."""

    size: int


@dataclass(frozen=True, slots=True)
class GsoSize:
    """Into datagrams of how many bytes this one is to be cut (UDP_SEGMENT): 1 to 65535; the last may be shorter.

    >>> import shotclock, socket
    >>> from shotclock.control import GsoSize
    >>> sock = socket.socket(type=socket.SOCK_DGRAM)
    >>> sock.bind(("127.0.0.1", 0))
    >>> sock.sendmsg([b"onetwo3"], [GsoSize(3).cmsg()], 0, sock.getsockname())
    7
    >>> [sock.recv(9) for _ in range(3)]
    [b'one', b'two', b'3']
    """

    size: int

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes."""
        return _UDP, 103, struct.pack("=H", self.size)


@dataclass(frozen=True, slots=True)
class TxTime:
    """When the packet is to leave (SO_TXTIME), in nanoseconds of that option's clock."""

    nanoseconds: int

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes."""
        return _SOCKET, 61, struct.pack("=Q", self.nanoseconds)


@dataclass(frozen=True, slots=True)
class QueuedError:
    """An entry of the error queue (IP_RECVERR, MSG_ERRQUEUE): what befell something sent, or where it has got to.

    ``cause`` says it in words. The address that ``recvmsg`` gives with it is where it was sent to, the bytes are its
    beginning, and ``offender`` is who told of it. Source: ip(7), linux/errqueue.h.

    >>> import shotclock, socket
    >>> sock = socket.socket(type=socket.SOCK_DGRAM)
    >>> sock.setsockopt(socket.IPPROTO_IP, 11, 1)           # IP_RECVERR
    >>> nobody = socket.socket(type=socket.SOCK_DGRAM)
    >>> nobody.bind(("127.0.0.1", 0))
    >>> address = nobody.getsockname()
    >>> nobody.close()                                      # now nobody listens there
    >>> sock.sendto(b"anybody?", address)
    8
    >>> data, cmsgs, flags, to = sock.recvmsg(100, 512, socket.MSG_ERRQUEUE)
    >>> [error] = shotclock.ancillary(cmsgs)
    >>> print(error, to == address)
    port unreachable (ICMP type 3, code 3) from 127.0.0.1 True
    """

    errno: int
    origin: int
    kind: int
    code: int
    info: int
    data: int
    offender: str | None
    cause: str

    @property
    def mtu(self) -> int | None:
        """The largest packet that the path takes, in bytes, if this says so (EMSGSIZE)."""
        return self.info if self.errno == 90 and 1 <= self.origin <= 3 else None

    @property
    def zerocopy(self) -> tuple[int, int, bool] | None:
        """The first and the last of the sends with MSG_ZEROCOPY that are done, and whether the bytes were copied."""
        return (self.info, self.data, bool(self.code & 1)) if self.origin == 5 else None

    def __str__(self) -> str:
        return self.cause + (f" from {self.offender}" if self.offender else "")


@dataclass(frozen=True, slots=True)
class Drops:
    """How many datagrams the socket has dropped so far for want of room (SO_RXQ_OVFL)."""

    count: int


@dataclass(frozen=True, slots=True)
class OriginalDestination:
    """Where a datagram was sent to before a proxy took it (IP_RECVORIGDSTADDR)."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The beginning of a message of a kind named here, whose end had no room: MSG_CTRUNC is set in the flags.

    >>> import shotclock
    >>> shotclock.ancillary([(0, 8, b"\\1\\0\\0\\0\\x7f")])
    [Cut(level=0, kind=8, data=b'\\x01\\x00\\x00\\x00\\x7f')]
    """

    level: int
    kind: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Unknown:
    """Any other message, as it came; where MSG_CTRUNC is set the last one may be cut short."""

    level: int
    kind: int
    data: bytes

    def cmsg(self) -> _Cmsg:
        """Give what ``sendmsg`` takes."""
        return self.level, self.kind, self.data


ControlMessage = (
    Rights
    | ProcessFd
    | Credentials
    | PacketInfo
    | PacketInfo6
    | Ttl
    | HopLimit
    | Tos
    | TrafficClass
    | Timestamp
    | Timestamping
    | GroSize
    | GsoSize
    | TxTime
    | QueuedError
    | Drops
    | OriginalDestination
    | Cut
    | Unknown
)
"""Any of them."""


def ancillary(cmsgs: Iterable[tuple[int, int, bytes]]) -> list[ControlMessage]:
    """Decode what ``recvmsg`` gave beside the bytes: a list of values, each of a class of ``shotclock.control``.

    Nothing is left out: what has no class is ``Unknown``, and what was cut short is ``Cut``. Descriptors are those of
    ``recvmsg``: numbers, and yours to close, so decode the same list but once.

    Raises TypeError for what is no list of levels, types and bytes.

    >>> import shotclock, socket
    >>> sock = socket.socket(type=socket.SOCK_DGRAM)
    >>> sock.bind(("127.0.0.1", 0))
    >>> sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    >>> sock.sendmsg([b"hello"], [shotclock.control.Tos(0xBA).cmsg()], 0, sock.getsockname())
    5
    >>> data, cmsgs, flags, address = sock.recvmsg(100, 512)
    >>> shotclock.ancillary(cmsgs)
    [Tos(value=186)]
    """
    return [_decoded(*cmsg) for cmsg in cmsgs]


def _decoded(level: int, kind: int, data: bytes) -> ControlMessage:
    if (level, kind) == _RIGHTS:
        return Rights(tuple(_numbers(data)))
    if (level, kind) == _PROCESS and len(data) == 4:
        return ProcessFd(*_numbers(data))
    found = _native.control_message(level, kind, data)
    if found is None:
        return Unknown(level, kind, bytes(data))
    name, *fields = found
    made: ControlMessage = _CLASSES[name](*fields)
    return made


def _numbers(data: bytes) -> list[int]:
    """Give the descriptors in these bytes: whole ones, for the system cuts no other."""
    return memoryview(data)[: len(data) // 4 * 4].cast("i").tolist()


def _packed(address: str, size: int) -> bytes:
    import ipaddress

    made = ipaddress.ip_address(address).packed
    if len(made) != size:
        raise ValueError(f"{address!r}: expected an address of {size} bytes")
    return made


_CLASSES: dict[str, Any] = {
    of.__name__: of
    for of in (
        Credentials,
        PacketInfo,
        PacketInfo6,
        Ttl,
        HopLimit,
        Tos,
        TrafficClass,
        Timestamp,
        Timestamping,
        GroSize,
        GsoSize,
        TxTime,
        QueuedError,
        Drops,
        OriginalDestination,
        Cut,
    )
}
