"""What CPython's socket.py gets over our own type: what waits by itself, methods of its class's very own, and functions."""

from __future__ import annotations

from .. import _native
from .._bounds import makefile
from . import functions, sendfile, socket_io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def complete(socket_module: ModuleType) -> None:
    """Put them into a module made from CPython's socket.py, and into its class ``socket``.

    The latter methods do what those it inherits do; but the interpreter's fast path for calls takes a method only if the object
    is of the very class that the method was made for.
    """
    owner = socket_module.socket
    sendfile.replace(socket_module)
    makefile.replace(socket_module)
    socket_io.replace(socket_module)
    functions.replace(socket_module)
    know_accept(socket_module)
    for name, method in _native.descriptors(owner).items():
        if name not in vars(owner):
            setattr(owner, name, method)


def know_accept(socket_module: ModuleType) -> None:
    """Say which code is socket.py's own ``accept``, if that is what its class has."""
    accept = vars(socket_module.socket).get("accept")
    if getattr(accept, "__globals__", None) is vars(socket_module):
        _native.know_accept(accept.__code__)
