"""The tables, and what was to be reached."""

import datetime
import os
import pathlib
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import threads
import tls
from rounds import Quartiles, Times
from workloads import WORKLOADS

Figure = TypeVar("Figure")

# Milliseconds over `python -c "import socket"`.
STARTS = (
    ('python -c "import shotclock"', ("-c", "import shotclock")),
    ("python -m shotclock -c pass", ("-m", "shotclock", "-c", "pass")),
)

# By workload, the most that ours may be of stock.
TIME_GOALS = {
    "send-recv": 0.52,
    "send-recv-none": 0.85,
    "send-recv-scope": 0.7,
    "send-recv-none-scope": 1.0,
    "send-recv-beside": 0.55,
    "send-recv-none-beside": 0.9,
    "ping-pong": 0.9,
    "settimeout": 0.2,
    "fileno": 1.1,
    "gettimeout": 1.1,
    "lines": 0.6,
    "lines-resume": 0.6,
    "line-echo-both": 0.9,
    "line-echo-resume": 0.9,
}
# Two threads of a process on one core, and what a server's echo may cost, to stock.
TWO_THREADS_TIME, TWO_THREADS_SWITCHES, SERVER_ECHO = 0.95, 2.0, 0.85
# The stock recv allocates all of bufsize, so that its own figure moves by a tenth with the state of the heap.
INSTRUCTION_GOALS = {"send-recv": 0.22}
# By mount and workload: system calls of one operation.
CALL_GOALS = {
    "type": {"send-recv": 2, "accept": 1, "connect": 4, "create-connection": 4},
    "graft": {"send-recv": 2, "accept": 2, "connect": 9, "create-connection": 4},
}


@dataclass(frozen=True)
class Measured:
    """All that is known of one mount; what could not be measured is None."""

    mount: str
    # By workload.
    times: dict[str, Times]
    # By side: by workload, the number of each call of one operation.
    calls: dict[str, dict[str, dict[str, float]] | None]
    # By side: by workload.
    instructions: dict[str, dict[str, float] | None]
    # Pairs a second of stock beside a computing thread, and how many times that ours are.
    beside: tuple[Quartiles, Quartiles] | None
    two_threads: threads.PingPong
    # By the number of clients: processor time of an echo, to stock's.
    servers: dict[int, Quartiles]
    # Processor time of the client, to stock's; none in the mount that has no stock module beside it.
    tls: dict[tls.Row, Quartiles]
    # In the order of STARTS, and the start-up file's.
    starts: list[Quartiles | None]
    startup_file: Quartiles | None


@dataclass(frozen=True)
class Goal:
    """One thing to be reached."""

    text: str
    value: float | None
    bound: float
    # Exact, so that missing it is a failure on any machine; else it is a time.
    is_count: bool = False
    is_least: bool = False

    @property
    def is_missed(self) -> bool:
        """Whether it was measured, and not reached."""
        if self.value is None:
            return False
        return self.value < self.bound if self.is_least else self.value > self.bound

    def __str__(self) -> str:
        if self.value is None:
            verdict, value = "not measured", "absent"
        else:
            verdict, value = "MISSED" if self.is_missed else "met", f"{self.value:.3g}"
        bound = f"at {'least' if self.is_least else 'most'} {self.bound:g}"
        return f"{verdict}: {self.text}: {value}, {bound}{'' if self.is_count else ' (a time)'}"


def heading(rounds: int) -> None:
    """Say on what machine, when and how."""
    cpus = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)", cpus, re.MULTILINE)
    python = f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})"
    print(
        f"{model[1] if model else '?'}, {len(os.sched_getaffinity(0))} cores; Linux {platform.release()}; "
        f"{python}; {datetime.date.today()}; {rounds} rounds",
        flush=True,
    )


def show(measured: Measured) -> bool:
    """Print the tables and the goals; whether every goal that is a count was met."""
    _workloads(measured)
    _others(measured)
    goals = _goals(measured)
    print()
    for goal in goals:
        print(f"{measured.mount}: {goal}")
    sys.stdout.flush()
    return not any(goal.is_missed and goal.is_count for goal in goals)


def _workloads(measured: Measured) -> None:
    print(
        f"\nMount: {measured.mount}. Times are medians of ratios within one round [quartiles]; stock to itself shows "
        "what difference means nothing.\nCounts are of one operation, stock / shotclock; instructions are the user's, "
        "their loop taken off.\n"
    )
    print("| | stock, ns | stock to stock | shotclock to stock | system calls | instructions | to stock |")
    print("|---|---|---|---|---|---|---|")
    for workload in WORKLOADS:
        times = measured.times.get(workload.name)
        cells = [f"{times.stock.median:.0f}", f"{times.noise:.3f}", f"{times.ours:.3f}"] if times else ["–"] * 3
        calls = _both(measured.calls, workload.name)
        cells.append(" / ".join(f"{sum(side.values()):.4g}" for side in calls) or "–")
        instructions = _both(measured.instructions, workload.name)
        cells.append(" / ".join(f"{side:.0f}" for side in instructions) or "–")
        cells.append(f"{instructions[1] / instructions[0]:.3f}" if instructions else "–")
        print(f"| {workload.title} | {' | '.join(cells)} |")
    print()
    for side, by_name in zip(("stock", "shotclock"), _both(measured.calls, "accept"), strict=False):
        print(f"accept(), {side}: {', '.join(f'{count:.4g} {call}' for call, count in by_name.items())}")


def _others(measured: Measured) -> None:
    print()
    if measured.beside:
        stock, ratio = measured.beside
        print(f"Beside a thread that computes: stock {stock:.0f} pairs a second; shotclock {ratio:.1f} times that")
    ping_pong, switches = measured.two_threads.time, measured.two_threads.switches
    print(
        f"Two threads of a process, one core: shotclock {ping_pong:.3f} of stock's time; context switches a round trip: "
        f"stock {switches['stock']:.2f}, shotclock {switches['ours']:.2f}"
    )
    for clients, echo in measured.servers.items():
        print(f"Echo server, a thread for each of {clients} clients: processor time of an echo to stock's: {echo:.3f}")
    for row, ratio in measured.tls.items():
        print(f"{row}: {ratio:.3f}")
    for (title, _), start in zip(STARTS, measured.starts, strict=True):
        print(f'{title}, ms over python -c "import socket": {_or_absent(start)}')
    print(f"start-up file, ms where nobody asks for it: {_or_absent(measured.startup_file)}")


def _goals(measured: Measured) -> list[Goal]:
    titles = {workload.name: workload.title for workload in WORKLOADS}
    goals: list[Goal] = []
    for name, most in TIME_GOALS.items():
        goals.append(Goal(f"{titles[name]}: time to stock", measured.times[name].ours.median, most))
    for name, most in INSTRUCTION_GOALS.items():
        instructions = _both(measured.instructions, name)
        ratio = instructions[1] / instructions[0] if instructions else None
        goals.append(Goal(f"{titles[name]}: instructions to stock", ratio, most, is_count=True))
    for name, most in CALL_GOALS[measured.mount].items():
        calls = _both(measured.calls, name)
        total = round(sum(calls[1].values()), 2) if calls else None
        goals.append(Goal(f"{titles[name]}: system calls", total, most, is_count=True))
    times_stock = measured.beside[1].median if measured.beside else None
    goals.append(Goal("beside a computing thread: times stock's pairs", times_stock, 10, is_least=True))
    two_threads = measured.two_threads
    goals.append(Goal("two threads, one core: time to stock", two_threads.time.median, TWO_THREADS_TIME))
    switches = round(two_threads.switches["ours"], 1)
    goals.append(Goal("two threads, one core: context switches a round trip", switches, TWO_THREADS_SWITCHES))
    for clients, echo in measured.servers.items():
        goals.append(Goal(f"echo server, {clients} clients: processor time to stock", echo.median, SERVER_ECHO))
    goals.extend(Goal(str(row), ratio.median, row.most) for row, ratio in measured.tls.items())
    for (title, _), start in zip(STARTS, measured.starts, strict=True):
        goals.append(Goal(f"{title}: ms over import socket", _median(start), 25))
    goals.append(Goal("start-up file: ms where nobody asks for it", _median(measured.startup_file), 1))
    return goals


def _both(sides: Mapping[str, Mapping[str, Figure] | None], name: str) -> list[Figure]:
    """Stock's figure and ours; nothing where it is not counted."""
    counted = [sides["stock"], sides["ours"]]
    return [side[name] for side in counted if side is not None and name in side]


def _median(quartiles: Quartiles | None) -> float | None:
    return quartiles.median if quartiles else None


def _or_absent(quartiles: Quartiles | None) -> str:
    return f"{quartiles:.2f}" if quartiles else "absent"
