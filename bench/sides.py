"""The two sides: the socket module under test, and the interpreter's own with the same Python layers."""

import inspect
import socket
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

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
    # The first scope installs the graft, which must not reach the stock side.
    stock = _second_copy(socket)
    if mount == "type":
        from shotclock import socket as ours

        return Sides(stock=stock, ours=ours)
    import shotclock

    shotclock.install()
    return Sides(stock=stock, ours=socket)


def stock_ssl(stock: ModuleType) -> ModuleType:
    """The interpreter's ssl.py once more, over a stock socket module and an _ssl of its own: its sockets are unguarded."""
    import ssl

    mounted = {name: sys.modules[name] for name in ("socket", "_ssl")}
    sys.modules["socket"] = stock
    del sys.modules["_ssl"]
    try:
        return _second_copy(ssl)
    finally:
        sys.modules.update(mounted)


def file_over(sock: Any, mode: str, resume: bool) -> Any:
    """A file over a socket: one that survives its timeouts, if asked for; stock's module has none that does."""
    if resume and "resume" in inspect.signature(sock.makefile).parameters:
        return sock.makefile(mode, resume=True)
    return sock.makefile(mode)


def _second_copy(module: ModuleType) -> ModuleType:
    """A module of the interpreter's once more, with classes of its own that no graft reaches."""
    copy = ModuleType(f"stock_{module.__name__}")
    # Its enums look themselves up there. Afterwards nobody may: install() rebinds what it finds.
    sys.modules[copy.__name__] = copy
    try:
        SourceFileLoader(copy.__name__, str(module.__file__)).exec_module(copy)
    finally:
        del sys.modules[copy.__name__]
    return copy
