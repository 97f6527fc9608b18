"""Entering a block where the interpreter runs handlers of signals between a method in C and the beginning of the block."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    Kind = TypeVar("Kind", bound=type)


def left_if_interrupted(kind: Kind) -> Kind:
    """Decorate a class of blocks: where a handler raises once a block was entered, and before it has begun, it is left.

    3.14 runs handlers right there, and leaves even its own locks locked. Within a frame of Python's there is no such moment,
    and what a handler raises can be caught. Other interpreters enter by one call of C.
    """
    if sys.version_info[:2] != (3, 14):
        return kind
    methods: Any = kind
    enter, leave = methods.__enter__, methods.__exit__

    def __enter__(self: Any) -> Any:
        try:
            return enter(self)
        except BaseException:
            leave(self, None, None, None)
            raise

    methods.__enter__ = __enter__
    return kind
