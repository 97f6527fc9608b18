"""Lookups in time: the process's limit on each of them, which needs no scope, and ``getfqdn``."""

from __future__ import annotations

import functools
import math

from .. import _native
from . import scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_SECOND = 10**9

_timeout: float | None = None


def get_lookup_timeout() -> float | None:
    """Say how many seconds each lookup of the process may take; None, as at first, is for ever.

    >>> import shotclock
    >>> print(shotclock.get_lookup_timeout())
    None
    """
    return _timeout


def set_lookup_timeout(seconds: float | None) -> None:
    """Limit each lookup of the process (getaddrinfo and kin, and the names that ``connect`` is given) to so many seconds.

    It holds for sockets without a timeout and outside of any scope, too; the earliest limit counts. A lookup that it
    ends fails as when the resolver itself gives up, since programs know how to cope with that: with ``socket.gaierror``
    and EAI_AGAIN, or, in a lookup by address, with ``socket.herror`` and TRY_AGAIN (2). ``getfqdn`` gives its
    documented answer. None takes the limit away. Does ``install()``.

    Raises TypeError or ValueError for what is neither None nor a number of seconds above 0 and up to 9e9.

    >>> import shotclock
    >>> shotclock.set_lookup_timeout(2)
    >>> shotclock.get_lookup_timeout()
    2
    >>> shotclock.set_lookup_timeout(None)
    """
    global _timeout
    if seconds is None:
        _native.set_lookup_timeout(0)
    else:
        if scope.checked_seconds(seconds) == 0:
            raise ValueError("a lookup timeout of 0 seconds: expected more, or None")
        _native.reach_every_socket()
        _native.set_lookup_timeout(math.ceil(seconds * _SECOND))
    _timeout = seconds


def getfqdn_for(socket_module: ModuleType) -> Callable[[str], str]:
    """Make ``getfqdn`` for a module made from CPython's socket.py."""
    stock: Callable[[str], str] = socket_module.getfqdn

    @functools.wraps(stock)
    def getfqdn(name: str = "") -> str:
        ending_first = scope.earliest()
        if ending_first is None:
            return stock(name)
        # A budget that ends with the scope: the call has an answer all the same, so the scope is not marked as expired.
        with scope.Budget(None, ending_first.deadline_ns):
            return stock(name)

    return getfqdn
