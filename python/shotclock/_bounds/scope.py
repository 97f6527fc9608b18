"""Deadline scopes: one limit for all that waits in a block, through libraries that know nothing of it.

A call may be in several; the earliest end counts.
"""

from __future__ import annotations

import functools
import math

from .. import _native
from . import decorated
from .causes import causes
from .entering import left_if_interrupted
from .overdue import Overdue, as_timeout, ended_connection
from .own_end import is_end_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, ParamSpec, TypeVar

    Parameters = ParamSpec("Parameters")
    Result = TypeVar("Result")

_SECOND = 10**9
# What a scope bounds beside sockets, as the links in Rust have it.
_NO_WAITS, _PYTHON_WAITS, _ALL_WAITS = range(3)
# Later than this no clock of the system will ever be: the nanoseconds of a deadline fit in 63 bits.
MOST_SECONDS = 9e9
# A moment that is farther off must be of another clock.
_FARTHEST_SECONDS = 10 * 366 * 86400


@left_if_interrupted
class Scope(_native.Link):
    """A limit on all that waits between entering and leaving it; made by ``deadline`` and ``deadline_at``.

    ``expired`` tells whether it has ended a call, also where a library has turned the exception into another one.

    >>> import shotclock, time
    >>> scope = shotclock.move_on_after(0.05)
    >>> with scope:
    ...     time.sleep(60)
    >>> scope.expired
    True
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float | None, deadline_ns: int, waits: int = _ALL_WAITS) -> None:
        self._seconds = seconds
        self._waits = waits
        if seconds is not None:
            self._duration_ns = math.ceil(seconds * _SECOND)
        self.deadline_ns = deadline_ns
        self._reaches = True

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Decorate a function: each call runs in a new scope with this limit."""
        wrapped: Callable[Parameters, Result] = decorated.rewrapped(function, self._limiting)
        return wrapped

    def _limiting(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        decorated.check(function)

        @functools.wraps(function)
        def limited(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
            with Scope(self._seconds, self.deadline_ns, self._waits):
                result: Result = decorated.checked_result(function(*arguments, **keywords), function)
                return result

        return limited

    def carry(self) -> Scope:
        """Make a scope with the same end, to be entered in another thread: threads begin outside of every scope."""
        end = earliest(self) if self._open else self
        return Scope(None, end.deadline_ns if end is not None else self.deadline_ns, self._waits)

    def remaining(self) -> float:
        """Say how many seconds are left; 0.0 once it is over."""
        return max(0, self.deadline_ns - _native.monotonic_ns()) / _SECOND

    @property
    def _limit(self) -> str:
        """Give what a TimeoutError of this scope has as ``limit``; the methods in Rust ask for it."""
        return "program" if self is _native.outermost() else "scope"

    def _judge(self, error: BaseException, /) -> bool:
        """Turn ``Overdue``, of an end that the block had swallowed, into TimeoutError again, which callers expect."""
        if isinstance(error, Overdue) and error.scope is self:
            raise as_timeout(error) from error
        if self._ended_connection and not _is_own(self, error) and is_end_of(self, error):
            since = self.deadline_ns - max(0, self._duration_ns)
            raise ended_connection(self, self._limit, (_native.monotonic_ns() - since) / _SECOND) from error
        return False

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle what it was, since exceptions that carry it travel between processes. The copy limits nothing."""
        return _restore, (self._seconds, self.deadline_ns, self.expired)

    def __repr__(self) -> str:
        state = "expired" if self.expired else "open" if self._open else "not open"
        return f"<shotclock scope, {state}>"


class MoveOnScope(Scope):
    """A scope whose end just ends the block, without an exception; made by ``move_on_after``."""

    __slots__ = ()

    if TYPE_CHECKING:
        # A bool, and nothing else, tells type checkers that the block may end before its last line.
        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, traceback: object, /
        ) -> bool: ...

    def _judge(self, error: BaseException, /) -> bool:
        """Swallow the scope's own end, also where a library has wrapped it in another exception."""
        return isinstance(error, Overdue) and error.scope is self or is_end_of(self, error)

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Refuse to be a decorator: there would be nothing to return."""
        raise TypeError("move_on_after() is no decorator: the call would have nothing to return")


class Budget(Scope):
    """A limit that a call of this package sets itself: its end is a plain timeout of that call, not a scope's."""

    __slots__ = ()

    def __init__(self, seconds: float | None, deadline_ns: int = 0) -> None:
        super().__init__(seconds, deadline_ns)
        # Its sockets are reached already: entering it need not look.
        self._reaches = False

    @property
    def _limit(self) -> str:
        return "timeout"

    def _judge(self, error: BaseException, /) -> bool:
        """Remove this scope from the exception that it has raised."""
        if isinstance(error, TimeoutError) and getattr(error, "scope", None) is self:
            vars(error).pop("scope")
            vars(error).pop("__notes__", None)
        return False


def deadline(seconds: float, *, waits: bool | Literal["python"] = True) -> Scope:
    """Limit everything that waits in a block, or in each call of a function, to so many seconds in all.

    As a context manager, ``with shotclock.deadline(5):``, or as a decorator, ``@shotclock.deadline(5)``. The seconds
    count from entering, and 0 lets nothing wait. Scopes nest, and the earliest end counts. When it comes, the call that
    waits raises TimeoutError, with the scope as its attribute ``scope``; so does every later call in the scope.

    It reaches every socket operation of this thread or task, files over sockets, lookups and TLS, also inside
    libraries, and whatever else waits in a function of the interpreter's: ``time.sleep``, ``select`` and ``selectors``,
    locks, conditions, events, queues, futures, joins, pipes and terminals, children, signals and locks of files. What
    need not wait never raises; once the time is over, what cleans up (a lock, a join, a child) may still wait for 50
    ms, once. It does not reach other threads (see ``Scope.carry``).

    Where a library in C waits for a connection of its own (libpq, libcurl), that connection is ended from outside, some
    20 ms later, and the error that the library raises becomes the cause of a TimeoutError. What nothing can end
    (computing, a lookup in C) is reported 0.2 s later, as an ``OverdueWarning``.

    ``waits="python"`` leaves libraries in C alone, ``waits=False`` bounds sockets and lookups only. Code that swallows the end and goes on waiting is ended by an exception that is no
    ``Exception``; when the block is left, that is turned into the TimeoutError again. Entering the first scope does
    ``install()``; whatever takes the methods away later, such as a mock that puts back what it found, is put right when
    the next scope is entered.

    As a decorator it raises TypeError for coroutine functions and generators, whose body runs after the call. Children of
    ``multiprocessing`` begin outside, as threads do; one of a plain ``os.fork()`` goes on in the block that it is in.

    A generator that is suspended inside a scope leaves its caller in it, since Python gives generators no context of
    their own: do not yield inside one.

    Raises TypeError or ValueError for what is not a number of seconds from 0 to 9e9, and ValueError for other ``waits``
    than True, False and ``"python"``.

    >>> import shotclock, socket
    >>> one, other = socket.socketpair()
    >>> try:
    ...     with shotclock.deadline(0.05):
    ...         one.recv(1)                         # nobody sends
    ... except TimeoutError as error:
    ...     print(error.phase, error.limit)
    recv scope
    """
    return Scope(checked_seconds(seconds), 0, _checked_waits(waits))


def deadline_at(moment: float, *, waits: bool | Literal["python"] = True) -> Scope:
    """As ``deadline``, up to a moment of ``time.monotonic()``; a moment that has passed lets nothing wait.

    Raises ValueError for a moment more than ten years ahead: such as any of ``time.time()``, which is another clock.

    >>> import shotclock, time
    >>> with shotclock.deadline_at(time.monotonic() + 60):
    ...     59 < shotclock.remaining() <= 60
    True
    """
    deadline_ns, now = math.ceil(checked_seconds(moment) * _SECOND), _native.monotonic_ns()
    if deadline_ns - now > _FARTHEST_SECONDS * _SECOND:
        raise ValueError(
            f"{moment!r}: expected a moment of time.monotonic(), which is at {now // _SECOND} now, and none that is over "
            "ten years off; is it one of time.time()?"
        )
    return Scope(None, deadline_ns, _checked_waits(waits))


def move_on_after(seconds: float, *, waits: bool | Literal["python"] = True) -> MoveOnScope:
    """As ``deadline``, and the block just ends when its time is over: ``scope.expired`` tells.

    It swallows the scope's own TimeoutError, also where a library has turned that into another exception. It never
    swallows an exception that the program itself raised while handling the end, nor one that is no ``Exception``, such
    as an exit. A group is swallowed if it holds nothing else.

    >>> import shotclock, time
    >>> with shotclock.move_on_after(0.05) as scope:
    ...     time.sleep(60)
    >>> scope.expired
    True
    """
    return MoveOnScope(checked_seconds(seconds), 0, _checked_waits(waits))


def remaining() -> float | None:
    """Say how many seconds the scopes leave that this call is in; 0.0 once one is over, None if it is in none.

    >>> import shotclock
    >>> shotclock.remaining()
    >>> with shotclock.deadline(60):
    ...     59 < shotclock.remaining() <= 60
    True
    """
    scope = earliest()
    return None if scope is None else scope.remaining()


def expired_scope(error: BaseException) -> Scope | None:
    """Find the scope whose end stands behind an exception: in it, its causes, its context, its reason, or its arguments.

    Raises TypeError for what is no exception.

    >>> import shotclock, time
    >>> try:
    ...     with shotclock.deadline(0.05) as scope:
    ...         try:
    ...             time.sleep(60)
    ...         except TimeoutError as error:
    ...             raise RuntimeError("as a library may put it") from error
    ... except RuntimeError as error:
    ...     print(shotclock.expired_scope(error) is scope)
    True
    """
    scopes = (getattr(known, "scope", None) for known in causes(error))
    return next((scope for scope in scopes if isinstance(scope, Scope) and not isinstance(scope, Budget)), None)


def limit_program(deadline_ns: int) -> None:
    """Make everything that this process does with sockets end by a moment, in nanoseconds of the monotonic clock.

    The moment is the outermost scope of every thread, and no shield hides it. Of several calls the earliest moment
    counts.
    """
    known = of_program()
    if known is None:
        _native.put_outermost(Scope(None, deadline_ns))
    else:
        known.deadline_ns = min(known.deadline_ns, deadline_ns)


def of_program() -> Scope | None:
    """Give the scope of the whole program, if it has one."""
    link = _native.outermost()
    return link if isinstance(link, Scope) else None


def earliest(innermost: _native.Link | None = None) -> Scope | None:
    """Give the open scope that ends first, of those that this call is in; a shield hides those outside of it."""
    link = _native.earliest(innermost)
    return link if isinstance(link, Scope) else None


def checked_seconds(seconds: float) -> float:
    """Give a number of seconds as a float. Raises TypeError or ValueError for what is no number from 0 to 9e9."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{seconds!r}: expected a number of seconds")
    if not 0 <= seconds <= MOST_SECONDS:
        raise ValueError(f"{seconds!r} seconds: expected 0 to {MOST_SECONDS:.0e}")
    return float(seconds)


def _is_own(scope: Scope, error: BaseException) -> bool:
    return isinstance(error, TimeoutError) and getattr(error, "scope", None) is scope


def _checked_waits(waits: bool | Literal["python"]) -> int:
    if waits is True or waits is False:
        return _ALL_WAITS if waits else _NO_WAITS
    if waits == "python":
        return _PYTHON_WAITS
    raise ValueError(f"waits={waits!r}: expected True, False or 'python'")


def _restore(seconds: float | None, deadline_ns: int, expired: bool) -> Scope:
    scope = Scope(seconds, deadline_ns)
    scope.expired = expired
    return scope
