"""What is in force around a call: the scopes, cancellers and shields that a thread or task is in.

They are links of a chain, which lives in Rust, as do entering and leaving.
"""

from __future__ import annotations

import os

from . import _native
from ._on_import import on_import

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    """See to it that nothing is entered without effect."""
    from . import _graft, _mount

    if _graft.is_installed() or _mount.is_mounted():
        return
    if os.environ.get("SHOTCLOCK") == "0":
        raise RuntimeError("SHOTCLOCK=0 forbids install(), without which a scope or canceller has no effect")
    _graft.install()


_native.before_entering(reach_every_socket)
