"""The selector by which socketserver and telnetlib wait beside their socket, on the clock.

They poll for one object, their own, before they accept or receive: no limit on their socket reaches that wait. Within a
scope or a canceller the core waits instead, so that ``handle_request`` and ``serve_forever`` end with it. All other
uses of selectors are left alone: a scope of the code that happened to start an event loop must not end the loop's wait.
"""

from __future__ import annotations

import functools
import math

from .. import _native
from .._bounds.scope import MOST_SECONDS
from .replacements import ClassAttributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from selectors import PollSelector, SelectorKey
    from types import ModuleType
    from typing import Any

    _Ready = list[tuple[SelectorKey, int]]

_SECOND = 10**9
# The value in selectors, which need not be imported yet.
_EVENT_READ = 1
# The attributes in which the two keep the socket that they wait for.
_NAMES = ("socket", "sock")
_replacements = ClassAttributes()


def install(selectors: ModuleType, stock: ModuleType) -> None:
    """Replace the wait of the module's ``PollSelector``, if it has one; `stock` is the interpreter's own ``_socket``."""
    owner = getattr(selectors, "PollSelector", None)
    # Not only once: importlib.reload(selectors) makes a new class.
    if owner is not None and not _replacements.reach(owner):
        _replacements.set(owner, "select", _bounded(owner.select, stock))


def uninstall() -> None:
    """Put the class back as it was."""
    _replacements.undo()


def replaced() -> tuple[str, ...]:
    """Name what is replaced."""
    return _replacements.names()


def _bounded(original: Callable[..., _Ready], stock: Any) -> Callable[..., _Ready]:
    kinds = (stock.socket, _native.socket_type())

    @functools.wraps(original)
    def select(self: PollSelector, timeout: float | None = None) -> _Ready:
        # With timeout 0 it only looks.
        if (timeout is None or timeout > 0) and _native.is_bounded():
            keys = list(self.get_map().values())
            if len(keys) == 1 and (sock := _socket_of(keys[0], kinds)) is not None:
                accepts = bool(sock.getsockopt(stock.SOL_SOCKET, stock.SO_ACCEPTCONN))
                is_readable = _native.wait_readable(sock, _nanoseconds(timeout), accepts)
                return [(keys[0], keys[0].events)] if is_readable else []
        return original(self, timeout)

    return select


def _socket_of(key: SelectorKey, kinds: Any) -> Any:
    """Find the socket that an object waits for by this key, if it waits to read from one."""
    if key.events != _EVENT_READ:
        return None
    known: list[Any] = [getattr(key.fileobj, name, None) for name in _NAMES]
    return next((sock for sock in known if isinstance(sock, kinds) and sock.fileno() == key.fd), None)


def _nanoseconds(timeout: float | None) -> int:
    return -1 if timeout is None or timeout > MOST_SECONDS else math.ceil(timeout * _SECOND)
