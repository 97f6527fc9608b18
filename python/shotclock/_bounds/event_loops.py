"""Event loops that a scope or a canceller ends: the loop's own wait raises nothing, what it was run for is cancelled.

A loop runs callbacks of many, and its wait is none's of them: an exception there would leave all half-way. So at the end
what ``run_until_complete`` was called for is cancelled, once, as asyncio does at Ctrl-C; what goes on nevertheless is
stopped after a moment. What leaves the block because of that is turned into the scope's end.

Rust calls ``asyncio_ends`` and ``trio_ends`` when a loop is about to wait and what is around it is over; their answers are a
moment until which it may wait, 0 to go on at once, or None to wait as ever.
"""

from __future__ import annotations

import sys
from _thread import get_ident

from .. import _native
from .ended_runs import AsyncioRun, Runs, TrioRun, end_of, runs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from .ended_runs import Run

# How long a loop may go on that has always something to do and never waits.
_BUSY_NS = 50_000_000
# Runs that are ended for one scope or canceller: with more of them somebody runs loops again and again.
_MOST_RUNS = 8
# So many calls around a loop's turn may be what it was run by.
_MOST_FRAMES = 8
_TURN = "_run_once"
# How often a loop with a timer of ours looks whether a canceller was used, in seconds; the shortest such pause, and the
# longest.
_LOOK_SECONDS = 0.02
_LEAST_SECONDS = 0.001
_MOST_SECONDS = 86400.0

# The runs of loops in C that are looked after, by the ident of the thread.
_watches: dict[int, _Watch] = {}


def asyncio_ends(turn: FrameType, links: list[_native.Link], waits: bool) -> int | None:
    """Tell a loop of asyncio's, in whose turn this is, that what is around it is over."""
    frame, future = _run_around(turn)
    run = _known(links, frame)
    if run is None:
        if _is_spared(_begin(links), waits):
            return None
        run = _new_run(links, frame, _loop_of(turn), future)
    return run.go_on()


def trio_ends(turn: FrameType, links: list[_native.Link], waits: bool) -> int | None:
    """Tell a loop of trio's, that waits in this frame, that what is around it is over."""
    frame = turn.f_back
    runner = None if frame is None else frame.f_locals.get("runner")
    if frame is None or runner is None:
        # A guest of another loop, which waits for it.
        return None
    run = _known(links, frame)
    if run is None:
        if _is_spared(_begin(links), waits) or runner.main_task is None or runner.main_task_outcome is not None:
            return None
        cause, _ = _over(links)
        run = _noted(links, TrioRun(frame, cause, runner))
    return run.go_on()


def is_turn(frame: FrameType, loop: object) -> bool:
    """Whether a function that is named as a turn of asyncio's is one of this loop."""
    return _first_argument(frame) is loop


def begins(loop: Any, links: list[_native.Link]) -> None:
    """See to a loop that begins to run inside of these: one whose waits are not Python's looks at the time by itself."""
    thread = get_ident()
    if loop is None or not hasattr(type(loop), _TURN):
        # The run before is over.
        if (watch := _watches.pop(thread, None)) is not None:
            watch.end()
        if loop is not None:
            watch = _watches[thread] = _Watch(loop, sys._getframe(1), links)
            watch.begin()


class _Watch:
    """A timer in a loop that waits in C, as uvloop does: that is as good as its own wait, but for a little time."""

    def __init__(self, loop: Any, frame: FrameType, links: list[_native.Link]) -> None:
        self._loop = loop
        self._frame = frame
        self._links = links
        self._is_cancellable = any(link._canceller is not None for link in links)
        self._handle: Any = None
        self._run: Run | None = None

    def begin(self) -> None:
        now = _native.monotonic_ns()
        until = min(link.deadline_ns for link in self._links)
        # What need not wait is done by then.
        self._again(now + _BUSY_NS if any(_is_over(link, now) for link in self._links) else until)

    def end(self) -> None:
        self._handle.cancel()

    def _look(self) -> None:
        now = _native.monotonic_ns()
        links = [link for link in self._links if link._open]
        if not links:
            # The block was left, and the loop runs on outside of it.
            return
        until: int | None = min(link.deadline_ns for link in links)
        if any(_is_over(link, now) for link in links):
            if self._run is None:
                self._run = _new_run(links, self._frame, self._loop, _awaited(self._loop))
            until = self._run.go_on()
        if until is not None:
            self._again(until)

    def _again(self, until: int) -> None:
        seconds = max(_LEAST_SECONDS, (until - _native.monotonic_ns()) / 1e9)
        most = _LOOK_SECONDS if self._is_cancellable else _MOST_SECONDS
        self._handle = self._loop.call_later(min(seconds, most), self._look)


def _new_run(links: list[_native.Link], frame: FrameType, loop: Any, future: Any) -> Run:
    cause, runs = _over(links)
    return _noted(links, AsyncioRun(frame, cause, runs.has_ended(loop), loop, future))


def _known(links: list[_native.Link], frame: FrameType) -> Run | None:
    return next((run for link in links if (runs := runs_of(link)) is not None and (run := runs.of(frame))), None)


def _begin(links: list[_native.Link]) -> Runs:
    """Give what is known of what is over; raise its end where somebody runs loops in it again and again."""
    cause, runs = _over(links)
    if len(runs.ended) >= _MOST_RUNS:
        raise end_of(cause, "asyncio", swallowed=True)
    return runs


def _over(links: list[_native.Link]) -> tuple[_native.Link, Runs]:
    """Find what is over, and what is known of it."""
    now = _native.monotonic_ns()
    cancelled = (link for link in links if link._canceller is not None and _is_over(link, now))
    cause = next(cancelled, None) or min(links, key=lambda link: link.deadline_ns)
    runs = runs_of(cause)
    if runs is None:
        runs = cause._runs = Runs()
    runs.seen_ns = runs.seen_ns or now
    return cause, runs


def _is_over(link: _native.Link, now: int) -> bool:
    canceller = link._canceller
    return now >= link.deadline_ns if canceller is None else canceller.cancelled


def _is_spared(runs: Runs, waits: bool) -> bool:
    """Whether a loop that would not wait is left alone still."""
    return not waits and _native.monotonic_ns() < runs.seen_ns + _BUSY_NS


def _noted(links: list[_native.Link], run: Run) -> Run:
    """Have each `with` up to the one that is over know of the run: what it raises passes all of them."""
    for link in links[: links.index(run.cause) + 1]:
        runs = runs_of(link)
        if runs is None:
            runs = link._runs = Runs()
        runs.ended.append(run)
    return run


def _run_around(turn: FrameType) -> tuple[FrameType, Any]:
    """Find the frame that lives as long as a run, and what the run is for, or None if it is for nothing."""
    frame, loop = _caller(turn), _loop_of(turn)
    # A turn of a subclass calls the one that it overrides.
    while frame.f_code.co_name == _TURN:
        frame = _caller(frame)
    found = frame
    for _ in range(_MOST_FRAMES):
        if found.f_code.co_name == "run_until_complete":
            return found, _future_in(found, loop)
        if found.f_back is None or found.f_code.co_name == "_run":
            break
        found = found.f_back
    return frame, None


def _future_in(frame: FrameType, loop: object) -> Any:
    known = frame.f_locals
    isfuture = sys.modules["asyncio"].isfuture
    futures: list[Any] = [value for value in (known.get("future"), *known.values()) if isfuture(value)]
    return next((future for future in futures if future.get_loop() is loop and not _is_running(future)), None)


def _is_running(future: Any) -> bool:
    # One of which the run is a part, where a loop is run in a callback of its own.
    coroutine = future.get_coro() if hasattr(future, "get_coro") else None
    return bool(getattr(coroutine, "cr_running", False))


def _awaited(loop: object) -> Any:
    """Find the task that a loop in C was run for: its `run_until_complete` wants to be told when that is done."""
    for task in sys.modules["asyncio"].all_tasks(loop):
        for callback, _ in getattr(task, "_callbacks", None) or ():
            if "run_until_complete" in getattr(callback, "__qualname__", ""):
                return task
    return None


def _loop_of(turn: FrameType) -> Any:
    return _first_argument(turn)


def _first_argument(frame: FrameType) -> object:
    names = frame.f_code.co_varnames
    return frame.f_locals.get(names[0]) if names else None


def _caller(frame: FrameType) -> FrameType:
    return frame if frame.f_back is None else frame.f_back
