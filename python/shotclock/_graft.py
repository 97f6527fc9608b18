"""install() and uninstall(): Rust methods on the interpreter's own ``socket.socket``, at any time, and undone."""

from __future__ import annotations

import functools

from . import _functions, _makefile, _mount, _native, _selector, _sendfile, _socket_io, _tls
from ._fork import new_lock
from ._on_import import on_import
from ._replacements import ClassAttributes, names_in_modules, swap_in_modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

# The functions that ask the resolver. The others wait for nothing, or keep state that is the interpreter's own.
LOOKUPS = ("getaddrinfo", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo")

_lock = new_lock()
_installed: _Graft | None = None
_stop_watching_ssl: Callable[[], None] | None = None


def install() -> None:
    """Graft the methods onto ``socket.socket``, for sockets there are and sockets to come.

    It works whatever was imported before, and reaches every subclass that does not override the methods, and every name
    that a module has for a lookup (``from socket import gethostbyname``). Calling it again reaches what was loaded anew
    since (``importlib.reload(socket)``) and changes nothing else; nor does calling it beneath ``python -m shotclock``,
    where everything is replaced already. Child processes are reached by ``SHOTCLOCK=1`` in their environment.

    Raises ImportError if this interpreter's socket objects are not what the methods expect. Then nothing is changed.
    """
    global _installed
    if _mount.is_mounted():
        return
    stock = _mount.stock_socket_module()
    import selectors
    import socket

    with _lock:
        if _installed is None:
            _installed = _Graft(socket, stock)
        else:
            _installed.reach(socket)
        _selector.install(selectors, stock)
    _watch_ssl()


def uninstall() -> None:
    """Put everything back as it was. Bound methods that somebody kept go on working."""
    global _installed, _stop_watching_ssl
    with _lock:
        if _installed is not None:
            _tls.uninstall()
            _selector.uninstall()
            _installed.undo()
            _installed = None
        stop_watching, _stop_watching_ssl = _stop_watching_ssl, None
    if stop_watching is not None:
        stop_watching()


def is_installed() -> bool:
    """Whether the methods are grafted now."""
    return _installed is not None


def replaced() -> tuple[str, ...]:
    """What is grafted now; empty while nothing is."""
    with _lock:
        return _installed.names() + _selector.replaced() + _tls.guarded() if _installed is not None else ()


def reaches(socket_class: object) -> bool:
    """Whether objects of this class have the methods."""
    with _lock:
        return _installed is not None and _installed.reaches(socket_class)


def _watch_ssl() -> None:
    global _stop_watching_ssl
    # Outside the lock: another thread may be at the import of ssl, and come here for it.
    superfluous: Callable[[], None] | None = on_import("ssl", _guard_ssl)
    with _lock:
        # Else another thread has uninstalled it by now.
        if _installed is not None:
            superfluous, _stop_watching_ssl = _stop_watching_ssl, superfluous
    if superfluous is not None:
        superfluous()


def _guard_ssl(ssl: ModuleType) -> None:
    with _lock:
        if _installed is not None:
            _tls.install(ssl)


class _Graft:
    """Everything that is replaced."""

    def __init__(self, socket_module: ModuleType, stock: ModuleType) -> None:
        ours = _native.functions(stock)
        self._stock = stock
        # What is replaced by identity: the stock function, and ours.
        self._swapped: list[tuple[object, object]] = [(vars(stock)[name], ours[name]) for name in LOOKUPS]
        self._methods = ClassAttributes()
        try:
            self.reach(socket_module)
        except BaseException:
            self.undo()
            raise

    def reach(self, socket_module: ModuleType) -> None:
        owner = _class_of_socket_py(socket_module, self._stock)
        if not self._methods.reach(owner):
            self._replace_methods(owner, socket_module)
        self._swapped += _functions.pairs(socket_module)
        swap_in_modules(self._swapped)

    def reaches(self, socket_class: object) -> bool:
        return any(self._methods.reach(known) for known in getattr(socket_class, "__mro__", ()))

    def undo(self) -> None:
        self._methods.undo()
        # Names that modules took from ours in the meantime, too.
        swap_in_modules([(ours, stock) for stock, ours in self._swapped])

    def names(self) -> tuple[str, ...]:
        return self._methods.names() + names_in_modules([ours for _, ours in self._swapped])

    def _replace_methods(self, owner: type, socket_module: ModuleType) -> None:
        for name, method in _native.descriptors(owner).items():
            # What socket.py or somebody else wraps stays theirs. Of what waits or ends a wait, ours goes underneath.
            if name in _UNDERNEATH:
                wrapper, wrap = _UNDERNEATH[name]
                self._replace_wrapper(owner, wrapper, wrap(method))
            elif name not in vars(owner):
                self._methods.set(owner, name, method)
        for name, method in _sendfile.methods_for(socket_module).items():
            self._replace_wrapper(owner, name, method)
        makefile = _makefile.method_for(socket_module, vars(owner)[_makefile.METHOD])
        self._methods.set(owner, _makefile.METHOD, makefile)
        for name, value in _socket_io.kept_for(socket_module).items():
            self._methods.add(socket_module.SocketIO, name, value)
        for name, method in _socket_io.methods_for(socket_module).items():
            self._methods.set(socket_module.SocketIO, name, method)

    def _replace_wrapper(self, owner: type, name: str, wrapper: Any) -> None:
        self._methods.set(owner, name, functools.wraps(vars(owner)[name])(wrapper))


def _class_of_socket_py(socket_module: Any, stock: ModuleType) -> type:
    """The class that socket.py defines: ``socket.socket``, or what that is a subclass of by now (timeoutsocket's)."""
    known: type
    # A function may have its place, too.
    for known in getattr(socket_module.socket, "__mro__", ()):
        if stock.socket in known.__bases__:
            return known
    raise ImportError("socket.socket is not the interpreter's own class any more")


def _real_close_with(close: Any) -> Any:
    # The stock one has the stock type bound as a default argument.
    def _real_close(self: Any) -> None:
        close(self)

    return _real_close


def _detach_with(detach: Any) -> Any:
    def detach_and_mark_closed(self: Any) -> Any:
        self._closed = True
        return detach(self)

    return detach_and_mark_closed


# Methods that socket.py calls by the name of the stock type or by super(): by which of its own, and how.
_UNDERNEATH = {"close": ("_real_close", _real_close_with), "detach": ("detach", _detach_with)}
