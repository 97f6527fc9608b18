"""What the environment asks of child processes: ``SHOTCLOCK=1`` and ``SHOTCLOCK_TIMEOUT=SECONDS``."""

from __future__ import annotations

import os

SWITCH = "SHOTCLOCK"
TIMEOUT = "SHOTCLOCK_TIMEOUT"

# The longest timeout that sockets take: nanoseconds in 63 bits.
_LONGEST = 2**63 // 10**9


def is_on() -> bool:
    """Whether the graft is wanted. Raises ValueError for a value that is neither yes nor no."""
    value = os.environ.get(SWITCH, "")
    if value not in ("", "0", "1"):
        raise ValueError(f"{SWITCH}={value!r}: expected 1 or 0")
    return value == "1"


def asks() -> bool:
    """Whether the children of this process are asked for the graft."""
    return os.environ.get(SWITCH) == "1"


def timeout() -> float | None:
    """The default timeout of new sockets. Raises ValueError for one that cannot be used."""
    value = os.environ.get(TIMEOUT, "")
    try:
        return seconds(value) if value else None
    except ValueError as error:
        raise ValueError(f"{TIMEOUT}={error}") from None


def export(timeout: float | None) -> None:
    """Have the children of this process do the same."""
    os.environ[SWITCH] = "1"
    if timeout is not None:
        os.environ[TIMEOUT] = repr(timeout)


def seconds(text: str) -> float:
    """A timeout in seconds. Raises ValueError for what is none."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    # A NaN is outside too.
    if not 0 <= value <= _LONGEST:
        raise ValueError(f"{text!r}: expected seconds, from 0 to {_LONGEST}")
    return value
