"""waits(): what waits now, in every thread, for whom, since when, until when, and in which line."""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from dataclasses import dataclass

from .. import _native
from . import lines, system_calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_SECOND = 10**9
# So often it looks where waits have begun meanwhile: with many short ones there is always one.
_LOOKS = 3

# Threads of this package's, of which nobody wants to hear.
_hidden: set[int] = set()


def hide(ident: int) -> None:
    """Leave a thread out from now on."""
    _hidden.add(ident)


@dataclass(frozen=True)
class Wait:
    """One thread that waits, as ``waits()`` has seen it.

    >>> import shotclock
    >>> for wait in shotclock.waits():
    ...     print(wait)                             # worker-3: recv 10.0.0.7:5432, for 3.102 s, ..
    """

    # The thread's name, its `threading.get_ident()`, and the system's number for it where it is known.
    thread: str
    ident: int
    native_id: int | None
    # "recv", "send", "connect", "accept", "lookup", "handshake", "shutdown"; beside sockets "sleep", "lock", "poll", ..
    what: str
    # The address of the other end (of a listener its own), the name that is looked up, or the file.
    to: str | None
    descriptor: int | None
    # For how many seconds it has waited; None where nobody was told when it began.
    since: float | None
    # Which limit ends it: "timeout", "scope", "program", "idle", "first byte", "total"; and in how many seconds.
    limit: str | None
    remaining: float | None
    # The innermost line outside of the standard library, and the innermost of all where that is another.
    line: str | None
    inner_line: str | None

    def __str__(self) -> str:
        parts = [f"{self.thread}: {self.what}"]
        if self.to is not None:
            parts.append(f" {self.to}")
        if self.since is not None:
            parts.append(f", for {self.since:.3f} s")
        if self.remaining is not None:
            parts.append(f", until its {self.limit} in {self.remaining:.3f} s")
        elif self.limit is None:
            parts.append(", without a limit")
        if self.line is not None:
            parts.append(f", in {self.line}")
        return "".join(parts)


def waits() -> list[Wait]:
    """List what waits now in this process, the longest first.

    Seen are the waits that shotclock's methods make, with the limit that ends each, and what other threads of Python's
    wait in by one call of the system: plain calls of sockets, sleeps, polls, pipes, children. Locks are seen in a
    scope, or while waits are recorded (``python -m shotclock --waits``, ``serve_waits()``).

    >>> import shotclock, threading, time
    >>> threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    >>> while not shotclock.waits():
    ...     pass
    >>> shotclock.waits()[0].what
    'sleep'
    """
    found: list[Wait] = []
    for _ in range(_LOOKS):
        taken_ns = _native.monotonic_ns()
        found = _seen()
        # What has begun after the lines were read is not in them.
        lately = (_native.monotonic_ns() - taken_ns) / _SECOND
        if all(wait.since is None or wait.since >= lately for wait in found):
            break
    return sorted(found, key=lambda wait: -(wait.since or 0))


def _seen() -> list[Wait]:
    frames = sys._current_frames()
    for ident in (get_ident(), *_hidden):
        frames.pop(ident, None)
    names, numbers = _threads()
    found = _told(frames, names)
    in_the_system: dict[int, Wait] = {}
    for ident, frame in frames.items():
        if ident not in found and (wait := _in_the_system(ident, names.get(ident), numbers.get(ident), frame)):
            in_the_system[ident] = wait
    if in_the_system:
        # A wait may have begun, and been told of, between the two looks.
        found = in_the_system | _told(frames, names)
    return list(found.values())


def _told(frames: dict[int, FrameType], names: dict[int, str]) -> dict[int, Wait]:
    """The waits that shotclock's methods tell of, by the thread's ident."""
    now_ns = _native.monotonic_ns()
    found: dict[int, Wait] = {}
    for ident, native_id, what, to, descriptor, since, limit, end_ns in _native.waits():
        if ident in _hidden:
            continue
        line, inner_line = lines.of_frame(frames.get(ident))
        found[ident] = Wait(
            thread=names.get(ident) or _name(native_id),
            ident=ident,
            native_id=native_id,
            what=what,
            to=to if to is not None else _file(descriptor),
            descriptor=descriptor if descriptor >= 0 else None,
            since=since,
            limit=_limit(limit, end_ns),
            remaining=None if end_ns is None else max(0, end_ns - now_ns) / _SECOND,
            line=line,
            inner_line=inner_line,
        )
    return found


def _in_the_system(ident: int, name: str | None, native_id: int | None, frame: FrameType) -> Wait | None:
    """What a thread waits for that told nobody of it, by the system's own word."""
    if native_id is None or (call := system_calls.of_thread(native_id)) is None:
        return None
    what, descriptor = call
    line, inner_line = lines.of_frame(frame)
    return Wait(
        thread=name or _name(native_id),
        ident=ident,
        native_id=native_id,
        what=what,
        to=None if descriptor is None else _native.address_of(descriptor) or _file(descriptor),
        descriptor=descriptor,
        since=None,
        limit=None,
        remaining=None,
        line=line,
        inner_line=inner_line,
    )


def _name(native_id: int) -> str:
    # So threading would have it, which nobody has imported.
    return "MainThread" if native_id == os.getpid() else f"thread {native_id}"


def _threads() -> tuple[dict[int, str], dict[int, int]]:
    """The names of threads and the system's numbers for them, by ident. No lock is taken, and nothing imported."""
    names: dict[int, str] = {}
    numbers: dict[int, int] = {}
    threading = sys.modules.get("threading")
    # The dict itself: enumerate() takes a lock, which a thread that hangs may have.
    for ident, thread in dict(getattr(threading, "_active", {})).items():
        names[ident] = str(thread.name)
        if isinstance(number := getattr(thread, "native_id", None), int):
            numbers[ident] = number
    return names, numbers


def _limit(limit: str | None, end_ns: int | None) -> str | None:
    outermost = _native.outermost() if limit == "scope" else None
    return "program" if outermost is not None and outermost.deadline_ns == end_ns else limit


def _file(descriptor: int) -> str | None:
    if descriptor < 0:
        return None
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return None
