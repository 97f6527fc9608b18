"""TLS over a stream: the handshake, records, and the goodbye."""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Callable

from . import Place, cell, without_end
from .streams import MUCH


@cell("ssl handshake", "silent")
def handshake_silent(place: Place) -> Callable[[], object]:
    return _handshake(place, "silent")


@cell("ssl handshake", "stalls half-way")
def handshake_stall(place: Place) -> Callable[[], object]:
    return _handshake(place, "tls-stall")


@cell("ssl handshake", "drip")
def handshake_drip(place: Place) -> Callable[[], object]:
    return _handshake(place, "tls-drip-handshake")


@cell("ssl recv", "silent")
def recv(place: Place) -> Callable[[], object]:
    return functools.partial(connected(place, "tls-silent").recv, 1)


@cell("ssl recv", "drip within a record")
def recv_drip(place: Place) -> Callable[[], object]:
    return functools.partial(connected(place, "tls-drip-record").recv, 1)


@cell("ssl recv until the end", "flood", is_busy=True)
def recv_all(place: Place) -> Callable[[], object]:
    tls = connected(place, "tls-flood")
    return without_end(lambda: tls.recv(65536))


@cell("ssl makefile readline", "silent")
def readline(place: Place) -> Callable[[], object]:
    return connected(place, "tls-silent").makefile("rb").readline


@cell("ssl sendall", "never reads")
def sendall(place: Place) -> Callable[[], object]:
    return functools.partial(connected(place, "tls-silent").sendall, bytes(MUCH))


@cell("ssl unwrap", "silent")
def unwrap(place: Place) -> Callable[[], object]:
    return connected(place, "tls-silent").unwrap


def connected(place: Place, peer: str) -> ssl.SSLSocket:
    """A connection whose peer misbehaves from now on."""
    tls = trusting().wrap_socket(place.connect(peer), server_hostname="localhost")
    tls.sendall(b"x")
    return tls


def trusting() -> ssl.SSLContext:
    """A client's context that trusts the peers."""
    return ssl.create_default_context(cafile=authority())


def authority() -> str:
    """The file of whoever signed the peers' certificate."""
    return os.environ["SHOTCLOCK_MATRIX_AUTHORITY"]


def _handshake(place: Place, peer: str) -> Callable[[], object]:
    wrap = functools.partial(trusting().wrap_socket, server_hostname="localhost")
    tls = wrap(place.connect(peer), do_handshake_on_connect=False)
    return tls.do_handshake
