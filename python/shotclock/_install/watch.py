"""What looks after scopes that are over and not left: a thread in Rust, of which this says when there may be one.

It is started by the first scope that it could concern. A fork has no thread but the program's own, of which from 3.12 on
the interpreter warns: so it ends before, and begins anew after it, if there is anything to look after. Before the
interpreter ends it ends for good.
"""

from __future__ import annotations

import atexit
import os
from _contextvars import copy_context

from .. import _native

_CONNECTIONS = "connections that libraries in C wait for"
# None while they are ended; else why not, if that was tried.
_why_not: str | None = ""


def begin() -> None:
    """Look after the scopes that are entered from now on."""
    global _why_not
    # Within two contexts, one after the other.
    for context in (copy_context(), copy_context()):
        context.run(_native.prove_context, context)
    _why_not = _native.begin_watch()


def end() -> None:
    """Look after none from now on."""
    global _why_not
    _why_not = ""
    _native.end_watch()


def rest() -> None:
    """Have no thread, unless there is anything to look after."""
    _native.pause_watch()
    _native.resume_watch()


def replaced() -> tuple[str, ...]:
    """Name what ends by this."""
    return (_CONNECTIONS,) if _why_not is None else ()


def left_out() -> tuple[str, ...]:
    """Name what cannot be ended, and say why."""
    return (f"{_CONNECTIONS}: {_why_not}",) if _why_not else ()


def _end_for_good() -> None:
    end()
    _native.pause_watch()


os.register_at_fork(
    before=_native.pause_watch, after_in_parent=_native.resume_watch, after_in_child=_native.watch_anew
)
atexit.register(_end_for_good)
