"""Sockets on the clock, for Python programs as they are.

Three ways in, each with the same methods written in Rust:

- ``python -m shotclock PROGRAM ..`` runs an unmodified program over a ``_socket`` of this package;
- ``shotclock.install()`` grafts the methods onto the interpreter's own ``socket.socket``, at any time;
- ``from shotclock import socket`` is the interpreter's own ``socket`` module over them, beside the one it has.

All three end each call by its socket's timeout, as the interpreter's own methods do. Child processes that are not
forked follow where ``SHOTCLOCK=1`` is in their environment, which the first way sees to. ``status()`` says what is
replaced and what is not reached.

``with shotclock.deadline(5):`` limits everything that a block does with sockets, through any library.

``shotclock.Policy(first_byte=5, idle=10, total=60).protect(listener)`` keeps a server's clients from taking for ever.

Importing this package imports no ``socket``: what is to be replaced must not be there before it.
"""

# What type checkers take to be true, without the import of `typing`, which would cost more than this package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import socket as socket
    from ._graft import install, uninstall
    from ._policy import Policy, policy_of, remove_policy
    from ._scope import Scope, deadline, deadline_at, expired_scope, move_on_after, remaining, shield
    from ._status import Status, status

__all__ = [
    "Policy",
    "Scope",
    "Status",
    "deadline",
    "deadline_at",
    "expired_scope",
    "install",
    "move_on_after",
    "policy_of",
    "remaining",
    "remove_policy",
    "shield",
    "status",
    "uninstall",
]

_HOMES = {
    "Policy": "_policy",
    "Scope": "_scope",
    "Status": "_status",
    "deadline": "_scope",
    "deadline_at": "_scope",
    "expired_scope": "_scope",
    "install": "_graft",
    "move_on_after": "_scope",
    "policy_of": "_policy",
    "remaining": "_scope",
    "remove_policy": "_policy",
    "shield": "_scope",
    "socket": "socket",
    "status": "_status",
    "uninstall": "_graft",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = __import__(f"{__name__}.{home}", fromlist=[name])
    value = module if home == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _HOMES.keys())
