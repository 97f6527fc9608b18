"""TLS on the clock: the calls of OpenSSL's objects that wait are guarded, beneath ``ssl.SSLSocket``.

OpenSSL's module waits by itself, by the timeout that it reads in the socket, and nothing else can end that wait. Where
a scope, a canceller or a policy is in force the guard lets it only try, and the core waits between its tries. The guard
is on the class of the inner objects, ``_ssl._SSLSocket``: so all of ssl.py runs as it is, once for each call.
"""

from __future__ import annotations

import os
import sys

from .. import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

# ``sendfile`` is there since 3.15.
_CALLS = ("read", "write", "do_handshake", "shutdown", "sendfile")

# Calls that other threads are in the middle of do not go on in a forked child.
os.register_at_fork(after_in_child=_native.forget_after_fork)


def install(_: ModuleType) -> None:
    """Guard the calls of the class that ssl.py's sockets are made of, of objects there are and objects to come."""
    _native.guard_tls(_class_of_ssl())


def uninstall() -> None:
    """Put the class back as it was."""
    _native.unguard_tls()


def guarded() -> tuple[str, ...]:
    """Name what is guarded."""
    # Only looked at: nothing is imported for this.
    known = _class_of_ssl() if "_ssl" in sys.modules else None
    return tuple(f"_ssl._SSLSocket.{name}" for name in _CALLS if hasattr(known, name)) if _native.guards_tls(known) else ()


def _class_of_ssl() -> Any:
    return getattr(sys.modules["_ssl"], "_SSLSocket", None)
