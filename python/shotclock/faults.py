"""A misbehaving peer on demand, to test a client against: what ``shotclock faults`` runs, in your own process.

    with shotclock.faults.Peer("drip", every=0.1) as peer:
        fetch(peer.host, peer.port)

The fixture ``misbehaving_peer``, which pytest finds by itself once the package is installed, gives the same::

    def test_it_gives_up_in_time(misbehaving_peer: shotclock.faults.MisbehavingPeer):
        peer = misbehaving_peer("stall", after=100)
        ...

What happens depends on counts of bytes, connections, datagrams and queries, and on a seed: never on chance.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["MODES", "Event", "MisbehavingPeer", "Peer"]

# From the crate's table: the name of the argument that each mode takes ("" for none), and each argument's default.
_ARGUMENTS = {mode: argument for mode, _, argument, _ in _native.peer_modes()}
_DEFAULTS = {argument: default for _, _, argument, default in _native.peer_modes()}

MODES: tuple[str, ...] = tuple(_ARGUMENTS)
"""The ways to misbehave, by the names that the command has for them."""

_SIDES = ("server", "client", "both")
_SECOND = 10**9
_MOST = 2**64 - 1
# No clock of the system will ever show a later time.
_MOST_SECONDS = 9e9


@dataclass(frozen=True, slots=True)
class Event:
    """Something a peer did, or that was done to it: what the command prints with ``--json``.

    ``number`` counts connections, datagrams or queries from 1; ``sent`` and ``received`` are the bytes that have gone out
    to this client and come from it; ``query`` is a name server's question, ``error`` what went wrong unmeant.
    """

    event: str
    number: int
    client: str | None
    sent: int
    received: int
    query: str | None
    error: str | None


class Peer:
    """A peer on loopback that misbehaves in one way until it is stopped; then nothing of it is left.

    The modes, each with the argument that it takes and that one's default: ``after`` is a number of bytes that go well
    before, ``every`` the seconds between two bytes, ``delay`` the seconds by which something is late, ``size`` the bytes of
    a piece, ``rate`` the bytes a second.

    - ``silent``: TCP: accepts, and never answers
    - ``full-backlog``: TCP: accepts nobody, and its queue is full: a connect hangs
    - ``drip``, ``every=0.3``: TCP: sends a byte each interval
    - ``sip``, ``every=0.3``: TCP: reads a byte each interval, and sends nothing
    - ``stall``, ``after=0``: TCP: sends so many bytes, and then nothing more
    - ``reset``, ``after=0``: TCP: sends so many bytes, and resets the connection
    - ``half-close``, ``after=0``: TCP: sends so many bytes and ends its data, while it goes on reading
    - ``never-read``: TCP: accepts, reads nothing and sends nothing: a long send hangs
    - ``garbage``, ``after=0``: TCP: sends so many bytes as they should be, and then garbage
    - ``flood``: TCP: sends without end
    - ``tls-stall``, ``after=0``: TCP: reads a TLS ClientHello, and sends so many bytes of the answer, never all
    - ``udp-drop``: UDP: does not answer
    - ``udp-duplicate``: UDP: answers twice
    - ``udp-reorder``: UDP: answers after the answer to the next datagram
    - ``udp-late``, ``delay=1``: UDP: answers after a delay
    - ``dns-dead``: Name server: never answers
    - ``dns-slow``, ``delay=1``: Name server: answers after a delay
    - ``dns-truncated``: Name server: answers by UDP that the answer was truncated, and never by TCP
    - ``dns-garbage``: Name server: answers with garbage
    - ``proxy-late``, ``delay=1``: Proxy: passes everything on after a delay
    - ``proxy-slow``, ``rate=1024``: Proxy: passes on so many bytes a second
    - ``proxy-slice``, ``size=1``: Proxy: passes everything on in pieces of so many bytes, a millisecond apart
    - ``proxy-late-end``, ``delay=1``: Proxy: passes everything on, but the end of the data after a delay
    - ``proxy-stall``, ``after=0``: Proxy: passes so many bytes on, and then nothing more
    - ``proxy-hold``, ``delay=1``: Proxy: passes nothing on, and ends the connection after a delay
    - ``proxy-reset``, ``after=0``: Proxy: passes so many bytes on, and resets the connection
    - ``proxy-limit``, ``after=0``: Proxy: passes so many bytes on, and ends the connection

    TCP modes send ``content`` (64 KiB of lines, if nothing else is said) unasked, or with ``when_asked`` once the client has
    sent something, so that nothing befalls one that still connects (above all no reset). They throw away what comes. UDP
    modes echo. A name server knows every name, as 127.0.0.1 and ::1, by UDP and TCP. Garbage is made from ``seed``.

    A proxy stands in front of the server at ``to``, an IP address and a port, and passes on what comes, in both directions;
    the fault befalls what the server sends, or with ``side="client"`` what the client does, or ``"both"``.

    The fault befalls every connection, datagram or query; or only those after the first ``skip``, of these each
    ``every_nth``, and so many as ``take``. The others get what they should. ``max_connections`` are served at once, and
    each may move ``max_bytes``. ``address`` is an IP address and a port, 0 for one that is free.

    It runs in threads of its own, which need no interpreter and take no signals. It ends with ``stop()``, with its block,
    when it is dropped, and with the process. A forked child has its sockets, as any, and cannot stop it.

    Raises TypeError or ValueError, with the value and what was expected, and OSError if it cannot listen.

    >>> import shotclock.faults, socket
    >>> with shotclock.faults.Peer("silent") as peer:
    ...     sock = socket.create_connection((peer.host, peer.port), timeout=0.05)
    ...     try:
    ...         sock.recv(1)
    ...     except TimeoutError:
    ...         print("it has not said a word")
    it has not said a word
    """

    __slots__ = ("_peer", "host", "mode", "port")

    def __init__(
        self,
        mode: str,
        *,
        after: int | None = None,
        every: float | None = None,
        delay: float | None = None,
        size: int | None = None,
        rate: int | None = None,
        content: bytes | bytearray | memoryview | None = None,
        when_asked: bool = False,
        seed: int = 0,
        skip: int = 0,
        take: int | None = None,
        every_nth: int = 1,
        max_connections: int = 256,
        max_bytes: int = 1 << 30,
        address: tuple[str, int] = ("127.0.0.1", 0),
        to: tuple[str, int] | None = None,
        side: str = "server",
    ) -> None:
        amount = _amount(mode, {"after": after, "every": every, "delay": delay, "size": size, "rate": rate})
        if content is not None and not isinstance(content, (bytes, bytearray, memoryview)):
            raise TypeError(f"content={content!r}: expected bytes")
        host, port = _address("address", address)
        to_host, to_port = _server(mode, to)
        if side not in _SIDES:
            raise ValueError(f"side={side!r}: expected one of {_listed(_SIDES)}")
        self.mode: str = mode
        self.host: str
        self.port: int
        self._peer, self.host, self.port = _native.start_peer(
            mode,
            amount,
            content,
            when_asked,
            host,
            port,
            _number("skip", skip),
            _MOST if take is None else _number("take", take),
            _number("every_nth", every_nth, 1),
            _number("seed", seed),
            _number("max_connections", max_connections, 1, 65_536),
            _number("max_bytes", max_bytes),
            to_host,
            to_port,
            side,
        )

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: host and port, as ``socket.create_connection`` and its kin take them."""
        return self.host, self.port

    def events(self) -> list[Event]:
        """Say what happened so far, in order; all of it once the peer has stopped.

        Raises RuntimeError after more than the 65,536 events that are kept, and in a forked child.
        """
        return [Event(*event) for event in _native.peer_events(self._peer)]

    def stop(self) -> None:
        """End it, cutting off whoever is connected; when this returns, nothing is left but the events.

        To stop what has stopped does nothing, and so does a forked child that stops its parent's.
        """
        _native.stop_peer(self._peer)

    def __enter__(self) -> Self:
        """Give the peer, which runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def __repr__(self) -> str:
        return f"<shotclock.faults.Peer {self.mode} at {self.host}:{self.port}>"


MisbehavingPeer = type[Peer]
"""The type of the fixture ``misbehaving_peer``, for tests with annotations."""


def _amount(mode: str, given: dict[str, float | None]) -> int:
    """Find how many bytes, or nanoseconds, a mode is to be told; anything for one that is told nothing."""
    if not isinstance(mode, str):
        raise TypeError(f"mode {mode!r}: expected a str, one of {_listed(MODES)}")
    taken = _ARGUMENTS.get(mode)
    if taken is None:
        raise ValueError(f"mode {mode!r}: expected one of {_listed(MODES)}")
    for name, value in given.items():
        if value is not None and name != taken:
            others = [other for other, argument in _ARGUMENTS.items() if argument == name]
            raise TypeError(f"{name}={value!r}: {mode} takes no {name}; {_listed(others)} do")
    if not taken:
        return 0
    value, default = given[taken], _DEFAULTS[taken]
    if taken in ("after", "size", "rate"):
        return _number(taken, int(default) if value is None else value)
    return _nanoseconds(taken, float(default) if value is None else value)


def _address(name: str, address: object) -> tuple[str, int]:
    if not isinstance(address, tuple) or len(address) != 2 or not isinstance(address[0], str):
        raise TypeError(f"{name}={address!r}: expected a tuple (host, port)")
    host, port = address
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{name}={address!r}: expected an IP address as the host") from None
    return host, _number("port", port, 0, 65_535)


def _server(mode: str, to: object) -> tuple[str, int]:
    """Find the server that a proxy stands in front of; no host for modes that have none."""
    if mode.startswith("proxy-"):
        if to is None:
            raise TypeError(f"{mode} needs to=(host, port), the server that it stands in front of")
        return _address("to", to)
    if to is not None:
        raise TypeError(f"to={to!r}: {mode} stands in front of no server; only proxies do")
    return "", 0


def _number(name: str, value: object, least: int = 0, most: int = _MOST) -> int:
    expected = f"expected an int from {least} to {most}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r}: {expected}")
    if not least <= value <= most:
        raise ValueError(f"{name}={value!r}: {expected}")
    return value


def _nanoseconds(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}={value!r}: expected a number of seconds")
    if not 0 <= value <= _MOST_SECONDS:
        raise ValueError(f"{name}={value!r}: expected seconds from 0 to {_MOST_SECONDS:.0e}")
    return math.ceil(value * _SECOND)


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names)
