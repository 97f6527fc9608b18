"""What the tests can run inside of: a limit so far away that it ends nothing, or a canceller that nobody uses."""

import contextlib
import functools
import sys
import threading
from collections.abc import Callable

KINDS = ("scope", "total", "canceller")
# Longer than any run, in seconds.
FAR = 100_000

# What was entered last.
entered: contextlib.AbstractContextManager | None = None


def options(inside: str | None, mount: str) -> list[str]:
    """What `python -m shotclock` is told of it."""
    return ["--total", str(FAR)] if inside == "total" and mount == "type" else []


def prefix(inside: str | None, mount: str) -> list[str]:
    """What the command begins with where there is no `-m shotclock` to be told: the start-up file reads it."""
    return ["env", "SHOTCLOCK=1", f"SHOTCLOCK_TOTAL={FAR}"] if inside == "total" and mount == "graft" else []


def enter(inside: str | None) -> contextlib.AbstractContextManager:
    """What all that follows is to be inside of, the threads it starts too; the mount comes first."""
    if inside == "scope":
        import shotclock

        scope = shotclock.deadline(FAR)
        return _with_threads(scope, scope.carry)
    if inside == "canceller":
        import shotclock

        canceller = shotclock.Canceller()
        return _with_threads(canceller, lambda: canceller)
    return contextlib.nullcontext()


@contextlib.contextmanager
def _with_threads(
    block: contextlib.AbstractContextManager, carried: Callable[[], contextlib.AbstractContextManager]
):
    """The block, and each thread in what was carried into it: by itself a thread begins outside."""
    global entered
    entered = block
    begin = threading.Thread._bootstrap_inner

    @functools.wraps(begin)
    def begin_inside(thread):
        if sys.version_info < (3, 14):
            with carried():
                begin(thread)
            return
        # From 3.14 on a thread runs in a context of its own, which it enters after this.
        run = thread.run

        @functools.wraps(run)
        def run_inside():
            del thread.run
            with carried():
                run()

        thread.run = run_inside
        del run_inside
        begin(thread)

    threading.Thread._bootstrap_inner = begin_inside
    try:
        with block:
            yield
    finally:
        threading.Thread._bootstrap_inner = begin
