"""status(): what is replaced in this process, and what is not reached."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from .. import _environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NEVER_REACHED = (
    "what C extensions wait for beside connections (their lookups, locks, files)",
    "subinterpreters",
    "children whose interpreter reads no start-up file (-S, pip install --target, frozen programs)",
)
_UNASKED_CHILDREN = "children that are not forked: SHOTCLOCK=1 is not in the environment"
_ANOTHER_CLASS = "socket.socket, which is another class by now (install() reaches one that was loaded anew)"
_BESIDE_THE_GRAFT = (
    "bare _socket.socket objects, and methods taken from it (_socket.socket.recv)",
    "copies of the lookup functions elsewhere than in the names of a module",
)


@dataclass(frozen=True)
class Status:
    """What is replaced in this process, and what is not reached.

    >>> import shotclock
    >>> shotclock.install()
    >>> "socket.socket.recv" in shotclock.status().replaced
    True
    """

    # "type": the module _socket is ours. "graft": our methods are on the interpreter's own class. None: neither.
    mount: Literal["type", "graft"] | None
    replaced: tuple[str, ...]
    not_reached: tuple[str, ...]
    # Why nothing can be replaced in this interpreter; None if it can.
    refused: str | None = None
    # The interpreter's own functions that are bounded within scopes and cancellers, beside sockets.
    waits: tuple[str, ...] = ()
    # The limits of the whole process that differ from what sockets have by themselves.
    limits: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether anything is replaced."""
        return self.mount is not None

    def __str__(self) -> str:
        state = {
            "type": "_socket of this process is shotclock's",
            "graft": "shotclock's methods are on the interpreter's own socket.socket",
            None: "shotclock is not installed",
        }[self.mount]
        if self.refused:
            state += f", and cannot be here: {self.refused}"
        listed = (
            ("limits", self.limits),
            ("replaced", self.replaced),
            ("bounded in scopes", self.waits),
            ("not reached", self.not_reached),
        )
        return "\n".join([state, *(line for title, lines in listed for line in _listed(title, lines))])


def status() -> Status:
    """Say what is replaced and what is not reached.

    >>> import shotclock
    >>> shotclock.install()
    >>> shotclock.status().mount
    'graft'
    """
    try:
        from .._install import graft, mount, waits
        from .._stock import stock_socket_module

        stock_socket_module()
    except ImportError as error:
        # In a subinterpreter, or where the interpreter's socket objects are not as the methods expect.
        return Status(None, (), ("everything",), str(error))
    if mount.is_mounted():
        not_reached = _strangers(mount.reaches) + waits.left_out() + _NEVER_REACHED
        return Status("type", mount.replaced(), not_reached, waits=waits.replaced(), limits=_limits())
    if replaced := graft.replaced():
        not_reached = _strangers(graft.reaches) + _BESIDE_THE_GRAFT + waits.left_out() + _NEVER_REACHED
        return Status("graft", replaced, not_reached, waits=waits.replaced(), limits=_limits())
    return Status(None, (), ("everything",))


def _limits() -> tuple[str, ...]:
    from .._bounds import lookup, scope
    from .._install import dial

    def seconds(value: float | None) -> str | None:
        return None if value is None else f"{value:g} s"

    program = scope.of_program()
    delay = "one after another" if (pause := dial.get_attempt_delay()) is None else f"{pause:g} s apart"
    limits = {
        "new sockets": seconds(sys.modules["_socket"].getdefaulttimeout()),
        "each lookup": seconds(lookup.get_lookup_timeout()),
        "the whole program": None if program is None else f"{program.remaining():.3f} s left",
        "connection attempts": None if pause == dial.USUAL_DELAY else delay,
    }
    return tuple(f"{what}: {limit}" for what, limit in limits.items() if limit is not None)


def _strangers(reaches: Callable[[object], bool]) -> tuple[str, ...]:
    """Name what is not reached in this process, and could be."""
    current = getattr(sys.modules.get("socket"), "socket", None)
    classes = () if current is None or reaches(current) else (_ANOTHER_CLASS,)
    return classes if _environment.asks() else (*classes, _UNASKED_CHILDREN)


def _listed(title: str, lines: tuple[str, ...]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []
