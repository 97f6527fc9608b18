"""What the interpreter's own waits cost with the hooks in its tables, beside the same without: ``python bench/hooks.py``.

Nothing here waits but the sleep: what is free, set, ready or there is what a program does most. Each is measured with no scope
open, with one in another thread, and in a scope, in turns with the tables as the interpreter has them.

Needs the package installed in the interpreter that runs it; ``cargo xtask bench hooks`` sees to that.
"""

import argparse
import contextlib
import os
import platform
import queue
import select
import signal
import sys
import threading
import time

from rounds import Quartiles
from shotclock._install import waits
from workloads import beside_a_scope, in_a_scope

# Whatever hangs is ended after so many seconds.
WHOLE_LIMIT = 900
# One part of a round takes about so long, in nanoseconds.
PART = 3_000_000
# What each state may cost, as a ratio, of the operations that have a goal.
GOALS = {"no scope": 1.03, "a scope in another thread": 1.1, "in a scope": 1.5}


def operations():
    """Name and function of each, which takes how often; and whether it has a goal."""
    lock, rlock, event, simple = threading.Lock(), threading.RLock(), threading.Event(), queue.SimpleQueue()
    event.set()
    reading, writing = os.pipe()
    ready, filled = os.pipe()
    os.write(filled, b"x")
    poll = select.poll()
    poll.register(ready, select.POLLIN)

    def with_lock(times):
        for _ in range(times):
            with lock:
                pass

    def with_rlock(times):
        for _ in range(times):
            with rlock:
                pass

    def set_event(times):
        for _ in range(times):
            event.wait()

    def sleep(times):
        for _ in range(times):
            time.sleep(0.001)

    def selected(times):
        for _ in range(times):
            select.select([ready], [], [], 1)

    def polled(times):
        for _ in range(times):
            poll.poll(1000)

    def pipe(times):
        for _ in range(times):
            os.write(writing, b"x")
            os.read(reading, 1)

    def simple_queue(times):
        for _ in range(times):
            simple.put(1)
            simple.get()

    return {
        "with lock": (with_lock, True),
        "Event.wait, set": (set_event, True),
        "sleep(1 ms)": (sleep, True),
        "select, ready": (selected, True),
        "pipe: write + read": (pipe, True),
        "with rlock": (with_rlock, False),
        "poll, ready": (polled, False),
        "SimpleQueue: put + get": (simple_queue, False),
    }


STATES = {
    "no scope": contextlib.nullcontext,
    "a scope in another thread": beside_a_scope,
    "in a scope": in_a_scope,
}


def main() -> int:
    """Measure, print, and say by the exit code whether each goal was met."""
    parser = argparse.ArgumentParser(prog="bench hooks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="rounds of each operation in each state")
    rounds = parser.parse_args().rounds
    signal.alarm(WHOLE_LIMIT)
    print(f"CPython {platform.python_version()}, {rounds} rounds; time as a ratio to the tables as the interpreter has them,")
    print("median and quartiles; nanoseconds without hooks, median\n")
    print("| operation | ns | " + " | ".join(STATES) + " |\n| --- | --- | " + " | ".join("---" for _ in STATES) + " |")
    missed = []
    for name, (operation, has_goal) in operations().items():
        ratios = {state: _ratios(operation, around, rounds) for state, around in STATES.items()}
        stock = next(iter(ratios.values()))[1]
        print(f"| {name} | {stock:.0f} | " + " | ".join(f"{ratio:.3f}" for ratio, _ in ratios.values()) + " |", flush=True)
        # A whole middle half above the goal is no noise.
        missed += [f"{name}, {state}" for state, (ratio, _) in ratios.items() if has_goal and ratio.low > GOALS[state]]
    for miss in missed:
        print(f"over the goal: {miss}", file=sys.stderr)
    return 1 if missed else 0


def _ratios(operation, around, rounds):
    """The ratios, and the median without hooks. Entering puts the hooks in place, so they are taken out inside."""
    stock, ours = [], []
    with around():
        times = _calibrated(operation)
        for turn in range(rounds):
            for hooked in (turn % 2 == 0, turn % 2 == 1):
                (waits.install if hooked else waits.uninstall)()
                start = time.perf_counter_ns()
                operation(times)
                (ours if hooked else stock).append((time.perf_counter_ns() - start) / times)
        waits.install()
    return Quartiles.of([mine / theirs for mine, theirs in zip(ours, stock, strict=True)]), Quartiles.of(stock).median


def _calibrated(operation):
    times = 1
    while True:
        start = time.perf_counter_ns()
        operation(times)
        if (took := time.perf_counter_ns() - start) > PART:
            return max(1, times * PART // took)
        times *= 2


if __name__ == "__main__":
    sys.exit(main())
