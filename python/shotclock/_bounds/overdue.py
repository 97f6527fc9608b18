"""What ends a block that has swallowed the end of its scope, and waits again and again; and what is said of one that
cannot be ended."""

from __future__ import annotations


class Overdue(BaseException):
    """A scope's end, or a cancellation, that was swallowed: eight times in a row by one function's call, or for a second by anybody.

    Raised in the place of TimeoutError, with the same attributes, so that ``except Exception`` in a loop does not keep the
    block from ending. The ``with`` of the scope makes a TimeoutError of it, which has it as its cause, and
    ``move_on_after`` just ends: outside of the block nobody sees it. So does that of a canceller, with ``Cancelled``.

    >>> import shotclock, socket
    >>> one, other = socket.socketpair()
    >>> def stubborn():
    ...     while True:
    ...         try:
    ...             one.recv(1)                     # nobody sends
    ...         except Exception:
    ...             pass
    >>> try:
    ...     with shotclock.deadline(0.05):
    ...         stubborn()
    ... except TimeoutError as error:
    ...     print(type(error.__cause__) is shotclock.Overdue)
    True
    """

    scope: object = None
    canceller: object = None


class OverdueWarning(RuntimeWarning):
    """A deadline scope is over since 0.2 s, and its thread is in it still, in something that nothing ends: it computes, or
    a library in C waits for what is no connection.

    It is issued once for a scope, by a thread of this package, and names the line where the scope's thread is. To have none
    ``warnings.filterwarnings("ignore", category=shotclock.OverdueWarning)``; as an error it is reported by
    ``sys.unraisablehook``, since it cannot be raised in that thread.

    >>> import shotclock, warnings
    >>> warnings.filterwarnings("ignore", category=shotclock.OverdueWarning)
    """


def as_timeout(overdue: Overdue) -> TimeoutError:
    """Make the TimeoutError that it stands for."""
    error = TimeoutError(*overdue.args)
    vars(error).update(vars(overdue))
    return error


def ended_connection(scope: object, limit: str, elapsed: float) -> TimeoutError:
    """Make the TimeoutError of a scope that has ended the connection which a library in C waited for.

    ``elapsed`` is how long the scope has been there, in seconds.
    """
    error = TimeoutError("timed out")
    vars(error).update(phase="library", limit=limit, elapsed=elapsed, sent=None, partial=b"", scope=scope)
    error.add_note("library: the deadline scope ended, and with it the connection or lookup that a library in C waited for")
    return error
