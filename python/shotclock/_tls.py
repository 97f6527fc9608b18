"""TLS on the clock: the calls of ``ssl.SSLSocket`` are tried by OpenSSL and waited for by the one timed loop.

OpenSSL's module waits by itself, by the timeout it reads in the socket: where nothing else can reach it. The guard lets
it only try, and waits between its tries. All calls go through the guard once it is installed, not only some: one that
waited by itself beside one that is guarded would find the descriptor non-blocking.
"""

import functools
import os

from . import _native

# Every call of SSLSocket that waits ends in one of these, with what it says when its time is over.
_WAITING = {
    "read": "The read operation timed out",
    "write": "The write operation timed out",
    "send": "The write operation timed out",
    "do_handshake": "The handshake operation timed out",
    "unwrap": "The read operation timed out",
}
# What the class had before; empty while nothing is guarded.
_before = {}


def install(ssl):
    """Guard the calls of the module's ``SSLSocket``, of sockets there are and sockets to come."""
    if _before:
        return
    _forget_holds_in_children()
    for name, message in _WAITING.items():
        _before[name] = original = ssl.SSLSocket.__dict__[name]
        setattr(ssl.SSLSocket, name, _guarded(original, message))


def uninstall(ssl):
    """Put the class back as it was."""
    for name, original in _before.items():
        setattr(ssl.SSLSocket, name, original)
    _before.clear()


def guarded():
    """Name what is guarded."""
    return tuple(f"ssl.SSLSocket.{name}" for name in _before)


def _guarded(original, message):
    @functools.wraps(original)
    def call(self, *args, **kwargs):
        # Not yet, or no longer, a TLS connection: then it is a plain socket's call, or an error.
        if self._sslobj is None:
            return original(self, *args, **kwargs)
        return _native.call_tls(original, message, self, (self, *args), kwargs)

    return call


@functools.cache
def _forget_holds_in_children():
    os.register_at_fork(after_in_child=_native.forget_after_fork)
