"""Run by an interpreter that has our wheel: what it must do there, and what our start-up file costs each start."""

import os
import pathlib
import socket
import statistics
import sys
import sysconfig
import time

import shotclock

LIMIT = 0.2
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
    shotclock.uninstall()
    more, off, bare = cost_of_the_start_up_file()
    version = sys.version.split()[0]
    cost = f"{more * 1e3:.2f} ms (to {off * 1e3:.2f}) of processor time more than {bare * 1e3:.1f} ms"
    print(f"Python {version}: install and a scope work; a start costs {cost}, {PAIRS} pairs")
    assert more - off < GOAL, cost


main()
