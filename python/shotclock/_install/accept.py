"""``accept`` of socket.py's class over the interpreter's own type: the system is not asked about what was just accepted."""

from __future__ import annotations

import functools
from types import FunctionType, MemberDescriptorType

from .. import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

# The method's name in socket.py.
METHOD = "accept"

# What its code asks for by name, from 3.11 to 3.15. Another one may do other things, and stays.
_STEPS = ("_accept", "socket", "family", "type", "proto", "getdefaulttimeout", "gettimeout", "setblocking")


def method_for(socket_module: ModuleType, owner: Any, stock: ModuleType) -> Any:
    """Make the method for the class ``socket`` of the interpreter's socket.py; None where its own has to stay.

    It does what socket.py's does, and finds all that by the same names. But where that would make an object of this very class
    of what was accepted just now, ``__init__`` is left out. What that does is done in Rust, but for a look whether the
    descriptor is a socket. The first object is made by ``__init__``, to prove that the second one will be the same.
    """
    by_socket_py = vars(owner).get(METHOD)
    names = vars(socket_module)
    if not _is_of(names, by_socket_py) or by_socket_py.__code__.co_names != _STEPS:
        return None
    if (is_plain := _look_for(names, owner, stock)) is None:
        return None
    # None until the first object was made.
    is_proved: bool | None = None

    def accept(self: Any) -> tuple[Any, Any]:
        nonlocal is_proved
        number, address = self._accept()
        sock = _native.adopt(owner, self, number) if is_proved and is_plain(type(self)) else None
        if sock is not None:
            sock._io_refs = 0
            sock._closed = False
        else:
            sock = names["socket"](self.family, self.type, self.proto, fileno=number)
            if is_proved is None and is_plain(type(self)) and stock.getdefaulttimeout() is None:
                is_proved = _are_made_alike(sock)
        # As in socket.py: the new socket blocks, whatever it may have inherited, unless a default says otherwise.
        if names["getdefaulttimeout"]() is None and self.gettimeout():
            sock.setblocking(True)
        return sock, address

    made: Any = functools.wraps(by_socket_py)(accept)
    return made


def _look_for(names: dict[str, Any], owner: Any, stock: ModuleType) -> Callable[[Any], bool] | None:
    """Make a function that says whether an object of the class is made still in the class's own way, of a listener's kinds.

    It takes the listener's class. None where the class is not as socket.py has made it.
    """
    base: Any = stock.socket
    own = vars(owner)
    by_init, family, kind = own.get("__init__"), own.get("family"), own.get("type")
    if not (_is_of(names, by_init) and all(_is_of(names, getattr(one, "fget", None)) for one in (family, kind))):
        return None
    code, by_new, protocol, look_up = by_init.__code__, base.__new__, base.proto, base.__getattribute__

    def is_plain(listener: Any) -> bool:
        return (
            names.get("socket") is owner
            and listener.family is family
            and listener.type is kind
            and listener.proto is protocol
            and listener.__getattribute__ is look_up
            and own.get("__init__") is by_init
            and by_init.__code__ is code
            and owner.__new__ is by_new
            and type(owner) is type
            and names["_socket"].socket is base
        )

    return is_plain


def _is_of(names: dict[str, Any], function: Any) -> bool:
    """Whether it is a function of socket.py's own."""
    return isinstance(function, FunctionType) and function.__globals__ is names


def _are_made_alike(sock: Any) -> bool:
    """Whether the object, which ``__init__`` has made, is the same as one that was made without it."""
    other: Any = _native.made_alike(sock)
    if other is None:
        return False
    other._io_refs = 0
    other._closed = False
    absent = object()
    attributes = [attribute for kind in type(sock).__mro__ for attribute in vars(kind).items()]
    members = ["__dict__", *(name for name, value in attributes if isinstance(value, MemberDescriptorType))]
    return all(getattr(sock, name, absent) == getattr(other, name, absent) for name in members)
