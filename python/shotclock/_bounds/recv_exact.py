"""``recv_exact``: so many bytes under one limit, of which a timeout loses none."""

from __future__ import annotations

import sys

from .. import _native
from .._stock import stock_socket_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any


class IncompleteReadError(EOFError):
    """The data ended before all that was wanted had come: ``partial`` has what did, ``expected`` says how many bytes.

    >>> import shotclock, socket
    >>> one, other = socket.socketpair()
    >>> other.sendall(b"hea")
    >>> other.close()
    >>> try:
    ...     shotclock.recv_exact(one, 4)
    ... except shotclock.IncompleteReadError as error:
    ...     print(error.partial, error.expected)
    b'hea' 4
    """

    def __init__(self, partial: bytes, expected: int) -> None:
        super().__init__(f"the peer ended the data: expected {expected} bytes, got {len(partial)}")
        self.partial = partial
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments that it was made of."""
        return type(self), (self.partial, self.expected)


def recv_exact(sock: socket, n: int, *, partial: bytes | bytearray | memoryview = b"") -> bytes:
    """Receive exactly ``n`` bytes of a stream, TLS or not.

    The socket's timeout is one limit for the whole, not for each part, and deadline scopes count. When one passes,
    or anything else ends the call, the exception's ``partial`` has what had come, and the call can go on from there::

        try:
            header = shotclock.recv_exact(sock, 16)
        except TimeoutError as error:
            ...
            header = shotclock.recv_exact(sock, 16, partial=error.partial)

    Raises IncompleteReadError, an EOFError, if the peer ends the data before; TimeoutError; BlockingIOError (of TLS
    SSLWantReadError) on a socket that does not wait; the system's errors; ValueError for a number that is negative, or
    less than ``partial`` has. An exception that a signal handler raises in the middle of a try of OpenSSL's has no
    ``partial``, since nobody knows what that try had taken. Room for all ``n`` bytes is made at the start, so check a
    number that a peer has sent. Over TLS this does ``install()``.

    >>> import shotclock, socket
    >>> one, other = socket.socketpair()
    >>> other.sendall(b"head, and more")
    >>> shotclock.recv_exact(one, 4)
    b'head'
    """
    given = memoryview(partial).nbytes
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"{n!r}: expected a number of bytes")
    if not 0 <= given <= n:
        raise ValueError(f"{n!r} bytes: expected a number from {given}, the length of what is there, up")
    stock_socket_module()
    if given == n:
        return bytes(partial)
    if (inner := _tls_object(sock)) is not None:
        # OpenSSL's object has to be guarded.
        _native.reach_every_socket()
    got = _native.recv_exact(sock, inner, n, partial if memoryview(partial).c_contiguous else bytes(partial))
    if len(got) < n:
        raise IncompleteReadError(got, n)
    return got


def _tls_object(sock: Any) -> Any:
    """Give the object of OpenSSL's that encrypts a socket, if there is one."""
    ssl = sys.modules.get("ssl")
    return sock._sslobj if ssl is not None and isinstance(sock, ssl.SSLSocket) else None
