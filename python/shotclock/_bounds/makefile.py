"""``makefile`` of socket objects: with ``resume=True`` a file that survives its timeouts."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

# The method's name in socket.py.
METHOD = "makefile"

_DOC = """

resume=True makes a file that survives a timeout, or whatever ends one of its calls, with its bytes: a line half read
comes whole from the next readline(), and flush() goes on with what was not sent (a write that failed has taken all of
its data over: do not write it again). Such a file has to have a buffer. Without resume the file is the interpreter's
own.
"""


def replace(socket_module: ModuleType) -> None:
    """Put the method into the class of a module made from CPython's socket.py."""
    owner: Any = socket_module.socket
    setattr(owner, METHOD, method_for(socket_module, owner.makefile))


def method_for(socket_module: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    """Make the method for the class ``socket`` of a module made from CPython's socket.py."""

    def makefile(
        self: Any,
        mode: str = "r",
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        resume: bool = False,
    ) -> Any:
        if not resume:
            return original(self, mode, buffering, encoding=encoding, errors=errors, newline=newline)
        if buffering == 0:
            raise ValueError("resume=True: expected a buffer, where what has come can stay, not buffering=0")
        from . import resumable_files

        text_options = (encoding, errors, newline)
        return resumable_files.make(self, socket_module.SocketIO, mode, buffering, text_options)

    functools.update_wrapper(makefile, original)
    # With __wrapped__ the signature would not show ``resume``.
    vars(makefile).pop("__wrapped__")
    makefile.__doc__ = (original.__doc__ or "").rstrip() + _DOC
    return makefile

