"""The two sides: the socket module under test, and the interpreter's own with the same Python layers."""

import socket
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from types import ModuleType

# How the Rust methods are mounted: as a type of their own, or on the interpreter's own class.
MOUNTS = ("type", "graft")


@dataclass(frozen=True)
class Sides:
    """Two modules with the interface of ``socket``."""

    stock: ModuleType
    ours: ModuleType


def load(mount: str) -> Sides:
    """Both sides, in this process.

    Raises ImportError if the installed package does not have this mount.
    """
    if mount == "type":
        from shotclock import socket as ours

        return Sides(stock=socket, ours=ours)
    stock = _second_copy_of_socket()
    import shotclock

    shotclock.install()
    return Sides(stock=stock, ours=socket)


def _second_copy_of_socket() -> ModuleType:
    """The interpreter's socket.py once more, with classes of its own that no graft reaches."""
    copy = ModuleType("stock_socket")
    # Its enums look themselves up there. Afterwards nobody may: install() rebinds what it finds.
    sys.modules[copy.__name__] = copy
    try:
        SourceFileLoader(copy.__name__, str(socket.__file__)).exec_module(copy)
    finally:
        del sys.modules[copy.__name__]
    return copy
