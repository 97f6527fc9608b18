"""Methods for ``SocketIO``, the raw file of socket.py, in the place of its own. They are documented in Rust."""

from __future__ import annotations

from .. import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

# The names of the methods, and of an attribute, in socket.py.
METHODS = ("readinto", "write", "readall", "closed")


def replace(socket_module: ModuleType) -> None:
    """Put them into the class of a module made from CPython's socket.py."""
    for attributes in (kept_for(socket_module), methods_for(socket_module)):
        for name, value in attributes.items():
            setattr(socket_module.SocketIO, name, value)


def methods_for(socket_module: ModuleType) -> dict[str, object]:
    """Give the methods for the class ``SocketIO`` of a module made from CPython's socket.py."""
    _native.know_turn(_turn)
    methods: dict[str, object] = _native.file_descriptors(socket_module.SocketIO)
    return methods


def kept_for(socket_module: ModuleType) -> dict[str, object]:
    """Give attributes that those methods look for: the methods they replace, and None for "no write was ended yet"."""
    raw: Any = socket_module.SocketIO
    by_socket_py = {"_readinto_by_socket_py": raw.readinto, "_write_by_socket_py": raw.write}
    return {**by_socket_py, "_readall_by_io": raw.readall, "_write_ending": None}


def _turn() -> None:
    """Do nothing: an exception that another thread has sent to this one is raised here."""
