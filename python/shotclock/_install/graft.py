"""install() and uninstall(): Rust methods on the interpreter's own ``socket.socket``, at any time, and undone."""

from __future__ import annotations

import functools
from operator import itemgetter
from types import FunctionType

from .. import _native
from .._bounds import makefile
from .._fork import new_lock
from .._stock import stock_socket_module
from . import accept, functions, mount, own_class, selector, sendfile, socket_io, strangers, tls
from . import waits as hooks
from .on_import import on_import
from .replacements import ClassAttributes, names_in_modules, swap_in_modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

# The functions that ask the resolver. The others wait for nothing, or keep state that is the interpreter's own.
LOOKUPS = ("getaddrinfo", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo")

# The methods that wait, or end a wait. Of the others nobody checks whether ours are still there: they do the same.
_WATCHED = frozenset(
    """
    _accept connect connect_ex recv recv_into recvfrom recvfrom_into recvmsg recvmsg_into send sendall sendmsg sendmsg_afalg
    sendto _real_close sendfile makefile setblocking settimeout
    """.split()
)

_lock = new_lock()
_installed: _Graft | None = None
_stop_watching_ssl: Callable[[], None] | None = None


def install(*, waits: bool = True) -> None:
    """Graft the methods onto ``socket.socket``, for sockets there are and sockets to come.

    It works whatever was imported before, and reaches every subclass that does not override the methods, and every name
    that a module has for a lookup (``from socket import gethostbyname``). Calling it again reaches what was loaded anew
    since (``importlib.reload(socket)``), mends what others took away (a mock that put back what it had found), and changes
    nothing else; nor does calling it beneath ``python -m shotclock``,
    where everything is replaced already. Child processes are reached by ``SHOTCLOCK=1`` in their environment.

    Within scopes and cancellers other functions of the interpreter's that wait are bounded as well (``time.sleep``, locks,
    ``select``, pipes, children and so on; ``status()`` names them), by hooks in its own method tables. ``waits=False`` takes
    those out, and keeps them out until it is called again; so does ``SHOTCLOCK_WAITS=0`` in the environment, for good.

    Raises ImportError if this interpreter's socket objects are not what the methods expect. Then nothing is changed.

    >>> import shotclock, socket
    >>> shotclock.install()
    >>> "recv" in vars(socket.socket)
    True
    """
    came_back = hooks.want(waits)
    put_in_place()
    # Beneath `python -m shotclock` the first scope or canceller puts them in place, and this only if they were taken out.
    if came_back or not mount.is_mounted():
        hooks.install()


def put_in_place() -> None:
    """Do what ``install`` does, but for the hooks, which the first scope or canceller puts in place. Raises what it raises."""
    global _installed
    if mount.is_mounted():
        return
    stock = stock_socket_module()
    import selectors
    import socket

    with _lock:
        if _installed is None:
            _installed = _Graft(socket, stock)
        else:
            _installed.reach(socket)
        selector.install(selectors, stock)
    _watch_ssl()


def uninstall() -> None:
    """Put everything back as it was. Bound methods that somebody kept go on working.

    >>> import shotclock, socket
    >>> shotclock.install()
    >>> shotclock.uninstall()
    >>> "recv" in vars(socket.socket)
    False
    """
    global _installed, _stop_watching_ssl
    with _lock:
        if _installed is not None:
            hooks.uninstall()
            tls.uninstall()
            selector.uninstall()
            _installed.undo()
            _installed = None
        stop_watching, _stop_watching_ssl = _stop_watching_ssl, None
    if stop_watching is not None:
        stop_watching()


def is_installed() -> bool:
    """Whether the methods are grafted now."""
    return _installed is not None


def is_whole() -> bool:
    """Whether the methods are grafted, and nobody has replaced any of them since `install` last looked."""
    return _installed is not None and _installed.is_whole()


def replaced() -> tuple[str, ...]:
    """What is grafted now; empty while nothing is."""
    with _lock:
        return _installed.names() + selector.replaced() + tls.guarded() if _installed is not None else ()


def reaches(socket_class: object) -> bool:
    """Whether objects of this class have the methods."""
    with _lock:
        return _installed is not None and _installed.reaches(socket_class)


def may_reach(socket_class: object) -> bool:
    """The same; but True where it is not installed, since another thread may have uninstalled it a moment ago."""
    with _lock:
        return _installed is None or _installed.reaches(socket_class)


def _watch_ssl() -> None:
    global _stop_watching_ssl
    # Outside the lock: another thread may be importing ssl, and come here for that lock.
    superfluous: Callable[[], None] | None = on_import("ssl", _guard_ssl)
    with _lock:
        # If it is not installed, another thread has uninstalled it meanwhile.
        if _installed is not None:
            superfluous, _stop_watching_ssl = _stop_watching_ssl, superfluous
    if superfluous is not None:
        superfluous()


def _guard_ssl(ssl: ModuleType) -> None:
    with _lock:
        if _installed is not None:
            tls.install(ssl)


class _Graft:
    """Everything that is replaced."""

    def __init__(self, socket_module: ModuleType, stock: ModuleType) -> None:
        ours = _native.functions(stock)
        self._stock = stock
        # What is replaced by identity: the stock function, and ours.
        self._swapped: list[tuple[object, object]] = [(vars(stock)[name], ours[name]) for name in LOOKUPS]
        self._methods = ClassAttributes()
        # A getter of some names, where it looks, and what it found there.
        self._watched: list[tuple[itemgetter[Any], Any, Any]] = []
        try:
            self.reach(socket_module)
        except BaseException:
            self.undo()
            raise

    def reach(self, socket_module: ModuleType) -> None:
        owner = _class_of_socket_py(socket_module, self._stock)
        own_class.know_accept(socket_module)
        self._replace_methods(owner, socket_module)
        self._swapped += functions.pairs(socket_module)
        swap_in_modules(self._swapped)
        self._watch(owner, socket_module)

    def is_whole(self) -> bool:
        try:
            for get, place, seen in self._watched:
                # A tuple compares by identity first.
                if get(place) != seen:
                    return False
        except KeyError:
            return False
        return True

    def _watch(self, owner: type, socket_module: ModuleType) -> None:
        """Note what stands in each place of ours; also where a mock stands now, which will go some day."""
        places: list[tuple[Any, tuple[str, ...]]] = [(owner, tuple(name for name in self._methods.wanted(owner) if name in _WATCHED))]
        places += [(socket_module, ("socket", *LOOKUPS, *functions.NAMES)), (self._stock, LOOKUPS)]
        self._watched = []
        for place, names in places:
            get = itemgetter(*names)
            self._watched.append((get, vars(place), get(vars(place))))

    def reaches(self, socket_class: object) -> bool:
        return any(self._methods.reach(known) for known in getattr(socket_class, "__mro__", ()))

    def undo(self) -> None:
        self._methods.undo()
        # Also names that modules have bound to our functions in the meantime.
        swap_in_modules([(ours, stock) for stock, ours in self._swapped])

    def names(self) -> tuple[str, ...]:
        return self._methods.names() + names_in_modules([ours for _, ours in self._swapped])

    def _replace_methods(self, owner: type, socket_module: Any) -> None:
        """Put our methods onto the class, in the place of socket.py's own or where there are none."""
        for name, method in _native.descriptors(owner).items():
            # Methods that socket.py wraps in its own: its wrapper stays, and calls ours.
            if name in _UNDERNEATH:
                wrapper, wrap = _UNDERNEATH[name]
                self._replace_function(owner, wrapper, wrap(method), socket_module)
                continue
            self._methods.want(owner, name)
            if name not in vars(owner):
                self._methods.set(owner, name, method)
        for name, function in sendfile.methods_for(socket_module, owner).items():
            self._replace_function(owner, name, function, socket_module)
        if self._may_replace(owner, makefile.METHOD, socket_module) and makefile.METHOD in vars(owner):
            ours = makefile.method_for(socket_module, vars(owner)[makefile.METHOD])
            self._methods.set(owner, makefile.METHOD, ours)
        if (accepts := accept.method_for(socket_module, owner, self._stock)) is not None:
            _native.know_accept(accepts.__code__)
            self._methods.set(owner, accept.METHOD, accepts)
        file_type = socket_module.SocketIO
        if not self._methods.reach(file_type):
            for name, value in socket_io.kept_for(socket_module).items():
                self._methods.add(file_type, name, value)
        for name, method in socket_io.methods_for(socket_module).items():
            if self._may_replace(file_type, name, socket_module):
                self._methods.set(file_type, name, method)

    def _replace_function(self, owner: type, name: str, function: Any, socket_module: Any) -> None:
        if self._may_replace(owner, name, socket_module) and name in vars(owner):
            self._methods.set(owner, name, functools.wraps(vars(owner)[name])(function))

    def _may_replace(self, owner: type, name: str, socket_module: Any) -> bool:
        """Whether a function of socket.py's class may be replaced: at first any function, later only socket.py's own.

        A mock is left alone: when it has gone, what it has put back is replaced.
        """
        is_first, current = self._methods.want(owner, name), vars(owner).get(name)
        if current is None:
            return True
        is_of_socket_py = isinstance(current, FunctionType) and current.__globals__ is vars(socket_module)
        return is_of_socket_py or is_first and isinstance(current, FunctionType)


def _class_of_socket_py(socket_module: Any, stock: ModuleType) -> type:
    """Find the class that socket.py defines: ``socket.socket``, or a base of what stands there (timeoutsocket's)."""
    if (library := strangers.green(socket_module.socket)) is not None:
        raise ImportError(strangers.refusal(library))
    known: type
    # A function, which has no bases, may stand there, too.
    for known in getattr(socket_module.socket, "__mro__", ()):
        if stock.socket in known.__bases__:
            return known
    if strangers.is_mock(socket_module.socket):
        # The mock will go. After importlib.reload(socket) there are several classes: the last one counts.
        for known in reversed(stock.socket.__subclasses__()):
            if getattr(vars(known).get("__init__"), "__globals__", None) is vars(socket_module):
                return known
    raise ImportError("socket.socket is not the interpreter's own class any more")


def _real_close_with(close: Any) -> Any:
    # socket.py's own has the interpreter's type bound as a default argument.
    def _real_close(self: Any) -> None:
        close(self)

    return _real_close


def _detach_with(detach: Any) -> Any:
    def detach_and_mark_closed(self: Any) -> Any:
        self._closed = True
        return detach(self)

    return detach_and_mark_closed


# Methods that socket.py calls on the interpreter's type or by super(): from where, and our version of that method.
_UNDERNEATH = {"close": ("_real_close", _real_close_with), "detach": ("detach", _detach_with)}
