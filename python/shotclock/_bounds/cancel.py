"""Cancellers: what waits in a block ends when another thread says so."""

from __future__ import annotations

import errno

from .. import _native
from .entering import left_if_interrupted
from .overdue import Overdue
from .own_end import is_end_of


@left_if_interrupted
class Canceller(_native.Canceller):
    """Ends everything that waits in the blocks under it, from any thread, for ever.

    ``with canceller:`` puts a block under it. Once ``cancel()`` was called, by any thread or by a handler of signals, the
    call that waits there raises ``Cancelled``, and so does every later one: there is no way back.

    Many threads and tasks may be in it at the same time, and one may enter it again. Cancellers and deadline scopes
    nest, and each counts; ``shield()`` hides those outside of it. Threads begin outside, and may enter it themselves;
    tasks inherit it. It reaches what a deadline scope reaches, and entering one does ``install()`` as well. As with
    scopes, a generator that is suspended inside leaves its caller in it: do not yield inside one.

    >>> import shotclock, threading, time
    >>> stop = shotclock.Canceller()
    >>> threading.Timer(0.05, stop.cancel).start()
    >>> try:
    ...     with stop:
    ...         time.sleep(60)
    ... except shotclock.Cancelled as error:
    ...     print(error.canceller is stop)
    True
    """

    __slots__ = ("__weakref__",)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle whether it was used, since exceptions that carry it go to other processes; a copy cancels nobody."""
        return _restore, (self.cancelled,)

    def __repr__(self) -> str:
        return f"<shotclock canceller, {'cancelled' if self.cancelled else 'not cancelled'}>"

    def _error(self) -> Cancelled:
        """Make the exception that calls under it raise; the methods in Rust ask for it."""
        error = Cancelled(errno.ECANCELED, "cancelled")
        error.canceller = self
        return error

    def _overdue(self) -> Overdue:
        """Make the exception that they raise once the program has swallowed ``Cancelled`` again and again."""
        overdue = Overdue("cancelled")
        overdue.canceller = self
        return overdue

    def _judge(self, error: BaseException, link: _native.Link | None = None, /) -> bool:
        """Turn ``Overdue`` into ``Cancelled`` again, which callers expect, when the block is left; and what a library in C has
        raised since its connection was ended, which is told with the block's link.
        """
        if isinstance(error, Overdue) and error.canceller is self:
            raise self._error() from error
        if link is not None and not isinstance(error, Cancelled) and is_end_of(link, error):
            raise self._error() from error
        return False


class Cancelled(OSError):
    """A canceller has ended the call: ``error.canceller`` is the one. Its errno is ECANCELED.

    >>> import errno, shotclock, time
    >>> stop = shotclock.Canceller()
    >>> stop.cancel()
    >>> try:
    ...     with stop:
    ...         time.sleep(60)
    ... except shotclock.Cancelled as error:
    ...     print(errno.errorcode[error.errno])
    ECANCELED
    """

    canceller: Canceller | None = None


def _restore(cancelled: bool) -> Canceller:
    canceller = Canceller()
    if cancelled:
        canceller.cancel()
    return canceller
