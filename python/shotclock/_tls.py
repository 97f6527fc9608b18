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

# Every call of SSLSocket that waits ends in one of these, with its phase, and what it says when its time is over.
_READING = ("recv", "The read operation timed out")
_WRITING = ("send", "The write operation timed out")
_WAITING = {
    "read": _READING,
    "write": _WRITING,
    "send": _WRITING,
    "do_handshake": ("handshake", "The handshake operation timed out"),
    "unwrap": ("shutdown", "The read operation timed out"),
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
    for name, (phase, message) in _WAITING.items():
        _guards.set(owner, name, _guarded(vars(owner)[name], phase, message))


def uninstall() -> None:
    """Put the class back as it was."""
    _guards.undo()


def guarded() -> tuple[str, ...]:
    """Name what is guarded."""
    return _guards.names()


def recv_exact(sock: Any, room: bytearray, filled: int) -> int:
    """As the native one, over TLS."""
    read: Callable[..., int] = _unguarded_read()

    def fill(sock: Any) -> None:
        nonlocal filled
        with memoryview(room) as view:
            while filled < len(room):
                count = read(sock, len(room) - filled, view[filled:])
                if count == 0:
                    break
                filled += count

    try:
        _native.call_tls(fill, *_READING, sock, (sock,), {})
    except BaseException as error:
        error.partial = bytes(room[:filled])  # type: ignore[attr-defined]
        raise
    return filled


def _class_of_ssl_py(ssl: Any) -> type | None:
    """The class that ssl.py defines; None where something else has its place, whose waits are its own (gevent's)."""
    known: type
    for known in ssl.SSLSocket.__mro__:
        if (known.__module__, known.__qualname__) == ("ssl", "SSLSocket"):
            return known
    return None


def _unguarded_read() -> Callable[..., int]:
    import ssl

    owner = _class_of_ssl_py(ssl)
    if owner is None:
        raise TypeError("ssl.SSLSocket is not the interpreter's own class any more")
    read: Callable[..., int] = vars(owner)["read"]
    return getattr(read, "__wrapped__", read)


def _guarded(original: Callable[..., Any], phase: str, message: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Not yet, or no longer, a TLS connection: then it is a plain socket's call, or an error.
        if self._sslobj is None:
            return original(self, *args, **kwargs)
        return _native.call_tls(original, phase, message, self, (self, *args), kwargs)

    return call
