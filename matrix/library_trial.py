"""One call of one library by one contestant, in a process of its own: ``library_trial.py CONTESTANT LIBRARY FAULT ADDRESS``.

Prints seconds, how it ended (``ended``, ``timeout``, ``error``, or ``absent`` if the library is not installed) and with
what, between tabs; then the process ends as programs do. Where it is late, the stacks of all threads are on standard error.
Whatever hangs, the call or the end of the process, is ended by the system (SIGALRM).
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import time

import contestants

# Enough to call it hung.
CAP_SECONDS = 4
# Enough for an interpreter to end, on a busy machine.
EXIT_SECONDS = 3
# Late, beyond doubt.
LATE_SECONDS = 1.3


def main() -> None:
    """Prepare, and time the call alone."""
    _, contestant_name, name, fault, address = sys.argv
    contestant = contestants.FOR_LIBRARIES[contestant_name]()
    contestant.enter()
    import libraries

    host, _, port = address.rpartition(":")
    try:
        call = libraries.named(name).call(fault, (host, int(port)))
    except ImportError as error:
        _say(0, "absent", error)
        return
    # What waits in C as well; the system's own way with the signal, the end, comes after.
    faulthandler.register(signal.SIGALRM, chain=True)
    if isinstance(contestant, contestants.Graft):
        faulthandler.dump_traceback_later(LATE_SECONDS)
    signal.alarm(CAP_SECONDS)
    ended, said = "ended", None
    begun = time.monotonic()
    try:
        with contestant.bound() as bound:
            said = call()
    except BaseException as error:  # noqa: BLE001 - gevent's timeout is no Exception
        ended, said = ("timeout" if contestant.is_timeout(error, bound) else "error"), error
    seconds = time.monotonic() - begun
    faulthandler.cancel_dump_traceback_later()
    _say(seconds, ended, said)
    signal.alarm(EXIT_SECONDS)


def _say(seconds: float, ended: str, what: object) -> None:
    words = f"{type(what).__module__}.{type(what).__qualname__}: {what}" if isinstance(what, BaseException) else repr(what)
    print(f"{seconds:.4f}\t{ended}\t{' '.join(words.split())[:300]}", flush=True)


if __name__ == "__main__":
    main()
