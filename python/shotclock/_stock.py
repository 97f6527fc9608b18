"""The interpreter's own ``_socket``, after a proof that its objects are laid out as the methods in Rust expect."""

from __future__ import annotations

import sys

from . import _native
from ._fork import new_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

# As `_native.layout` gives them.
_FIELDS = ("descriptor", "family", "type", "protocol", "timeout")

_lock = new_lock()
_stock: ModuleType | None = None


def stock_socket_module() -> ModuleType:
    """Give the interpreter's own ``_socket``, even where ``sys.modules`` has another one by now.

    Raises ImportError where its socket objects are not what the methods expect.
    """
    with _lock:
        return _load_stock()


def _load_stock() -> ModuleType:
    global _stock
    if _stock is None:
        import _socket

        _native.prepare(_socket)
        _prove_layout(_socket)
        _stock = _socket
    return _stock


def _prove_layout(stock: ModuleType) -> None:
    """Read from live objects what the methods will read, and compare it with what the interpreter says."""
    pair = stock.socketpair()
    try:
        for sock in pair:
            for timeout, nanoseconds in ((None, -(10**9)), (0, 0), (1.5, 1_500_000_000), (2e9, 2 * 10**18)):
                sock.settimeout(timeout)
                _compare(sock, (sock.fileno(), sock.family, sock.type, sock.proto, nanoseconds))
    finally:
        for sock in pair:
            sock.close()
    _compare(pair[0], (-1, pair[0].family, pair[0].type, pair[0].proto, 2 * 10**18))


def _compare(sock: Any, said: tuple[int, ...]) -> None:
    for field, read, value in zip(_FIELDS, _native.layout(sock), said):
        if read != value:
            python, what = sys.version.split()[0], f"the {field} of its socket objects is not where it was"
            refused = f"shotclock {_native.__version__} does not know Python {python}: {what}"
            raise ImportError(f"{refused}. The interpreter's own sockets stay as they are")
