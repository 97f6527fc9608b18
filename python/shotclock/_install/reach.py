"""What comes before anything is bounded: that every socket is reached, so that no limit is without effect.

Rust imports this module and calls its function, when a scope or canceller is entered or a policy is given.
"""

from __future__ import annotations

import os

from .. import _native
from . import graft, mount, strangers, waits
from .on_import import on_import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def reach_every_socket() -> None:
    """See to it that nothing is entered without effect.

    Where that is so already, this looks at each name that was replaced, in about a microsecond.
    """
    if _is_whole is None or not _is_whole():
        _reach_anew()


_is_whole: Callable[[], bool] | None = None


def _reach_anew() -> None:
    global _is_whole
    if _is_whole is None:
        # Children of multiprocessing, hence of concurrent.futures, begin outside, as threads do.
        on_import("multiprocessing.util", _watch_children)
    if mount.is_mounted():
        reaches, _is_whole = mount.reaches, strangers.is_as_checked
    else:
        if not graft.is_installed() and os.environ.get("SHOTCLOCK") == "0":
            raise RuntimeError("SHOTCLOCK=0 forbids install(), without which a scope or canceller has no effect")
        try:
            graft.install()
        except ImportError:
            # Else another class has come later, of which more is said below.
            if not graft.is_installed():
                raise
        reaches, _is_whole = graft.reaches, graft.is_whole
    strangers.check(reaches)
    waits.install()


def _begin_outside(_: object) -> None:
    _native.leave_all()


def _watch_children(util: ModuleType) -> None:
    # Of this function's life, which is the process's.
    util.register_after_fork(_begin_outside, _begin_outside)
