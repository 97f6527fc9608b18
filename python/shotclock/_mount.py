"""The module ``_socket`` in Rust: everything the interpreter's own has, and its place in ``sys.modules``."""

from __future__ import annotations

import functools
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from . import _functions, _makefile, _native, _selector, _sendfile, _socket_class, _socket_io, _tls
from ._fork import new_lock
from ._on_import import on_import

NAME = "_socket"

_lock = new_lock()
_stock: ModuleType | None = None
_own: ModuleType | None = None


def stock_socket_module() -> ModuleType:
    """The interpreter's own ``_socket``, whatever ``sys.modules`` has by now.

    Raises ImportError where its socket objects are not what the methods expect.
    """
    with _lock:
        return _load_stock()


def own_socket_module() -> ModuleType:
    """The ``_socket`` in Rust, made once. Raises ImportError as `stock_socket_module` does."""
    global _own
    with _lock:
        if _own is None:
            _own = _make(_load_stock())
        return _own


def mount() -> None:
    """Have ``import _socket`` give ours from now on. To be called before anything imports ``socket``."""
    sys.modules[NAME] = own_socket_module()
    # What waits by itself above it: methods of socket.py, a selector, and OpenSSL's module.
    on_import("socket", _socket_class.complete)
    on_import("selectors", functools.partial(_selector.install, stock=stock_socket_module()))
    on_import("ssl", _tls.install)


def replaced() -> tuple[str, ...]:
    """What `mount` has replaced."""
    methods = (*_sendfile.METHODS, _makefile.METHOD)
    files = (f"socket.SocketIO.{method}" for method in _socket_io.METHODS)
    above = (*files, *_functions.replaced(), *_selector.replaced(), *_tls.guarded())
    return (NAME, *(f"socket.socket.{method}" for method in methods), *above)


def reaches(socket_class: object) -> bool:
    """Whether it is a class over the type in Rust."""
    return _native.socket_type() in getattr(socket_class, "__mro__", ())


def is_mounted() -> bool:
    """Whether ``import _socket`` gives ours."""
    return _own is not None and sys.modules.get(NAME) is _own


def _load_stock() -> ModuleType:
    global _stock
    if _stock is None:
        import _socket

        _native.prepare(_socket)
        _prove_layout(_socket)
        _stock = _socket
    return _stock


def _prove_layout(stock: ModuleType) -> None:
    """Read what the methods will read, on live objects, and compare it with what the interpreter says."""
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


def _make(stock: ModuleType) -> ModuleType:
    own = ModuleType(NAME, stock.__doc__)
    # Constants and exceptions are what this interpreter's module has, and the very same objects.
    vars(own).update(vars(stock))
    native = _native.__spec__
    assert native is not None, "imported the usual way"
    own.__spec__ = ModuleSpec(NAME, native.loader, origin=native.origin)
    own.__spec__.has_location = True
    own.__loader__ = native.loader
    if hasattr(stock, "__file__"):
        own.__file__ = native.origin
    vars(own).update(_native.functions(own))
    socket_type = _native.socket_type()
    vars(own).update(socket=socket_type, SocketType=socket_type, CAPI=_native.capi())
    return own
