"""Datagrams, whose faults are nobody, a full queue, and spurious readiness."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable

from . import Place, cell

# linux/in.h: errors that routers and peers report are queued at the socket.
_IP_RECVERR = 11


@cell("recv, UDP", "silent")
def recv(place: Place) -> Callable[[], object]:
    return functools.partial(_bound().recv, 1)


@cell("recvfrom, UDP", "silent")
def recvfrom(place: Place) -> Callable[[], object]:
    return functools.partial(_bound().recvfrom, 1)


@cell("recvfrom_into, UDP", "silent")
def recvfrom_into(place: Place) -> Callable[[], object]:
    return functools.partial(_bound().recvfrom_into, bytearray(1))


@cell("recvfrom, UDP", "pending error queue", is_busy=True)
def recvfrom_error_queue(place: Place) -> Callable[[], object]:
    sock = _bound()
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    gone = _bound()
    nobody = gone.getsockname()
    gone.close()
    sock.connect(nobody)
    sock.send(b"x")
    # The error is told once; what stays in its queue makes the socket look readable from then on.
    try:
        sock.recv(1)
    except ConnectionRefusedError:
        return functools.partial(sock.recvfrom, 1)
    raise AssertionError("no error came back")


@cell("sendto, UDP, to a name", "dead DNS")
def sendto(place: Place) -> Callable[[], object]:
    return functools.partial(_bound().sendto, b"x", ("slow.example", 80))


@cell("send, Unix datagrams", "full queue", is_busy=True)
def send_unix(place: Place) -> Callable[[], object]:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.connect(place.name("unix-full-queue"))
    return functools.partial(sock.send, b"x")


@cell("sendto, Unix datagrams", "full queue", is_busy=True)
def sendto_unix(place: Place) -> Callable[[], object]:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    return functools.partial(sock.sendto, b"x", place.name("unix-full-queue"))


def _bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock
