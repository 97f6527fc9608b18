"""Bytes from and to a connected stream."""

from __future__ import annotations

import functools
import socket
import tempfile
import time
from collections.abc import Callable

from . import Place, cell, without_end

# More than any buffer of the system takes.
MUCH = 1 << 24
# So that the system says "writable" after each sip.
SMALL_BUFFER = 1 << 14


@cell("recv", "silent")
def recv(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("silent").recv, 1)


@cell("recv_into", "silent")
def recv_into(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("silent").recv_into, bytearray(1))


@cell("recvmsg", "silent")
def recvmsg(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("silent").recvmsg, 1, 1024)


@cell("recvmsg_into", "silent")
def recvmsg_into(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("silent").recvmsg_into, [bytearray(1)], 1024)


@cell("recv until a line ends", "drip")
def recv_line(place: Place) -> Callable[[], object]:
    sock = place.connect("drip")
    return without_end(lambda: sock.recv(1) != b"\n")


@cell("recv until the end", "flood", is_busy=True)
def recv_all(place: Place) -> Callable[[], object]:
    sock = place.connect("flood")
    return without_end(lambda: sock.recv(65536))


@cell("recv, MSG_WAITALL", "drip")
def recv_exactly(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("drip").recv, 1000, socket.MSG_WAITALL)


@cell("recv, Unix", "silent")
def recv_unix(place: Place) -> Callable[[], object]:
    return functools.partial(_unix(place).recv, 1)


@cell("makefile read, exact", "silent")
def read(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("silent").makefile("rb").read, 1000)


@cell("makefile read, exact", "drip")
def read_drip(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("drip").makefile("rb").read, 1000)


@cell("makefile readline", "drip")
def readline(place: Place) -> Callable[[], object]:
    return place.connect("drip").makefile("rb").readline


@cell("makefile read until the end", "flood", is_busy=True)
def read_all(place: Place) -> Callable[[], object]:
    file = place.connect("flood").makefile("rb")
    return without_end(lambda: file.read(65536))


@cell("makefile write", "never reads")
def write(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("never-read").makefile("wb").write, bytes(MUCH))


@cell("makefile write", "sip")
def write_sip(place: Place) -> Callable[[], object]:
    file = place.connect("sip", send_buffer=SMALL_BUFFER).makefile("wb")
    return without_end(lambda: file.write(bytes(65536)))


@cell("send", "never reads")
def send(place: Place) -> Callable[[], object]:
    return functools.partial(_filled(place.connect("never-read")).send, bytes(65536))


@cell("sendmsg", "never reads")
def sendmsg(place: Place) -> Callable[[], object]:
    return functools.partial(_filled(place.connect("never-read")).sendmsg, [bytes(65536)])


@cell("sendall", "never reads")
def sendall(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("never-read").sendall, bytes(MUCH))


@cell("sendall", "sip")
def sendall_sip(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("sip", send_buffer=SMALL_BUFFER).sendall, bytes(MUCH))


@cell("sendall, Unix", "never reads")
def sendall_unix(place: Place) -> Callable[[], object]:
    return functools.partial(_unix(place).sendall, bytes(MUCH))


@cell("sendfile", "never reads")
def sendfile(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("never-read").sendfile, _file())


@cell("sendfile", "sip")
def sendfile_sip(place: Place) -> Callable[[], object]:
    return functools.partial(place.connect("sip", send_buffer=SMALL_BUFFER).sendfile, _file())


def _unix(place: Place) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(place.name("unix-silent"))
    return sock


def _filled(sock: socket.socket) -> socket.socket:
    """The same, with no room left: what the peer's system took at once makes some again."""
    timeout = sock.gettimeout()
    sock.setblocking(False)
    refused = 0
    while refused < 5:
        try:
            sock.send(bytes(65536))
            refused = 0
        except BlockingIOError:
            time.sleep(0.05)
            refused += 1
    sock.settimeout(timeout)
    return sock


def _file() -> object:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it ends with the process
    file.truncate(MUCH)
    return file
