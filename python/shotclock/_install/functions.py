"""The functions of socket.py itself that wait, and what takes their place."""

from __future__ import annotations

import sys
from types import FunctionType

from .._bounds import lookup
from . import dial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

_MAKERS = {"create_connection": dial.create_connection_for, "getfqdn": lookup.getfqdn_for}
NAMES = tuple(_MAKERS)


def replace(socket_module: ModuleType) -> None:
    """Put our functions into a module made from CPython's socket.py."""
    for stock, ours in pairs(socket_module):
        setattr(socket_module, stock.__name__, ours)


def replaced() -> tuple[str, ...]:
    """Name each function of ours that the module ``socket`` has: ``socket.function``."""
    module = sys.modules.get("socket")
    homes = (dial.__name__, lookup.__name__)
    there = {name: getattr(getattr(module, name, None), "__globals__", {}) for name in _MAKERS}
    return tuple(f"socket.{name}" for name, home in there.items() if home.get("__name__") in homes)


def pairs(socket_module: ModuleType) -> list[tuple[FunctionType, object]]:
    """Pair each function of the module's own with ours. A function that somebody else has put there is left alone."""
    known = ((vars(socket_module).get(name), make) for name, make in _MAKERS.items())
    return [
        (function, make(socket_module))
        for function, make in known
        if isinstance(function, FunctionType) and function.__globals__ is vars(socket_module)
    ]
