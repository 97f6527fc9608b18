"""What ends a block that has swallowed the end of its scope, and waits again and again."""

from __future__ import annotations


class Overdue(BaseException):
    """A scope's end, or a cancellation, that was swallowed: eight times in a row by one function's call, or for a second by anybody.

    Raised in the place of TimeoutError, with the same attributes, so that ``except Exception`` in a loop does not keep the
    block from ending. The ``with`` of the scope makes a TimeoutError of it, which has it as its cause, and
    ``move_on_after`` just ends: outside of the block nobody sees it. So does that of a canceller, with ``Cancelled``.
    """

    scope: object = None
    canceller: object = None


def as_timeout(overdue: Overdue) -> TimeoutError:
    """Make the TimeoutError that it stands for."""
    error = TimeoutError(*overdue.args)
    vars(error).update(vars(overdue))
    return error
