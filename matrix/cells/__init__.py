"""Every operation that can block, at every fault that can befall it: each cell once, for all Python contestants.

A cell's function prepares all that is not to be timed, and gives the call that is. How the call is bounded is the
contestant's matter (``contestants.py``); cells name a timeout only where an API ignores the default one.
"""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from outcomes import Question

# Where the cells are, in the order of the table.
_MODULES = ("streams", "datagrams", "connections", "lookups", "tls", "web", "sessions", "servers", "aftermath")


@dataclass(frozen=True)
class Place:
    """Where a cell runs: the peers, and what the contestant says to an API that takes a timeout of its own."""

    timeout: float | None

    @staticmethod
    def address(peer: str) -> tuple[str, int]:
        """Host and port of a peer."""
        host, _, port = _peers()[peer].rpartition(":")
        return host, int(port)

    @staticmethod
    def name(peer: str) -> str:
        """The abstract name of a peer in the Unix family."""
        return _peers()[peer].replace("@", "\0", 1)

    def connect(self, peer: str, *, send_buffer: int | None = None) -> socket.socket:
        """A connection to a peer that accepts at once."""
        sock = socket.socket()
        if send_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        sock.connect(self.address(peer))
        return sock


@dataclass(frozen=True)
class Aftermath:
    """A call, and what a program does once the limit has ended it: outside of the limit, and timed as well."""

    call: Callable[[], object]
    afterwards: Callable[[], object]


Prepare = Callable[[Place], Callable[[], object] | Aftermath]


@dataclass(frozen=True)
class Cell:
    """An operation at a fault."""

    question: Question
    prepare: Prepare


def cell(
    operation: str, fault: str, *, answer: str = "", is_busy: bool = False, until_exit: bool = False
) -> Callable[[Prepare], Prepare]:
    """Make a cell of a function."""
    question = Question(operation, fault, answer, is_busy, until_exit)

    def add(prepare: Prepare) -> Prepare:
        _cells.append(Cell(question, prepare))
        return prepare

    return add


def all_cells() -> tuple[Cell, ...]:
    """All there are, in the order of the table."""
    for module in _MODULES:
        importlib.import_module(f"{__name__}.{module}")
    return tuple(_cells)


def without_end(step: Callable[[], object]) -> Callable[[], None]:
    """The call that takes step after step until one gives nothing."""

    def steps() -> None:
        while step():
            pass

    return steps


def _peers() -> dict[str, str]:
    return dict(_pairs(os.environ["SHOTCLOCK_MATRIX_PEERS"]))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.split():
        name, _, where = pair.partition("=")
        yield name, where


_cells: list[Cell] = []
