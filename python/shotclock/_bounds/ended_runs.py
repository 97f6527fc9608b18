"""Runs of event loops that are ended for a scope or a canceller: how each is ended, and what its `with` makes of that."""

from __future__ import annotations

import sys

from .. import _native
from .overdue import Overdue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType
    from typing import Any

# How long what was cancelled may take to clean up, and what a loop does to clean up once it was ended.
_GRACE_NS = 200_000_000
# How long what cleans up may go on once it was cancelled for taking too long.
_LAST_WORDS_NS = 50_000_000


class Runs:
    """What a link knows of the runs of loops that were ended inside of it."""

    def __init__(self) -> None:
        self.ended: list[Run] = []
        # When a loop was first seen going on after the end; 0 if none was.
        self.seen_ns = 0

    def of(self, frame: FrameType) -> Run | None:
        """Give the run of this frame, if it is one of them."""
        return next((run for run in self.ended if run.frame is frame), None)

    def has_ended(self, loop: object) -> bool:
        """Whether a run of this loop is among them: what it runs afterwards, or around that, cleans up."""
        return any(getattr(run, "loop", None) is loop for run in self.ended)

    def leave(self, link: _native.Link, error: BaseException | None) -> bool:
        """Say whether to swallow what the link's block raised; raise what it is to raise instead."""
        judge = link._judge if link._canceller is None else link._canceller._judge
        made = self.end_behind(link, error)
        if made is None:
            return error is not None and bool(judge(error))
        if judge(made):
            return True
        raise made from error

    def end_behind(self, link: _native.Link, error: BaseException | None) -> BaseException | None:
        """Make the end that has made a block of this link raise just this, or end, if one has."""
        return next((run.error() for run in self.ended if run.is_behind(error, link)), None)


class Run:
    """One run of a loop that is to end: from when it is seen after the end of what is around it."""

    phase = "asyncio"

    def __init__(self, frame: FrameType, cause: _native.Link, *steps: tuple[int, Callable[[], bool]]) -> None:
        """Take each step, a function, so many nanoseconds after the one before; the first counts from now."""
        self.frame = frame
        self.cause = cause
        self._steps = list(steps)
        self._before_ns = _native.monotonic_ns()
        cause.expired = True
        # Locks, joins and children of what cleans up may be waited for as long.
        cause._grace_until_ns = self._before_ns + sum(after for after, _ in steps)

    def go_on(self) -> int | None:
        """Do what is due, and say until when the loop may wait: 0 for not at all, None for as long as it likes."""
        while self._steps:
            after, step = self._steps[0]
            now = _native.monotonic_ns()
            if now < self._before_ns + after:
                return self._before_ns + after
            self._steps.pop(0)
            self._before_ns = now
            if step():
                return 0
        return None

    def is_behind(self, error: BaseException | None, link: _native.Link) -> bool:
        """Whether the block of this link ends with just this because the run was ended."""
        return error is not None and self._is_made_by_it(error) and self.frame in _frames(error.__traceback__)

    def _is_made_by_it(self, error: BaseException) -> bool:
        raise NotImplementedError

    def error(self) -> BaseException:
        """Make what the block is to end with."""
        return end_of(self.cause, self.phase)


class AsyncioRun(Run):
    """A run of asyncio's, or of another loop of that make."""

    def __init__(self, frame: FrameType, cause: _native.Link, is_clean_up: bool, loop: Any, future: Any) -> None:
        # Where a call has raised the end before, this may be what cleans up after that.
        cancelled = _GRACE_NS if is_clean_up or cause._first_raised_ns else 0
        if future is None:
            super().__init__(frame, cause, (cancelled, self._stop))
        else:
            stopped = _LAST_WORDS_NS if is_clean_up else _GRACE_NS
            super().__init__(frame, cause, (cancelled, self._cancel), (stopped, self._stop))
        self.loop = loop
        self._future: Any = future
        self._is_cancelled = self._is_stopped = False

    def _cancel(self) -> bool:
        self._is_cancelled = True
        return bool(self._future.cancel())

    def _stop(self) -> bool:
        self._is_stopped = True
        self.loop.stop()
        return True

    def is_behind(self, error: BaseException | None, link: _native.Link) -> bool:
        """Also where nothing is raised: run_forever() ends without a word, so whoever set the limit is told."""
        if error is None:
            return self._future is None and self._is_stopped and link is self.cause
        return super().is_behind(error, link)

    def _is_made_by_it(self, error: BaseException) -> bool:
        if type(error) is RuntimeError:
            # run_until_complete() itself says that it was stopped; another is the program's.
            *_, raised_in = _frames(error.__traceback__)
            return self._is_stopped and raised_in.f_code.co_name.endswith("run_until_complete")
        return isinstance(error, sys.modules["asyncio"].CancelledError) and self._is_cancelled


class TrioRun(Run):
    """A run of trio's. Its loop can be cancelled, but not be stopped: at last it is left."""

    phase = "trio"

    def __init__(self, frame: FrameType, cause: _native.Link, runner: Any) -> None:
        steps = (0, self._cancel), (_GRACE_NS, self._interrupt), (_GRACE_NS, self._abandon)
        super().__init__(frame, cause, *steps)
        self._runner = runner
        self._is_interrupted = False

    def _cancel(self) -> bool:
        # The nursery of just the main task: its scope is what anything inside is cancelled by.
        self._runner.main_task.parent_nursery.cancel_scope.cancel()
        return True

    def _interrupt(self) -> bool:
        # What swallows Cancelled again and again does not swallow this, which trio delivers in the main task.
        self._is_interrupted = True
        self._runner.deliver_ki()
        return True

    def _abandon(self) -> bool:
        if (turns := self.frame.f_locals.get("gen")) is not None:
            turns.close()
        raise self.error()

    def _is_made_by_it(self, error: BaseException) -> bool:
        return all(self._is_own(leaf) for leaf in _leaves(error))

    def _is_own(self, leaf: BaseException) -> bool:
        if isinstance(leaf, KeyboardInterrupt):
            return self._is_interrupted
        return isinstance(leaf, sys.modules["trio"].Cancelled)


def runs_of(link: _native.Link) -> Runs | None:
    """Give what a link knows of such runs, if of any."""
    runs = getattr(link, "_runs", None)
    return runs if isinstance(runs, Runs) else None


def end_of_program(error: BaseException | None) -> BaseException | None:
    """Make of what a whole program ends with the end of its limit, if that is what it is."""
    link = _native.outermost()
    runs = None if link is None else runs_of(link)
    made = None if link is None or runs is None else runs.end_behind(link, error)
    return error if made is None else made.with_traceback(None if error is None else error.__traceback__)


def end_of(link: _native.Link, phase: str, swallowed: bool = False) -> BaseException:
    """Make the end of a scope or canceller; where it was swallowed again and again, what is no Exception."""
    canceller = link._canceller
    if canceller is not None:
        cancelled: BaseException = canceller._overdue() if swallowed else canceller._error()
        return cancelled
    elapsed = (_native.monotonic_ns() - link._entered_ns) / 1e9
    error = (Overdue if swallowed else TimeoutError)("timed out")
    limit = link._limit  # type: ignore[attr-defined]
    vars(error).update(phase=phase, limit=limit, elapsed=elapsed, sent=0, partial=b"", scope=link)
    error.add_note(f"{phase}: the deadline scope ended, after {elapsed:.3f} s in it")
    return error


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
