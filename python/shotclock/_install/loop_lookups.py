"""Lookups of event loops: these run in threads of an executor, which begin outside of every scope."""

from __future__ import annotations

import functools
import time

from .. import _native
from .._bounds.cancel import Cancelled
from .._bounds.scope import Budget, earliest
from .._bounds.shield import shield

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# What a loop has its executor do for a lookup, by name: socket's functions, and the loop's own that times them.
_LOOKUPS = frozenset({"getaddrinfo", "getnameinfo", "_getaddrinfo_debug"})


# So much later than its scope such a lookup ends, in seconds: by then what waits for it has been cancelled, as all that waits
# in the loop, and is not told of a lookup that failed, which it might try again.
_LATER = 0.03
# In nanoseconds of the monotonic clock.
_NEVER = 2**62


def carrying(original: Callable[..., Any]) -> Callable[..., Any]:
    """A ``run_in_executor`` that takes the scopes of who calls along to a lookup, which ends with them."""

    @functools.wraps(original)
    def run_in_executor(self: Any, executor: Any, func: Any, *arguments: Any) -> Any:
        # The default executor is always one of threads.
        if executor is None and getattr(func, "__name__", None) in _LOOKUPS and _native.is_bounded():
            from contextvars import copy_context

            func = functools.partial(copy_context().run, _ended_last, func)
        return original(self, executor, func, *arguments)

    return run_in_executor


def _ended_last(lookup: Callable[..., Any], *arguments: Any) -> Any:
    scope = earliest()
    # The end of a limit of its own, a moment before, is not the scope's: the loop is who is to be told of that.
    end = _NEVER if scope is None else scope.deadline_ns - 1
    try:
        with Budget(None, end):
            return lookup(*arguments)
    except (TimeoutError, Cancelled):
        with shield():
            time.sleep(_LATER)
        raise
