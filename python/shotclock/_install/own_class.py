"""What CPython's socket.py gets over our own type: methods of ours in the place of its own, and functions."""

from __future__ import annotations

from .. import _native
from .._bounds import batches, makefile
from . import functions, sendfile, socket_io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def complete(socket_module: ModuleType) -> None:
    """Put them into a module made from CPython's socket.py, and into its class ``socket``.

    The class inherits all methods of our type, and gets them once more as its own: the interpreter's fast path for
    calls takes a method only for objects of the very class that the method was made for.
    """
    owner = socket_module.socket
    sendfile.replace(socket_module)
    makefile.replace(socket_module)
    batches.add_methods(owner)
    socket_io.replace(socket_module)
    functions.replace(socket_module)
    know_accept(socket_module)
    for name, method in _native.descriptors(owner).items():
        if name not in vars(owner):
            setattr(owner, name, method)


def know_accept(socket_module: ModuleType) -> None:
    """Tell Rust the code of socket.py's own ``accept``, if the class still has that."""
    accept = vars(socket_module.socket).get("accept")
    if getattr(accept, "__globals__", None) is vars(socket_module):
        _native.know_accept(accept.__code__)
