"""Shields: blocks that scopes and cancellers outside of them do not bound.

Scopes, cancellers and shields are links of one chain. It lives in Rust, and entering and leaving are done there.
"""

from __future__ import annotations

from .. import _native
from .entering import left_if_interrupted


@left_if_interrupted
class Shield(_native.Link):
    """A block in which scopes and cancellers outside of it do not count; made by ``shield``."""

    __slots__ = ()


def shield() -> Shield:
    """Take a block, such as one that cleans up, out of the scopes and cancellers that it is in.

    ``with shotclock.shield():``. Scopes that the block itself enters count. The limit of the whole program is not
    hidden: the program's caller relies on it.

    >>> import shotclock
    >>> with shotclock.deadline(60), shotclock.shield():
    ...     print(shotclock.remaining())
    None
    """
    return Shield()
