"""What environment variables ask for: in child processes the graft and limits, and the pace of connection attempts."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Number = TypeVar("Number", int, float)

SWITCH = "SHOTCLOCK"
TIMEOUT = "SHOTCLOCK_TIMEOUT"
LOOKUP_TIMEOUT = "SHOTCLOCK_LOOKUP_TIMEOUT"
TOTAL = "SHOTCLOCK_TOTAL"
# Set by this package only: when the total of a parent process ends, in nanoseconds of the monotonic clock.
TOTAL_END = "SHOTCLOCK_TOTAL_END"
ATTEMPT_DELAY = "SHOTCLOCK_ATTEMPT_DELAY"
SERVE_WAITS = "SHOTCLOCK_SERVE_WAITS"

# The longest timeout that sockets take: nanoseconds in 63 bits.
_LONGEST = 2**63 // 10**9
# The longest limit of ours.
_MOST = 9 * 10**9


def is_on() -> bool:
    """Whether the graft is wanted. Raises ValueError for a value that is neither yes nor no."""
    value = os.environ.get(SWITCH, "")
    if value not in ("", "0", "1"):
        raise ValueError(f"{SWITCH}={value!r}: expected 1 or 0")
    return value == "1"


def asks() -> bool:
    """Whether the children of this process are asked for the graft."""
    return os.environ.get(SWITCH) == "1"


def serves_waits() -> bool:
    """Whether this process is to tell others what waits in it."""
    return os.environ.get(SERVE_WAITS) == "1"


def ask() -> None:
    """Ask for the graft in the children of this process."""
    os.environ[SWITCH] = "1"


def attempt_delay(usual: float) -> float | None:
    """The pause between two attempts of create_connection, None for ``none``. Raises ValueError for what is neither."""
    if os.environ.get(ATTEMPT_DELAY) == "none":
        return None
    delay = number(ATTEMPT_DELAY, _delay)
    return usual if delay is None else delay


def number(variable: str, read: Callable[[str], Number]) -> Number | None:
    """What a variable says, None if it is not set. Raises ValueError for what cannot be used."""
    value = os.environ.get(variable, "")
    return named(f"{variable}=", value, read) if value else None


def named(name: str, text: str, read: Callable[[str], Number]) -> Number:
    """Read a text. Raises ValueError, whose text begins with ``name``."""
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{name}{error}") from None


def seconds(text: str) -> float:
    """A timeout in seconds. Raises ValueError for what is none."""
    return _between(text, "seconds, from 0 to", _LONGEST)


def seconds_above_zero(text: str) -> float:
    """A limit in seconds. Raises ValueError for what is none."""
    expected = "seconds, more than 0, up to"
    if (value := _between(text, expected, _MOST)) == 0:
        raise ValueError(f"{text!r}: expected {expected} {_MOST}")
    return value


def nanoseconds(text: str) -> int:
    """A moment in nanoseconds. Raises ValueError for what is none."""
    if not text.isdecimal() or (value := int(text)) >= 2**63:
        raise ValueError(f"{text!r}: expected nanoseconds of the monotonic clock")
    return value


def warn(error: Exception, outcome: str = "ignored") -> None:
    """Say on standard error that something cannot be used, and what comes of it. The program goes on."""
    try:
        # With stderr None print would write to stdout.
        if sys.stderr is not None:
            print(f"shotclock: {error}; {outcome}", file=sys.stderr)
    except (OSError, ValueError):
        # It is closed or full: nobody reads this.
        pass


def _delay(text: str) -> float:
    return _between(text, "'none', or seconds, from 0 to", _MOST)


def _between(text: str, expected: str, most: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    # A NaN is outside too.
    if not 0 <= value <= most:
        raise ValueError(f"{text!r}: expected {expected} {most}")
    return value
