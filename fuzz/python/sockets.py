"""Sockets in every state that a call may find them in, each of the class under test."""

import os
import select
import socket
import struct
from dataclasses import dataclass, field

# Bounds calls that would wait for ever: the system ends them by itself.
_BOUND = struct.pack("ll", 0, 1000)
# Timeouts in seconds.
_TIMEOUTS = (None, 0, 0.001, 1e-9)
_STREAM, _DATAGRAM, _PACKETS, _RAW = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW
# No AF_VSOCK: its connections leave the network namespace.
_WANTED = (
    (socket.AF_INET, _STREAM, 0),
    (socket.AF_INET, _DATAGRAM, 0),
    (socket.AF_INET, _RAW, socket.IPPROTO_ICMP),
    (socket.AF_INET6, _STREAM, 0),
    (socket.AF_INET6, _DATAGRAM, 0),
    (socket.AF_UNIX, _STREAM, 0),
    (socket.AF_UNIX, _DATAGRAM, 0),
    (socket.AF_UNIX, _PACKETS, 0),
    (socket.AF_NETLINK, _RAW, 0),
    (socket.AF_PACKET, _RAW, 0),
    (socket.AF_CAN, _RAW, socket.CAN_RAW),
    (socket.AF_CAN, _DATAGRAM, socket.CAN_BCM),
    (socket.AF_CAN, _DATAGRAM, socket.CAN_ISOTP),
    (socket.AF_TIPC, _DATAGRAM, 0),
    (socket.AF_TIPC, _PACKETS, 0),
    (socket.AF_ALG, _PACKETS, 0),
)


def available():
    """The families and types that this kernel has, of those we want."""
    found = []
    for kinds in _WANTED:
        try:
            socket.socket(*kinds).close()
        except OSError:
            continue
        found.append(kinds)
    return found


@dataclass
class Target:
    """The socket under test, and what keeps it in its state."""

    socket: object
    state: str
    # Stock sockets: peers, listeners.
    others: list = field(default_factory=list)
    # Numbers of the harness's own, which calls may take or close.
    numbers: list = field(default_factory=list)
    addresses: list = field(default_factory=list)

    def end(self):
        """Closes everything; what the calls have closed already is no error."""
        for other in self.others:
            other.close()
        for number in self.numbers:
            close_if_open(number)


class Sockets:
    """Makes targets of one mount's classes."""

    def __init__(self, classes):
        self._classes = classes
        self._kinds = available()
        self._states = (
            self._fresh,
            self._bound,
            self._listening,
            self._pair,
            self._pair,
            self._pair,
            self._connected,
            self._peer_gone,
            self._closed,
            self._detached,
            self._shut_down,
            self._foreign,
            self._stale,
        )

    def make(self, rng):
        """A socket in some state, with some timeout."""
        make = rng.choice(self._states)
        target = make(rng)
        target.state = make.__name__.strip("_")
        target.numbers.append(os.dup(2))
        self._set_up(target.socket, rng.choice(_TIMEOUTS))
        return target

    def _set_up(self, made, timeout):
        try:
            made.settimeout(timeout)
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                made.setsockopt(socket.SOL_SOCKET, option, _BOUND)
        except OSError:
            # Closed, or no socket at all: then it does not wait either.
            pass

    def _class(self, rng):
        return rng.choice(self._classes)

    def _adopt(self, rng, stock):
        kinds = (stock.family, stock.type, stock.proto)
        return self._class(rng)(*kinds, fileno=stock.detach())

    def _fresh(self, rng):
        return Target(self._class(rng)(*rng.choice(self._kinds)), "")

    def _bound(self, rng):
        target = self._fresh(rng)
        made = target.socket
        local = {socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0), socket.AF_UNIX: ""}
        if made.family in local:
            plain = socket.socket(fileno=os.dup(made.fileno()))
            plain.bind(local[made.family])
            target.addresses.append(plain.getsockname())
            plain.close()
        return target

    def _listening(self, rng):
        listener = socket.socket(rng.choice((socket.AF_INET, socket.AF_UNIX)))
        listener.bind(("127.0.0.1", 0) if listener.family == socket.AF_INET else "")
        listener.listen(1)
        address = listener.getsockname()
        others = []
        if rng.random() < 0.5:
            client = _abrupt(socket.socket(listener.family))
            client.connect(address)
            others.append(client)
        return Target(self._adopt(rng, listener), "", others, [], [address])

    def _pair(self, rng):
        one, other = socket.socketpair(socket.AF_UNIX, rng.choice((_STREAM, _STREAM, _DATAGRAM, _PACKETS)))
        other.setblocking(False)
        what = rng.random()
        if what < 0.5:
            other.send(b"data " * rng.choice((1, 1, 100)))
        elif what < 0.6:
            _send_descriptor(other)
        elif what < 0.7:
            _fill(one)
        return Target(self._adopt(rng, one), "", [other])

    def _connected(self, rng):
        """Over TCP."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            one = _abrupt(socket.create_connection(server.getsockname()))
            other = _abrupt(server.accept()[0])
        if rng.random() < 0.5:
            other.send(b"data")
        return Target(self._adopt(rng, one), "", [other], [], [other.getsockname()])

    def _peer_gone(self, rng):
        target = self._pair(rng)
        target.others.pop().close()
        return target

    def _closed(self, rng):
        target = self._pair(rng)
        target.socket.close()
        return target

    def _detached(self, rng):
        target = self._pair(rng)
        target.numbers.append(target.socket.detach())
        return target

    def _shut_down(self, rng):
        target = self._pair(rng)
        target.socket.shutdown(rng.choice((socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))
        return target

    def _foreign(self, rng):
        """Another kind of file under the socket's number."""
        target = self._pair(rng)
        number = target.socket.fileno()
        kind = rng.randrange(4)
        if kind == 0:
            reader, writer = os.pipe()
            os.set_blocking(reader, False)
            os.dup2(reader, number, inheritable=False)
            os.close(reader)
            target.numbers.append(writer)
        elif kind == 1:
            _replace(number, os.open(os.devnull, os.O_RDWR))
        elif kind == 2:
            _replace(number, os.open(".", os.O_RDONLY))
        else:
            with select.epoll() as poll:
                os.dup2(poll.fileno(), number, inheritable=False)
        return target

    def _stale(self, rng):
        """Its number was closed behind its back: see `Target.state`; it is done last, lest the number be used again."""
        return self._pair(rng)


def close_if_open(number):
    """Closes a number that may be closed already."""
    try:
        os.close(number)
    except OSError:
        pass


def _abrupt(made):
    """Closed by a reset, so that no port waits for stray segments."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return made


def _send_descriptor(sender):
    with open(os.devnull, "rb") as null:
        socket.send_fds(sender, [b"with"], [null.fileno(), null.fileno()])


def _fill(sender):
    """Until it can take no more."""
    sender.setblocking(False)
    try:
        while sender.send(bytes(65536)):
            pass
    except BlockingIOError:
        pass


def _replace(number, by):
    os.dup2(by, number, inheritable=False)
    os.close(by)
