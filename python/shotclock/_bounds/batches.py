"""``recv_batch`` and ``send_batch``: many datagrams by one call of the system, and one wait."""

from __future__ import annotations

from .. import _native
from .._stock import stock_socket_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from socket import socket
    from typing import Any

# Longer than any datagram, and as long as what the system joins.
LONGEST = 65535


def recv_batch(sock: socket, n: int, size: int = LONGEST, *, join: bool = False) -> list[tuple[bytes, Any, int]]:
    """Receive the datagrams that are there, up to ``n``, by one call of the system: ``(data, address, flags)`` of each.

    It waits once, until there is one, by the socket's timeout, the scopes and cancellers around it; it never waits for
    more, and loses none to a limit. An empty list says that the socket was shut down. A datagram longer than ``size``
    bytes is cut, and its ``flags`` have ``MSG_TRUNC``, that one's alone. The room, ``n`` times ``size`` bytes, of which
    the system gives only what datagrams fill, is kept for the thread's next batch; each ``data`` is made once, out of it.

    With ``join`` the system joins datagrams of one length from one sender (UDP_GRO, Linux), which is the fastest way to
    receive many: they are given apart, as they were sent, and may be more than ``n``. It is set on the socket, for good:
    from then on receive from it by batches with ``join`` alone, since ``recv`` would give joined ones as one.

    Sockets of our own type (``shotclock.socket``) have it as a method as well: ``sock.recv_batch(n)``. The interpreter's
    own, grafted or not, go by this function.

    Raises ValueError for no room at all, and for a socket of a stream; TimeoutError; BlockingIOError on a socket that
    does not wait; the system's errors. Source: recvmmsg(2), udp(7).

    >>> import shotclock, socket
    >>> one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    >>> shotclock.send_batch(one, [b"one", b"two"])
    2
    >>> [data for data, address, flags in shotclock.recv_batch(other, 64)]
    [b'one', b'two']
    """
    stock_socket_module()
    return _native.recv_batch(sock, n, LONGEST if join else size, join)


def send_batch(
    sock: socket, datagrams: Iterable[bytes | bytearray | memoryview | tuple[bytes | bytearray | memoryview, Any]]
) -> int:
    """Send all of these datagrams, in their order, by as few calls of the system as there can be; give how many.

    Each is bytes for the connected peer, or ``(bytes, address)``. Nothing is copied before the system takes it. Of UDP,
    where datagrams that follow each other have one length and one address, many are one message that the system cuts
    apart (UDP_SEGMENT, Linux). It waits for room under one limit for the batch: the socket's timeout, scopes, cancellers.

    Sockets of our own type (``shotclock.socket``) have it as a method as well: ``sock.send_batch(datagrams)``. The
    interpreter's own, grafted or not, go by this function.

    Raises ValueError for a batch of none, and for a socket of a stream; TimeoutError; BlockingIOError on a socket that
    does not wait; the system's errors, which name the datagram. The exception's ``datagrams_sent`` says how many went,
    each of them whole; go on with the rest. Source: sendmmsg(2), udp(7).

    >>> import shotclock, socket
    >>> sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    >>> sock.bind(("127.0.0.1", 0))
    >>> shotclock.send_batch(sock, [(b"one", sock.getsockname()), (b"two", sock.getsockname())])
    2
    >>> sock.recv(9), sock.recv(9)
    (b'one', b'two')
    >>> try:
    ...     shotclock.send_batch(sock, [(b"three", sock.getsockname()), (bytes(70000), sock.getsockname())])
    ... except OSError as error:
    ...     print(error.datagrams_sent, "datagram 1, of 70000 bytes" in str(error))
    1 True
    """
    stock_socket_module()
    return _native.send_batch(sock, datagrams)


def add_methods(owner: Any) -> None:
    """Make both methods of a class of sockets of our own."""
    owner.recv_batch = recv_batch
    owner.send_batch = send_batch
