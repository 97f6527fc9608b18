"""Client libraries as people call them, without a timeout of ours: each once, for all contestants.

A library's function imports all that it needs, prepares what asks nobody, and gives the call that connects to a host and
port and asks one thing. How the call is bounded is the contestant's matter (``contestants.py``).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from outcomes import ANY_END, LATEST, Question

SILENT, DRIP, DEAD_DNS, BLACK_HOLE = "silent", "drip", "dead DNS", "black hole"
FAULTS = (SILENT, DRIP, DEAD_DNS)
# Of a library that waits in C, all of whose waits are out of the interpreter's sight.
DRIVER_FAULTS = (SILENT, BLACK_HOLE)
DRIVER_LATEST = 1.1
# A name for which the name server is asked, in vain.
_NAME = "silent.example"

# Where each is, in the order of the table.
_MODULES = ("web", "services", "mail", "databases", "stores", "queues", "directories", "remote", "waits", "drivers")

Prepare = Callable[[str, int], Callable[[], object]]


@dataclass(frozen=True)
class Library:
    """A library's one call, and the faults that it meets."""

    name: str
    prepare: Prepare
    # Which protocol the dripping peer speaks: a name of `dripped.PROTOCOLS`.
    protocol: str
    faults: tuple[str, ...]
    is_driver: bool = False

    @property
    def questions(self) -> list[Question]:
        """Its cells. How it ends is its own matter: that it ends counts."""
        latest = DRIVER_LATEST if self.is_driver else LATEST
        return [Question(self.name, fault, answer=ANY_END, latest=latest) for fault in self.faults]

    def peer(self, fault: str) -> str:
        """The name of the peer that it talks to then."""
        return {DRIP: f"drip-{self.protocol}", BLACK_HOLE: "full-backlog"}.get(fault, "silent")

    def call(self, fault: str, address: tuple[str, int]) -> Callable[[], object]:
        """The call, to the peer at this address, or to one whose name is not found out."""
        host, port = address
        return self.prepare(_NAME if fault == DEAD_DNS else host, port)


def library(name: str, protocol: str, *, faults: tuple[str, ...] = FAULTS) -> Callable[[Prepare], Prepare]:
    """Make a library of a function."""
    return _added(lambda prepare: Library(name, prepare, protocol, faults))


def driver(name: str) -> Callable[[Prepare], Prepare]:
    """Make a library that waits in C of a function."""
    return _added(lambda prepare: Library(name, prepare, "", DRIVER_FAULTS, is_driver=True))


def all_libraries() -> tuple[Library, ...]:
    """All there are, in the order of the table. Imports nothing that has to be installed."""
    for module in _MODULES:
        importlib.import_module(f"{__name__}.{module}")
    return tuple(_libraries)


def named(name: str) -> Library:
    """The one of that name."""
    return next(library for library in all_libraries() if library.name == name)


def _added(make: Callable[[Prepare], Library]) -> Callable[[Prepare], Prepare]:
    def add(prepare: Prepare) -> Prepare:
        _libraries.append(make(prepare))
        return prepare

    return add


_libraries: list[Library] = []
