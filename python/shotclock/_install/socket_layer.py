"""CPython's socket.py, executed once more over the ``_socket`` in Rust."""

from __future__ import annotations

import builtins
import functools
import sys
from importlib.util import find_spec

from . import mount, own_class
from .on_import import on_import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType
    from typing import Any


def execute_socket_layer(namespace: dict[str, Any]) -> None:
    """Execute socket.py in the namespace of a module, which ``sys.modules`` must have: its enums look it up there."""
    spec = find_spec("socket")
    get_code = getattr(spec and spec.loader, "get_code", None)
    if spec is None or get_code is None:
        raise ImportError("this interpreter's socket.py is nowhere to be found")
    namespace["__builtins__"] = vars(builtins) | {"__import__": _import_over_ours}
    if spec.has_location:
        # For inspect and tracebacks, which find the source by it.
        namespace["__file__"] = spec.origin
    exec(get_code("socket"), namespace)
    own_class.complete(sys.modules[namespace["__name__"]])
    on_import("multiprocessing.reduction", functools.partial(_let_sockets_travel, namespace["socket"]))


def _import_over_ours(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    if name == mount.NAME and level == 0:
        return mount.own_socket_module()
    return builtins.__import__(name, globals, locals, fromlist, level)


def _let_sockets_travel(socket_class: Any, reduction: Any) -> None:
    """Let sockets be sent to other processes of multiprocessing, as those of the interpreter's own class can be."""

    def reduce(sock: Any) -> tuple[Any, ...]:
        return _rebuild, (socket_class, reduction.DupFd(sock.fileno()), sock.family, sock.type, sock.proto)

    reduction.register(socket_class, reduce)


def _rebuild(socket_class: Any, duplicate: Any, family: int, kind: int, protocol: int) -> Any:
    return socket_class(family, kind, protocol, fileno=duplicate.detach())
