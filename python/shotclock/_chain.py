"""What is in force around a call: the scopes, cancellers and shields that a thread or task is in.

They form a chain that begins in one context variable. What was left does not count any more, whoever still has it in a
copied context.
"""

from __future__ import annotations

import os
from contextvars import ContextVar

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token
    from typing import Self

    from ._cancel import Canceller


class Link:
    """One link of the chain: the end of a scope, or a canceller; with neither it is a shield."""

    __slots__ = ("_canceller", "_open", "_outer", "_token", "deadline_ns")
    deadline_ns: int | None
    _canceller: Canceller | None
    _open: bool
    _outer: Link | None
    _token: Token[Link | None] | None

    def __init__(self) -> None:
        self.deadline_ns = None
        self._canceller = None
        self._open = False
        self._outer = None
        self._token = None

    def _link(self) -> None:
        """Be the innermost from now on."""
        if self._token is not None:
            raise RuntimeError("it was entered before: a scope is entered once")
        outer = _innermost.get()
        # What was left does not come back, and need not be kept.
        while outer is not None and not outer._open:
            outer = outer._outer
        self._outer = outer
        self._token = _innermost.set(self)
        self._open = True

    def _unlink(self) -> None:
        """Count no more, in no context."""
        self._open = False
        try:
            if self._token is not None and _innermost.get() is self:
                _innermost.reset(self._token)
        except ValueError:
            # A generator that was suspended inside it ends in another context: there it limits nothing any more.
            pass


_innermost: ContextVar[Link | None] = ContextVar("shotclock chain", default=None)


# What is around every thread, from the outside of the program.
_outermost: Link | None = None


def outermost() -> Link | None:
    """Give what is in force everywhere in the process."""
    return _outermost


def put_outermost(link: Link) -> None:
    """Have a link be in force everywhere, for ever. A shield does not hide it.

    A shield is for code that cleans up in spite of the program's own limits; this is the promise of whoever started it.
    """
    global _outermost
    link._open = True
    _outermost = link


class Shield(Link):
    """Within it the scopes and cancellers around it do not count; made by ``shield``."""

    __slots__ = ()

    def __enter__(self) -> Self:
        """Begin."""
        self._link()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._unlink()


def shield() -> Shield:
    """Take a block, such as one that cleans up, out of the scopes and cancellers around it.

    ``with shotclock.shield():``; those that the block itself enters count.
    """
    return Shield()


def in_force(innermost: Link | None = None) -> Iterator[Link]:
    """Give the scopes and cancellers that count for this call, or from a link on, the innermost first."""
    for link in opened(innermost):
        if link.deadline_ns is None and link._canceller is None:
            break
        yield link
    if _outermost is not None:
        yield _outermost


def opened(innermost: Link | None = None) -> Iterator[Link]:
    """Give all links that have not been left, also those beyond a shield."""
    link = _innermost.get() if innermost is None else innermost
    while link is not None:
        if link._open:
            yield link
        link = link._outer


def reach_every_socket() -> None:
    """See to it that nothing is entered without effect."""
    from . import _graft, _mount

    if _graft.is_installed() or _mount.is_mounted():
        return
    if os.environ.get("SHOTCLOCK") == "0":
        raise RuntimeError("SHOTCLOCK=0 forbids install(), without which a scope or canceller has no effect")
    _graft.install()


def _around() -> tuple[object, ...] | None:
    """Give the scope that ends first, or None, and the cancellers, for the methods; None if there is nothing."""
    scope: Link | None = None
    end = 0
    cancellers = []
    for link in in_force():
        if link._canceller is not None:
            cancellers.append(link._canceller)
        elif link.deadline_ns is not None and (scope is None or link.deadline_ns < end):
            scope, end = link, link.deadline_ns
    return (scope, *cancellers) if cancellers or scope is not None else None


_native.watch_chain(_around)
