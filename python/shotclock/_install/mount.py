"""The module ``_socket`` in Rust: everything the interpreter's own has, and its place in ``sys.modules``."""

from __future__ import annotations

import functools
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from .. import _native
from .._bounds import makefile
from .._fork import new_lock
from .._stock import stock_socket_module
from . import functions, own_class, selector, sendfile, socket_io, tls
from .on_import import on_import

NAME = "_socket"

_lock = new_lock()
_own: ModuleType | None = None


def own_socket_module() -> ModuleType:
    """The ``_socket`` in Rust, made once. Raises ImportError as `stock_socket_module` does."""
    global _own
    with _lock:
        if _own is None:
            _own = _make(stock_socket_module())
        return _own


def mount() -> None:
    """Make ``import _socket`` give our module from now on. To be called before anything imports ``socket``."""
    sys.modules[NAME] = own_socket_module()
    # Modules above it that wait by themselves: socket.py in some methods, a selector, and OpenSSL's module.
    on_import("socket", own_class.complete)
    on_import("selectors", functools.partial(selector.install, stock=stock_socket_module()))
    on_import("ssl", tls.install)


def replaced() -> tuple[str, ...]:
    """What `mount` has replaced."""
    methods = (*sendfile.METHODS, makefile.METHOD)
    files = (f"socket.SocketIO.{method}" for method in socket_io.METHODS)
    above = (*files, *functions.replaced(), *selector.replaced(), *tls.guarded())
    return (NAME, *(f"socket.socket.{method}" for method in methods), *above)


def reaches(socket_class: object) -> bool:
    """Whether a class is derived from the type in Rust."""
    return _native.socket_type() in getattr(socket_class, "__mro__", ())


def is_mounted() -> bool:
    """Whether ``import _socket`` gives ours."""
    return _own is not None and sys.modules.get(NAME) is _own


def _make(stock: ModuleType) -> ModuleType:
    own = ModuleType(NAME, stock.__doc__)
    # Constants and exceptions are the very objects of this interpreter's module.
    vars(own).update(vars(stock))
    native = _native.__spec__
    assert native is not None, "imported the usual way"
    own.__spec__ = ModuleSpec(NAME, native.loader, origin=native.origin)
    own.__spec__.has_location = True
    vars(own)["__loader__"] = native.loader
    if hasattr(stock, "__file__"):
        own.__file__ = native.origin
    vars(own).update(_native.functions(own))
    socket_type = _native.socket_type()
    vars(own).update(socket=socket_type, SocketType=socket_type, CAPI=_native.capi())
    return own
