"""What is in force around a call: the scopes, cancellers and shields that a thread or task is in.

They are links of a chain, which lives in Rust, as do entering and leaving.
"""

from __future__ import annotations

import os

from . import _native, _strangers
from ._on_import import on_import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


class Shield(_native.Link):
    """Within it the scopes and cancellers around it do not count; made by ``shield``."""

    __slots__ = ()


def shield() -> Shield:
    """Take a block, such as one that cleans up, out of the scopes and cancellers around it.

    ``with shotclock.shield():``; those that the block itself enters count. It does not hide the limit of the whole
    program, which is the promise of whoever started it.
    """
    return Shield()


def reach_every_socket() -> None:
    """See to it that nothing is entered without effect.

    Where that is so already, this looks at each name that was replaced, in about a microsecond.
    """
    if _is_whole is None or not _is_whole():
        _reach_anew()


_is_whole: Callable[[], bool] | None = None


def _reach_anew() -> None:
    global _is_whole
    from . import _graft, _mount

    if _is_whole is None:
        # Children of multiprocessing, hence of concurrent.futures, begin outside, as threads do.
        on_import("multiprocessing.util", _watch_children)
    if _mount.is_mounted():
        reaches, _is_whole = _mount.reaches, _strangers.is_as_checked
    else:
        if not _graft.is_installed() and os.environ.get("SHOTCLOCK") == "0":
            raise RuntimeError("SHOTCLOCK=0 forbids install(), without which a scope or canceller has no effect")
        try:
            _graft.install()
        except ImportError:
            # Else another class has come later, of which more is said below.
            if not _graft.is_installed():
                raise
        reaches, _is_whole = _graft.reaches, _graft.is_whole
    _strangers.check(reaches)


def _begin_outside(_: object) -> None:
    _native.leave_all()


def _watch_children(util: ModuleType) -> None:
    # Of this function's life, which is the process's.
    util.register_after_fork(_begin_outside, _begin_outside)


_native.before_entering(reach_every_socket)
