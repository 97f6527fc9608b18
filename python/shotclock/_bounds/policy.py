"""Policies for servers: what a client may take its time over, on each connection that a listener accepts."""

from __future__ import annotations

import math

from .. import _native
from .scope import checked_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

_SECOND = 10**9
_NO_LIMIT = -1


class Policy:
    """How long a server lets its clients take, in seconds; None is no limit.

    - ``first_byte``: from accept until the first byte is received. It bounds calls that wait to receive.
    - ``idle``: no byte moved, in either direction, while a call waits to send or receive. It counts from the start of the
      call or from the last byte, whichever came later, so that the server's own time is not the client's.
    - ``total``: from accept to the end of the connection. It ends every call once it has passed, so that a client that
      never stops sending cannot outrun it.

    When one passes, the call that waits raises TimeoutError, with ``"first byte"``, ``"idle"`` or ``"total"`` as its
    attribute ``limit``. The earliest of these, of the socket's own timeout and of the scopes that the call is in
    counts. A socket without a timeout does not wait for ever then; a non-blocking one never waits, and is left alone.

    Raises TypeError or ValueError for what is neither None nor a number of seconds above 0, up to 9e9; ValueError without
    any limit.

    >>> import shotclock, socket
    >>> listener = socket.create_server(("127.0.0.1", 0))
    >>> shotclock.Policy(first_byte=0.05, total=60).protect(listener)
    >>> silent = socket.create_connection(listener.getsockname())
    >>> served, _ = listener.accept()
    >>> try:
    ...     served.recv(1)
    ... except TimeoutError as error:
    ...     print(error.limit)
    first byte
    """

    __slots__ = ("_first_byte", "_idle", "_total")
    _first_byte: int
    _idle: int
    _total: int

    def __init__(
        self, first_byte: float | None = None, idle: float | None = None, total: float | None = None
    ) -> None:
        limits = {"_first_byte": first_byte, "_idle": idle, "_total": total}
        for name, limit in limits.items():
            object.__setattr__(self, name, _nanoseconds(name[1:], limit))
        if all(limit is None for limit in limits.values()):
            raise ValueError("a policy without a limit: expected first_byte, idle or total")

    @property
    def first_byte(self) -> float | None:
        """Seconds from accept until the first byte is received."""
        return _in_seconds(self._first_byte)

    @property
    def idle(self) -> float | None:
        """Seconds without a byte moved."""
        return _in_seconds(self._idle)

    @property
    def total(self) -> float | None:
        """Seconds from accept to the end of the connection."""
        return _in_seconds(self._total)

    def protect(self, sock: socket) -> None:
        """Put a listening socket under the policy: what it accepts from now on inherits it, TLS connections included.

        ``accept`` itself is bounded by the listener's own timeout only. A connection that was accepted under a policy can
        have another one, which counts from its accept as well; any other connection's time counts from here. A listener
        or connection that ``ssl`` wraps keeps it; a duplicate of its descriptor has none. The first policy does
        ``install()``.

        Raises TypeError for what is not a socket object, ValueError for a datagram socket or a client's (of TCP, where
        the system knows it), OSError if it is closed.
        """
        _native.reach_every_socket()
        _native.set_policy(sock, self._first_byte, self._idle, self._total)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a policy does not change: make another one instead of setting {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a policy does not change: make another one instead of deleting {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self._limits() == other._limits()

    def __hash__(self) -> int:
        return hash(self._limits())

    def __reduce__(self) -> tuple[object, ...]:
        return Policy, (self.first_byte, self.idle, self.total)

    def __repr__(self) -> str:
        return f"Policy(first_byte={self.first_byte}, idle={self.idle}, total={self.total})"

    def _limits(self) -> tuple[int, int, int]:
        return self._first_byte, self._idle, self._total


def policy_of(sock: socket) -> Policy | None:
    """Give the policy that bounds a socket, or that a listener gives to what it accepts; None if there is none.

    Raises TypeError for what is not a socket object.

    >>> import shotclock, socket
    >>> listener = socket.create_server(("127.0.0.1", 0))
    >>> shotclock.Policy(idle=10).protect(listener)
    >>> shotclock.policy_of(listener).idle == 10
    True
    """
    limits = _native.policy(sock)
    return None if limits is None else Policy(*map(_in_seconds, limits))


def remove_policy(sock: socket) -> None:
    """Take a socket out of its policy, if it is under one. What a listener has accepted before keeps its own.

    Raises TypeError for what is not a socket object.

    >>> import shotclock, socket
    >>> listener = socket.create_server(("127.0.0.1", 0))
    >>> shotclock.Policy(idle=10).protect(listener)
    >>> shotclock.remove_policy(listener)
    >>> print(shotclock.policy_of(listener))
    None
    """
    _native.remove_policy(sock)


def _nanoseconds(name: str, limit: float | None) -> int:
    if limit is None:
        return _NO_LIMIT
    try:
        seconds = checked_seconds(limit)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    if seconds == 0:
        raise ValueError(f"{name}: {limit!r} seconds: expected more than 0, or None")
    return math.ceil(seconds * _SECOND)


def _in_seconds(nanoseconds: int) -> float | None:
    return None if nanoseconds == _NO_LIMIT else nanoseconds / _SECOND
