"""Making connections, and waiting for them."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable

from . import Place, cell

HOLE = ("192.0.2.9", 80)


@cell("accept", "nobody comes")
def accept(place: Place) -> Callable[[], object]:
    return socket.create_server(("127.0.0.1", 0)).accept


@cell("accept, Unix", "nobody comes")
def accept_unix(place: Place) -> Callable[[], object]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("")
    listener.listen()
    return listener.accept


@cell("connect", "black hole")
def connect(place: Place) -> Callable[[], object]:
    return functools.partial(socket.socket().connect, HOLE)


@cell("connect", "full backlog")
def connect_full(place: Place) -> Callable[[], object]:
    return functools.partial(socket.socket().connect, place.address("full-backlog"))


@cell("connect_ex", "dead DNS")
def connect_ex(place: Place) -> Callable[[], object]:
    return functools.partial(socket.socket().connect_ex, ("slow.example", 80))


@cell("connect", "dead DNS")
def connect_name(place: Place) -> Callable[[], object]:
    return functools.partial(socket.socket().connect, ("slow.example", 80))


@cell("connect, Unix", "full backlog", is_busy=True)
def connect_unix(place: Place) -> Callable[[], object]:
    return functools.partial(socket.socket(socket.AF_UNIX).connect, place.name("unix-full-backlog"))


@cell("create_connection", "black hole")
def create(place: Place) -> Callable[[], object]:
    return functools.partial(socket.create_connection, HOLE)


@cell("create_connection", "three black holes")
def create_three(place: Place) -> Callable[[], object]:
    return functools.partial(socket.create_connection, ("holes.example", 80))


@cell("create_connection", "dead first, live second", answer="live")
def create_dead_first(place: Place) -> Callable[[], object]:
    _, port = place.address("http-live")
    return functools.partial(socket.create_connection, ("dead-first.example", port))


@cell("create_connection", "dead DNS")
def create_name(place: Place) -> Callable[[], object]:
    return functools.partial(socket.create_connection, ("slow.example", 80))
