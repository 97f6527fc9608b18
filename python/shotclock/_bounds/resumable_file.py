"""``resumable_file``: what ``makefile(resume=True)`` makes, as a function, which type checkers know."""

from __future__ import annotations

from .._stock import stock_socket_module
from .resumable_files import make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import IO, Any, BinaryIO, Literal, TextIO, overload

    _Bytes = Literal["b", "rb", "br", "wb", "bw", "rwb", "rbw", "wrb", "wbr", "brw", "bwr"]
    _Text = Literal["", "r", "w", "rw", "wr"]
else:
    # What `typing` has is for type checkers alone, and its import costs more than this package's.
    def overload(function):
        return function


@overload
def resumable_file(sock: socket, mode: _Bytes, buffering: int | None = None) -> BinaryIO: ...
@overload
def resumable_file(
    sock: socket,
    mode: _Text = "r",
    buffering: int | None = None,
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> TextIO: ...
def resumable_file(
    sock: socket,
    mode: str = "r",
    buffering: int | None = None,
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> IO[Any]:
    """Make a file over a stream, TLS or not, that survives a timeout, or whatever ends one of its calls, with its bytes.

    It is what ``sock.makefile(.., resume=True)`` makes where this package is installed, for a socket of any mount and with
    the type that its mode has. A line half read comes whole from the next ``readline()``, and ``flush()`` goes on with
    what was not sent; a write that failed has taken all of its data over: do not write it again.

    Raises ValueError for a mode of other letters than r, w and b, or without a buffer (``buffering=0``). Over TLS this does
    ``install()``.

    >>> import shotclock, socket
    >>> one, other = socket.socketpair()
    >>> other.settimeout(0.05)
    >>> file = shotclock.resumable_file(other, "rb")
    >>> one.sendall(b"first li")
    >>> try:
    ...     file.readline()
    ... except TimeoutError:
    ...     one.sendall(b"ne\\n")
    >>> file.readline()
    b'first line\\n'
    """
    from socket import SocketIO

    stock_socket_module()
    if buffering == 0:
        raise ValueError("expected a buffer, where what has come can stay, not buffering=0")
    file: IO[Any] = make(sock, SocketIO, mode, buffering, (encoding, errors, newline))
    return file
