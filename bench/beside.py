"""Pairs of send and recv beside a thread that computes in Python: each release of the interpreter is a wait for it.

Each thread has a core of its own: on one core, nobody could take the interpreter while it is free for a moment.
"""

import contextlib
import os
import threading
import time
from types import ModuleType
from typing import Any

from rounds import Quartiles
from sides import Sides
from workloads import TIMEOUT, only_on

# A side's part of a round, in seconds: many times the interpreter's switch interval.
PART = 0.15
ROUNDS = 20


def rates(sides: Sides) -> tuple[Quartiles, Quartiles] | None:
    """Pairs a second of the stock module, and how many times that ours are; None on a machine with one core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        return None
    stop = threading.Event()
    computing = threading.Thread(target=_compute, args=(stop, cores[0]), daemon=True)
    with contextlib.ExitStack() as stack:
        pairs = [_pair(module, stack) for module in (sides.stock, sides.ours)]
        stack.enter_context(only_on(cores[-1]))
        stack.callback(computing.join)
        stack.callback(stop.set)
        computing.start()
        measured = []
        for turn in range(ROUNDS):
            pairs_a_second = [0.0, 0.0]
            for place in range(2):
                side = (turn + place) % 2
                pairs_a_second[side] = _rate(*pairs[side])
            measured.append(pairs_a_second)
    return Quartiles.of([stock for stock, _ in measured]), Quartiles.of([ours / stock for stock, ours in measured])


def _compute(stop: threading.Event, core: int) -> None:
    with only_on(core):
        _compute_until(stop)


def _compute_until(stop: threading.Event) -> None:
    value = 0
    while not stop.is_set():
        for step in range(1000):
            value = (value * 31 + step) % 1_000_003


def _pair(module: ModuleType, stack: contextlib.ExitStack) -> tuple[Any, Any]:
    left, right = (stack.enter_context(end) for end in module.socketpair())
    left.settimeout(TIMEOUT)
    right.settimeout(TIMEOUT)
    return left, right


def _rate(left: Any, right: Any) -> float:
    """Pairs a second."""
    start = now = time.perf_counter()
    done = 0
    while now - start < PART:
        left.send(b"x")
        right.recv(4096)
        done += 1
        now = time.perf_counter()
    return done / (now - start)
