"""Limits for a whole program, which knows nothing of them: out of the environment or the command line."""

from __future__ import annotations

import os
import sys
import time

from .. import _environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECOND = 10**9

# Each option of the command line with its variable, and how its text is read.
OPTIONS = {
    "--timeout": (_environment.TIMEOUT, _environment.seconds),
    "--total": (_environment.TOTAL, _environment.seconds_above_zero),
    "--lookup-timeout": (_environment.LOOKUP_TIMEOUT, _environment.seconds_above_zero),
}


class Limits:
    """The program's limits: each by its option, else by the environment. The total counts from now.

    ``complain`` is called for each value that cannot be used, which then counts as not given.
    """

    def __init__(self, options: Mapping[str, str], complain: Callable[[ValueError], object]) -> None:
        self._complain = complain
        self._seconds = {option: self._read(option, options.get(option)) for option in OPTIONS}
        self._end_ns = self._end(self._seconds["--total"])

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self._end_ns is not None or any(seconds is not None for seconds in self._seconds.values())

    def put_in_place(self) -> None:
        """Put the limits into force in this process, whose sockets are ours by now."""
        if (timeout := self._seconds["--timeout"]) is not None:
            sys.modules["_socket"].setdefaulttimeout(timeout)
        if (lookup_timeout := self._seconds["--lookup-timeout"]) is not None:
            from .._bounds import lookup

            lookup.set_lookup_timeout(lookup_timeout)
        if self._end_ns is not None:
            from .._bounds import scope
            from .._install import waits

            waits.install()
            scope.limit_program(self._end_ns)

    def hand_on(self) -> None:
        """Hand the limits on to the children of this process, and ask for the graft there."""
        _environment.ask()
        for option in ("--timeout", "--lookup-timeout"):
            if (seconds := self._seconds[option]) is not None:
                os.environ[OPTIONS[option][0]] = repr(seconds)
        self.hand_on_end()

    def hand_on_end(self) -> None:
        """Hand on the moment at which the total ends: forked children have the same moment, so others get it too."""
        if self._end_ns is not None:
            os.environ[_environment.TOTAL_END] = str(self._end_ns)

    def _read(self, option: str, text: str | None) -> float | None:
        variable, read = OPTIONS[option]
        try:
            if text is not None:
                return _environment.named(f"{option} ", text, read)
            return _environment.number(variable, read)
        except ValueError as error:
            self._complain(error)
            return None

    def _end(self, total: float | None) -> int | None:
        """Give the end of the total, our own or our parent's, whichever is earlier: all processes have one clock."""
        ends = []
        if total is not None:
            # The program has not begun yet, so nobody can have replaced this clock.
            ends.append(time.monotonic_ns() + int(total * _SECOND))
        try:
            inherited = _environment.number(_environment.TOTAL_END, _environment.nanoseconds)
        except ValueError as error:
            self._complain(error)
        else:
            if inherited is not None:
                ends.append(inherited)
        return min(ends, default=None)
