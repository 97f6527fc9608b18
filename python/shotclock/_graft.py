"""install() and uninstall(): Rust methods on the interpreter's own ``socket.socket``, at any time, and undone."""

import _socket
import socket
import threading
from dataclasses import dataclass

from . import _native

# The class that socket.py defines. `socket.socket` may be a subclass of it by now: timeoutsocket's, or somebody else's.
_CLASS = next(known for known in socket.socket.__mro__ if _socket.socket in known.__bases__)
_ABSENT = object()
_lock = threading.Lock()
# What each name stood for in the class before it was grafted; empty while nothing is.
_before = {}


@dataclass(frozen=True)
class Status:
    """What is replaced in this process, and what is not reached."""

    installed: bool
    replaced: tuple[str, ...]
    not_reached: tuple[str, ...]


def install():
    """Graft the methods onto ``socket.socket``, for sockets there are and sockets to come.

    It works whatever was imported before, and reaches every subclass that does not override the methods. Calling it
    again changes nothing.

    Raises ImportError if this interpreter's socket objects have another layout than the methods expect.
    """
    with _lock:
        if _before:
            return
        _prove_layout()
        for name, method in _native.descriptors(_docs()).items():
            _before[name] = _CLASS.__dict__.get(name, _ABSENT)
            setattr(_CLASS, name, method)


def uninstall():
    """Put the class back as it was. Bound methods that somebody kept go on working."""
    with _lock:
        for name, method in _before.items():
            if method is _ABSENT:
                delattr(_CLASS, name)
            else:
                setattr(_CLASS, name, method)
        _before.clear()


def status():
    """Say what is replaced and what is not reached."""
    replaced = tuple(f"socket.socket.{name}" for name in _before)
    return Status(
        installed=bool(_before),
        replaced=replaced,
        not_reached=(
            "every other method of socket.socket, name lookups, and the waits inside ssl",
            "bare _socket.socket objects, and methods taken from it (_socket.socket.recv)",
            "C extensions with sockets of their own (libpq, libcurl, ..)",
            "select, selectors and time.sleep",
            "subinterpreters and started child processes; forked children are reached",
        ),
    )


def _docs():
    """The documentation of the stock methods as C has it, signature included."""
    docs = {}
    for name in ("recv", "recv_into", "send", "sendall"):
        stock = getattr(_socket.socket, name)
        signature = stock.__text_signature__
        docs[name] = f"{name}{signature}\n--\n\n{stock.__doc__}" if signature else stock.__doc__ or ""
    return docs


def _prove_layout():
    """Read what the methods will read, on live objects, and compare it with what the interpreter says."""
    pair = socket.socketpair()
    try:
        for sock in pair:
            for timeout, nanoseconds in ((None, -(10**9)), (0, 0), (1.5, 1_500_000_000), (2e9, 2 * 10**18)):
                _socket.socket.settimeout(sock, timeout)
                if _native.layout(sock) != (sock.fileno(), nanoseconds):
                    raise ImportError("socket objects of this interpreter have another layout than shotclock expects")
    finally:
        for sock in pair:
            sock.close()
    if _native.layout(pair[0])[0] != -1:
        raise ImportError("closed socket objects of this interpreter look different from what shotclock expects")
