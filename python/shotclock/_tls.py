"""TLS on the clock: the calls of ``ssl.SSLSocket`` are tried by OpenSSL and waited for by the one timed loop.

OpenSSL's module waits by itself, by the timeout it reads in the socket: where nothing else can reach it. The guard lets
it only try, and waits between its tries. All calls go through the guard once it is installed, not only some: one that
waited by itself beside one that is guarded would find the descriptor non-blocking.
"""

from __future__ import annotations

import functools
import os

from . import _native
from ._replacements import ClassAttributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

# Every call of SSLSocket that waits ends in one of these, with what it says when its time is over.
_WAITING = {
    "read": "The read operation timed out",
    "write": "The write operation timed out",
    "send": "The write operation timed out",
    "do_handshake": "The handshake operation timed out",
    "unwrap": "The read operation timed out",
}
_guards = ClassAttributes()

# What other threads are in the middle of does not go on in a forked child.
os.register_at_fork(after_in_child=_native.forget_after_fork)


def install(ssl: ModuleType) -> None:
    """Guard the calls of the module's ``SSLSocket``, of sockets there are and sockets to come."""
    owner = _class_of_ssl_py(ssl)
    # There is another one after importlib.reload(ssl).
    if owner is None or _guards.reach(owner):
        return
    for name, message in _WAITING.items():
        _guards.set(owner, name, _guarded(vars(owner)[name], message))


def uninstall() -> None:
    """Put the class back as it was."""
    _guards.undo()


def guarded() -> tuple[str, ...]:
    """Name what is guarded."""
    return _guards.names()


def _class_of_ssl_py(ssl: Any) -> type | None:
    """The class that ssl.py defines; None where something else has its place, whose waits are its own (gevent's)."""
    known: type
    for known in ssl.SSLSocket.__mro__:
        if (known.__module__, known.__qualname__) == ("ssl", "SSLSocket"):
            return known
    return None


def _guarded(original: Callable[..., Any], message: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Not yet, or no longer, a TLS connection: then it is a plain socket's call, or an error.
        if self._sslobj is None:
            return original(self, *args, **kwargs)
        return _native.call_tls(original, message, self, (self, *args), kwargs)

    return call
