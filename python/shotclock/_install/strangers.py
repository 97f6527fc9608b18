"""Classes in the place of ``socket.socket`` whose waits nothing of ours reaches."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Libraries whose sockets never wait in a call of the system, but in a loop of their own.
_GREEN = ("gevent", "eventlet")
_checked: object = None


def current() -> object:
    """Give what ``socket.socket`` is now; None where nobody has imported the module."""
    return getattr(sys.modules.get("socket"), "socket", None)


def is_as_checked() -> bool:
    """Whether it is what `check` has seen last and let pass. True where it is gone, as at the interpreter's end."""
    known = current()
    return known is _checked or known is None


def green(known: object) -> str | None:
    """Name the library of green threads that a class is from, if it is."""
    homes = {str(base.__module__).partition(".")[0] for base in getattr(known, "__mro__", ())}
    return next((library for library in _GREEN if library in homes), None)


def is_mock(known: object) -> bool:
    """Whether it is a mock of ``unittest.mock``: what that stands for is not lost."""
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(known, mock.NonCallableMock)


def refusal(library: str) -> str:
    """Say why its sockets cannot be bounded."""
    return (
        f"socket.socket is {library}'s by now, which waits in a loop of its own: no scope, canceller or policy reaches "
        f"it; use {library}'s own timeouts"
    )


def check(reaches: Callable[[object], bool]) -> None:
    """Raise RuntimeError where green threads have taken the place of sockets; warn of another class, once."""
    global _checked
    known = current()
    if isinstance(known, type) and known is not _checked and not reaches(known):
        library = green(known)
        if library is not None:
            raise RuntimeError(refusal(library))
        # Mocks do not come here: they are no classes, and there on purpose.
        _checked = known
        from warnings import warn

        text = f"socket.socket is {known!r} by now: no scope, canceller or policy reaches its objects"
        warn(text, RuntimeWarning, stacklevel=5)
    _checked = known
