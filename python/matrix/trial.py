"""One cell by one contestant, in a process of its own: ``trial.py CONTESTANT CELL``.

Prints seconds, how it ended (``ended``, ``timeout`` or ``error``) and with what, between tabs. Whatever hangs is ended
by the system (SIGALRM).
"""

from __future__ import annotations

import os
import signal
import sys
import time

import contestants

# Enough to call it missed.
CAP_SECONDS = 3


def main() -> None:
    """Prepare, and time the call alone."""
    _, name, cell_name = sys.argv
    contestant = contestants.CONTESTANTS[name]()
    contestant.enter()
    from cells import Place, all_cells

    cell = next(cell for cell in all_cells() if cell.question.name == cell_name)
    call = cell.prepare(Place(contestant.timeout))
    ended, said = "ended", ""
    signal.alarm(CAP_SECONDS)
    begun = time.monotonic()
    try:
        with contestant.bound() as bound:
            said = repr(call())
    except BaseException as error:  # noqa: BLE001 - gevent's timeout is no Exception
        took = time.monotonic() - begun
        ended = "timeout" if contestant.is_timeout(error, bound) else "error"
        said = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
    else:
        took = time.monotonic() - begun
    print(f"{took:.4f}\t{ended}\t{' '.join(said.split())[:300]}", flush=True)
    # Without the goodbyes of whatever still waits.
    os._exit(0)


if __name__ == "__main__":
    main()
