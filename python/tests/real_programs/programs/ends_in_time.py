"""Whether a wait ends at its limit."""

import time

LATE = 0.3
TRIES = 5


def ends_in_time(limit, kind, call):
    """Return the exception of this kind that `call` raises: never before its limit, and soon after it.

    Soon holds if one of a few tries is soon: the machine may have other work.
    """
    for _ in range(TRIES):
        begun = time.monotonic()
        try:
            result = call()
        except kind as error:
            ended = error
        else:
            raise AssertionError(f"no {kind.__name__}, but {result!r}")
        passed = time.monotonic() - begun
        assert passed >= limit, f"{kind.__name__} after {passed} s of {limit}"
        if passed < limit + LATE:
            return ended
    raise AssertionError(f"{TRIES} times more than {LATE} s late")
