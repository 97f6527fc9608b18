"""The interpreter's own ``_socket``, after a proof that its objects are laid out as the methods in Rust expect."""

from __future__ import annotations

from . import _native
from ._fork import new_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

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
                if _native.layout(sock) != (sock.fileno(), nanoseconds):
                    raise ImportError("socket objects of this interpreter have another layout than shotclock expects")
    finally:
        for sock in pair:
            sock.close()
    if _native.layout(pair[0])[0] != -1:
        raise ImportError("closed socket objects of this interpreter look different from what shotclock expects")
