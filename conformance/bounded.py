"""Child processes, each in a session of its own, that always end."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """How a process ended; no code if the watchdog ended it."""

    code: int | None
    seconds: float


class Processes:
    """Runs commands, from any thread; ``end_all()`` ends those that run and refuses more.

    ``within`` is a command that starts the one that follows it, in a network of its own for example.
    """

    def __init__(self, within: Sequence[str] = ()):
        self._within = within
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, command: list[str], log: pathlib.Path, limit: float) -> Ending:
        """Run to the end, or for so many seconds; the log gets what it says. Whatever it started ends with it."""
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="conformance-") as temporary, open(log, "wb") as talk:
            process = self._start([*self._within, *command], talk, temporary)
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                self._end(process)
        return Ending(code, time.monotonic() - start)

    def end_all(self) -> None:
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            _kill_session(process)

    def _start(self, command, talk, temporary):
        with self._lock:
            if self._closed:
                raise RuntimeError("no more processes: the run was ended")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=talk,
                stderr=subprocess.STDOUT,
                env=_environment() | {"TMPDIR": temporary},
                cwd=temporary,
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _end(self, process) -> None:
        _kill_session(process)
        process.wait()
        with self._lock:
            self._running.discard(process)


def _kill_session(process) -> None:
    # Strays of a process that has ended are still in its group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """Ours, without what would change the interpreter's or the tests' ways."""
    strange = ("PYTHON", "SHOTCLOCK")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(strange) and not name.lower().endswith("_proxy")
    }
