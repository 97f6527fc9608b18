"""Deadline scopes: one limit for all that a block does with sockets, through libraries that know nothing of it.

What counts is the earliest end of those around a call.
"""

from __future__ import annotations

import functools
import math
import time

from . import _native
from ._causes import causes
from ._chain import Link, in_force, outermost, put_outermost, reach_every_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import ParamSpec, Self, TypeVar

    Parameters = ParamSpec("Parameters")
    Result = TypeVar("Result")

_SECOND = 10**9
# Later than this no clock of the system will ever be: the nanoseconds of a deadline fit in 63 bits.
MOST_SECONDS = 9e9


class Scope(Link):
    """A limit on all that is done with sockets between entering and leaving it; made by ``deadline`` and its kin.

    ``expired`` tells whether it has ended a call, also where a library turned the exception into one of its own.
    """

    __slots__ = ("_seconds", "expired")
    deadline_ns: int

    def __init__(self, seconds: float | None, deadline_ns: int) -> None:
        super().__init__()
        self._seconds = seconds
        self.deadline_ns = deadline_ns
        self.expired = False

    def __enter__(self) -> Self:
        """Begin: from now on the calls of this thread or task end by the deadline."""
        reach_every_socket()
        return self._begin()

    def _begin(self) -> Self:
        if self._seconds is not None:
            self.deadline_ns = time.monotonic_ns() + math.ceil(self._seconds * _SECOND)
        self._link()
        _native.link_opened()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """End, whatever the exception."""
        if self._open:
            self._unlink()
            _native.link_closed()
        return None

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """As a decorator: each call runs in a scope of its own."""

        @functools.wraps(function)
        def limited(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
            scope = Scope(self._seconds, self.deadline_ns)
            scope.__enter__()
            try:
                return function(*arguments, **keywords)
            finally:
                scope.__exit__(None, None, None)

        return limited

    def carry(self) -> Scope:
        """Make a scope with the same end, to be entered in another thread, which begins without any."""
        end = earliest(self) if self._open else self
        return Scope(None, end.deadline_ns if end is not None else self.deadline_ns)

    def remaining(self) -> float:
        """Say how many seconds are left; 0.0 once it is over."""
        return max(0, self.deadline_ns - time.monotonic_ns()) / _SECOND

    @property
    def _limit(self) -> str:
        """What a TimeoutError by it says for ``limit``; the methods in Rust ask for it."""
        return "program" if self is outermost() else "scope"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle what it was, since exceptions that carry it travel between processes: it limits nothing there."""
        return _restore, (self._seconds, self.deadline_ns, self.expired)

    def __repr__(self) -> str:
        state = "expired" if self.expired else "open" if self._open else "not open"
        return f"<shotclock scope, {state}>"


class MoveOnScope(Scope):
    """A scope that the block just ends with; made by ``move_on_after``."""

    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """End, and swallow an exception that the scope's own end stands behind."""
        super().__exit__(kind, error, traceback)
        return error is not None and expired_scope(error) is self

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Refuse to be a decorator: there would be nothing to return."""
        raise TypeError("move_on_after() is no decorator: the call would have nothing to return")


class Budget(Scope):
    """A limit that a call of this package sets to itself. Its end is that call's, and no scope's that anybody knows."""

    __slots__ = ()

    def __init__(self, seconds: float | None, deadline_ns: int = 0) -> None:
        super().__init__(seconds, deadline_ns)

    @property
    def _limit(self) -> str:
        return "timeout"

    def __enter__(self) -> Self:
        """Begin, over the sockets that are reached."""
        return self._begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """End, and leave no trace in an exception."""
        super().__exit__(kind, error, traceback)
        if isinstance(error, TimeoutError) and getattr(error, "scope", None) is self:
            vars(error).pop("scope")
            vars(error).pop("__notes__", None)
        return None


def deadline(seconds: float) -> Scope:
    """Limit everything a block, or each call of a function, does with sockets to so many seconds in all.

    As a context manager, ``with shotclock.deadline(5):``, or as a decorator, ``@shotclock.deadline(5)``. The seconds
    count from entering, and 0 lets nothing wait. Scopes nest, and the earliest end counts. When it comes, the call that
    waits raises TimeoutError, with the scope as its attribute ``scope``; so does every later call in the scope.

    It reaches every socket operation of this thread or task, files over sockets, lookups and TLS, also inside libraries.
    So do servers of ``socketserver`` that wait for requests. It does not reach non-blocking sockets, ``time.sleep``, other
    waits in ``select`` and ``selectors``, C libraries with sockets of their own, or other threads (see ``Scope.carry``).
    Entering the first scope does ``install()``.

    A generator that is suspended inside a scope leaves its caller in it, since Python gives generators no context of
    their own: do not yield inside one.

    Raises TypeError or ValueError for what is not a number of seconds from 0 to 9e9.
    """
    return Scope(checked_seconds(seconds), 0)


def deadline_at(moment: float) -> Scope:
    """As ``deadline``, to a moment of ``time.monotonic()``; one that has passed lets nothing wait."""
    return Scope(None, math.ceil(checked_seconds(moment) * _SECOND))


def move_on_after(seconds: float) -> MoveOnScope:
    """As ``deadline``, and the block just ends when its time is over: ``scope.expired`` tells.

    It swallows an exception behind which the scope's own TimeoutError stands, also where a library wrapped it.
    """
    return MoveOnScope(checked_seconds(seconds), 0)


def remaining() -> float | None:
    """Say how many seconds the scopes around this call leave it; 0.0 once they are over, None if there are none."""
    scope = earliest()
    return None if scope is None else scope.remaining()


def expired_scope(error: BaseException) -> Scope | None:
    """Find the scope whose end stands behind an exception: in it, its causes, its reason, or its arguments."""
    scopes = (getattr(known, "scope", None) for known in causes(error))
    return next((scope for scope in scopes if isinstance(scope, Scope) and not isinstance(scope, Budget)), None)


def limit_program(deadline_ns: int) -> None:
    """Have everything that this process does with sockets end by a moment, in nanoseconds of the monotonic clock.

    It is the outermost scope of every thread, and no shield hides it. Called again, the earlier moment counts.
    """
    known = of_program()
    if known is None:
        put_outermost(Scope(None, deadline_ns))
        _native.link_opened()
    else:
        known.deadline_ns = min(known.deadline_ns, deadline_ns)


def of_program() -> Scope | None:
    """Give the scope of the whole program, if it has one."""
    link = outermost()
    return link if isinstance(link, Scope) else None


def earliest(innermost: Link | None = None) -> Scope | None:
    """Give the open scope that ends first, of those around this call; a shield hides those beyond it."""
    scopes = (link for link in in_force(innermost) if isinstance(link, Scope))
    return min(scopes, key=lambda scope: scope.deadline_ns, default=None)


def checked_seconds(seconds: float) -> float:
    """Give a number of seconds. Raises TypeError or ValueError for what is none from 0 to 9e9."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{seconds!r}: expected a number of seconds")
    if not 0 <= seconds <= MOST_SECONDS:
        raise ValueError(f"{seconds!r} seconds: expected 0 to {MOST_SECONDS:.0e}")
    return float(seconds)


def _restore(seconds: float | None, deadline_ns: int, expired: bool) -> Scope:
    scope = Scope(seconds, deadline_ns)
    scope.expired = expired
    return scope
