"""Lookups of event loops: these run in threads of an executor, which begin outside of every scope."""

from __future__ import annotations

import functools

from .. import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# What a loop has its executor do for a lookup, by name: socket's functions, and the loop's own that times them.
_LOOKUPS = frozenset({"getaddrinfo", "getnameinfo", "_getaddrinfo_debug"})


def carrying(original: Callable[..., Any]) -> Callable[..., Any]:
    """A ``run_in_executor`` that takes the scopes of who calls along to a lookup, which ends with them."""

    @functools.wraps(original)
    def run_in_executor(self: Any, executor: Any, func: Any, *arguments: Any) -> Any:
        # The default executor is always one of threads.
        if executor is None and getattr(func, "__name__", None) in _LOOKUPS and _native.is_bounded():
            from contextvars import copy_context

            func = functools.partial(copy_context().run, func)
        return original(self, executor, func, *arguments)

    return run_in_executor
