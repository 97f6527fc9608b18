"""Shields: blocks that the scopes and cancellers around them do not bound.

All three are links of a chain, which lives in Rust, as do entering and leaving.
"""

from __future__ import annotations

from .. import _native


class Shield(_native.Link):
    """Within it the scopes and cancellers around it do not count; made by ``shield``."""

    __slots__ = ()


def shield() -> Shield:
    """Take a block, such as one that cleans up, out of the scopes and cancellers around it.

    ``with shotclock.shield():``; those that the block itself enters count. It does not hide the limit of the whole
    program, which is the promise of whoever started it.
    """
    return Shield()
