"""One cell by one contestant, in a process of its own: ``trial.py CONTESTANT CELL``.

Prints seconds, how it ended (``ended``, ``timeout`` or ``error``) and with what, between tabs. Where the time until the
process has ended counts, it prints the clock at the beginning instead of seconds, and ends as programs do. Whatever
hangs is ended by the system (SIGALRM).
"""

from __future__ import annotations

import contextlib
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
    from cells import Aftermath, Place, all_cells

    cell = next(cell for cell in all_cells() if cell.question.name == cell_name)
    work = cell.prepare(Place(contestant.timeout))
    call, afterwards = (work.call, work.afterwards) if isinstance(work, Aftermath) else (work, _nothing)
    # What only the call refers to is finalized when the call has ended.
    del work
    ended, said = "ended", ""
    signal.alarm(CAP_SECONDS)
    begun = time.monotonic()
    try:
        with contestant.bound() as bound:
            said = repr(call())
    except BaseException as error:  # noqa: BLE001 - gevent's timeout is no Exception
        ended = "timeout" if contestant.is_timeout(error, bound) else "error"
        said = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
    del call
    # That bytes are lost is for it to say; here counts when it does.
    with contextlib.suppress(OSError):
        afterwards()
    figure = begun if cell.question.until_exit else time.monotonic() - begun
    print(f"{figure:.4f}\t{ended}\t{' '.join(said.split())[:300]}", flush=True)
    if not cell.question.until_exit:
        # Without the goodbyes of whatever still waits.
        os._exit(0)


def _nothing() -> None:
    pass


if __name__ == "__main__":
    main()
