"""Run by an interpreter that has our wheel: what it must do there, and what our start-up file costs each start."""

import fcntl
import multiprocessing
import os
import pathlib
import queue
import select
import signal
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable

import shotclock

LIMIT = 0.2
# How the names of hooks begin.
NAMES = ("time", "select", "_thread", "_queue", "_multiprocessing", "posix", "_io", "_signal", "fcntl")
PAIRS = 200
# Seconds that the start-up file may cost.
GOAL = 0.001


def a_scope_ends_a_recv() -> None:
    one, silent = socket.socketpair()
    begun = time.monotonic()
    try:
        with one, silent, shotclock.deadline(LIMIT):
            one.recv(1)
    except TimeoutError:
        took = time.monotonic() - begun
        assert LIMIT <= took < LIMIT + 3, took
    else:
        raise AssertionError("recv has ended by itself")


def a_scope_ends_every_wait() -> None:
    """All hooks are in place, and one of each way of waiting ends."""
    locked, silent = threading.Lock(), os.pipe()[0]
    locked.acquire()
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    poll = select.poll()
    poll.register(silent, select.POLLIN)
    waits = {
        "sleep": lambda: time.sleep(60),
        "lock": locked.acquire,
        "queue": queue.SimpleQueue().get,
        "poll": poll.poll,
        "read": lambda: os.read(silent, 1),
        "join": thread.join,
        "child": lambda: subprocess.run(["sleep", "60"]),
        "semaphore": multiprocessing.Semaphore(0).acquire,
        "file lock": lambda: _lock_twice(fcntl.flock),
        "signal": lambda: signal.sigwait([signal.SIGUSR1]),
    }
    for phase, wait in waits.items():
        begun = time.monotonic()
        try:
            with shotclock.deadline(LIMIT):
                wait()
        except TimeoutError as error:
            took = time.monotonic() - begun
            assert LIMIT <= took < LIMIT + 3 and error.phase == phase, (phase, error.phase, took)
        else:
            raise AssertionError(f"{phase} has ended by itself")
    missing = [line for line in shotclock.status().not_reached if line.split(".")[0] in NAMES]
    assert not missing and len(shotclock.status().waits) >= len(waits), missing


def _lock_twice(lock: Callable[[object, int], None]) -> None:
    with tempfile.NamedTemporaryFile() as one, open(one.name) as other:
        lock(one, fcntl.LOCK_EX)
        lock(other, fcntl.LOCK_EX)


def start() -> float:
    """Seconds of processor time: those on the wall are the neighbours' too."""
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ)
    _, status, used = os.wait4(child, 0)
    assert status == 0, status
    return used.ru_utime + used.ru_stime


def cost_of_the_start_up_file() -> tuple[float, float, float]:
    """Seconds more with the file than without, how far that may be off, and without: medians of pairs that take turns."""
    file = pathlib.Path(sysconfig.get_path("purelib"), "shotclock-startup.pth")
    away = file.with_suffix(".away")
    start()

    def without() -> float:
        file.rename(away)
        try:
            return start()
        finally:
            away.rename(file)

    pairs = []
    for turn in range(PAIRS):
        pairs.append((start(), without()) if turn % 2 else (without(), start())[::-1])
    more = [a - b for a, b in pairs]
    low, _, high = statistics.quantiles(more, n=4)
    # Twice the standard error of a median, by the quartiles.
    off = 2 * 0.93 * (high - low) / PAIRS**0.5
    return statistics.median(more), off, statistics.median(b for _, b in pairs)


def main() -> None:
    assert shotclock.install() is None and shotclock.status(), "not installed"
    a_scope_ends_a_recv()
    a_scope_ends_every_wait()
    shotclock.uninstall()
    more, off, bare = cost_of_the_start_up_file()
    version = sys.version.split()[0]
    cost = f"{more * 1e3:.2f} ms (to {off * 1e3:.2f}) of processor time more than {bare * 1e3:.1f} ms"
    print(f"Python {version}: install and a scope work; a start costs {cost}, {PAIRS} pairs")
    assert more - off < GOAL, cost


main()
