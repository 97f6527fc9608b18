"""Every lookup, at a name server that never answers."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable

from . import Place, cell


@cell("getaddrinfo", "dead DNS")
def getaddrinfo(place: Place) -> Callable[[], object]:
    return functools.partial(socket.getaddrinfo, "slow.example", 80)


@cell("gethostbyname", "dead DNS")
def gethostbyname(place: Place) -> Callable[[], object]:
    return functools.partial(socket.gethostbyname, "slow.example")


@cell("gethostbyname_ex", "dead DNS")
def gethostbyname_ex(place: Place) -> Callable[[], object]:
    return functools.partial(socket.gethostbyname_ex, "slow.example")


@cell("gethostbyaddr", "dead DNS")
def gethostbyaddr(place: Place) -> Callable[[], object]:
    return functools.partial(socket.gethostbyaddr, "192.0.2.1")


@cell("getnameinfo", "dead DNS")
def getnameinfo(place: Place) -> Callable[[], object]:
    return functools.partial(socket.getnameinfo, ("192.0.2.1", 80), 0)


@cell("getfqdn", "dead DNS", answer="fallback")
def getfqdn(place: Place) -> Callable[[], object]:
    return functools.partial(socket.getfqdn, "192.0.2.1")
