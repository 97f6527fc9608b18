"""What a scope says that cannot hold: how much it is overdue, and where its thread is."""

from __future__ import annotations

import os
import sys
import warnings
from _thread import get_ident

from .. import _native
from .overdue import OverdueWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from .scope import Scope

_LIBRARY = os.path.dirname(os.__file__) + os.sep
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
_INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))


def warn(scope: Scope, thread: int, end_ns: int) -> None:
    """Warn of a scope whose thread has not left it, at the line of the program's own that the thread is in.

    It is called by the thread that looks after scopes, which Python does not know, and is not to get to know. Raises
    OverdueWarning where warnings are errors.
    """
    try:
        innermost = sys._current_frames().get(thread)
        if innermost is not None:
            own = _first_own(innermost) or innermost
            text = _text(scope, innermost, own, (_native.monotonic_ns() - end_ns) / 10**9)
            place = own.f_globals.get("__name__") or "<unknown>"
            warnings.warn_explicit(text, OverdueWarning, own.f_code.co_filename, own.f_lineno, place, {})
    finally:
        # Whoever shows the warning may have asked for the current thread, of which an entry stays up to 3.12.
        threading = sys.modules.get("threading")
        known = getattr(threading, "_active", {})
        if isinstance(known.get(get_ident()), getattr(threading, "_DummyThread", ())):
            known.pop(get_ident(), None)


def _text(scope: Scope, innermost: FrameType, own: FrameType, late: float) -> str:
    seconds = scope._seconds
    name = "a deadline scope" if seconds is None else f"a deadline scope of {seconds:g} s"
    text = f"{name} is overdue by {late:.2f} s, and cannot end what its thread is in: {_place(innermost)}"
    return text if own is innermost else f"{text}, called from {_place(own)}"


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_qualname}"


def _first_own(frame: FrameType | None) -> FrameType | None:
    """Give the innermost frame of the program's own: neither the interpreter's library nor an installed one."""
    while frame is not None and not _is_own(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _is_own(file: str) -> bool:
    return not (file.startswith((_LIBRARY, _OURS, "<frozen ")) or any(part in file for part in _INSTALLED))
