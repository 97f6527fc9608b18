"""Makes sure that every socket is reached before anything is to bound one, so that no limit is without effect.

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
    """Make sure that every socket is reached.

    Where nothing has changed since the last time this only looks at each name that was replaced: about a microsecond.
    """
    if _is_whole is None or not _is_whole():
        _reach_anew()


_is_whole: Callable[[], bool] | None = None


def _reach_anew() -> None:
    global _is_whole
    if _is_whole is None:
        # Children of multiprocessing (and so of concurrent.futures) begin outside of all scopes, as threads do.
        on_import("multiprocessing.util", _watch_children)
    if mount.is_mounted():
        reaches, _is_whole = mount.reaches, strangers.is_as_checked
    else:
        if not graft.is_installed() and os.environ.get("SHOTCLOCK") == "0":
            raise RuntimeError("SHOTCLOCK=0 forbids install(), without which a scope or canceller has no effect")
        try:
            graft.put_in_place()
        except ImportError:
            # If it is installed, another class has taken the place of socket.socket since: `check` below says so.
            if not graft.is_installed():
                raise
        reaches, _is_whole = graft.may_reach, graft.is_whole
    strangers.check(reaches)
    waits.install()


def _begin_outside(_: object) -> None:
    _native.leave_all()


def _watch_children(util: ModuleType) -> None:
    # Registered as long as its first argument lives: a function of a module, so for ever.
    util.register_after_fork(_begin_outside, _begin_outside)
