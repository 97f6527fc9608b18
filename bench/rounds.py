"""Time, as ratios of what one round measured of each side: what disturbs longer than a round disturbs all alike."""

import os
import statistics
import timeit
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import Self

from sides import Sides
from workloads import WARM_UP, Workload, only_on

# A side's part of a round takes about so long, in seconds.
PART = 0.003


@dataclass(frozen=True)
class Quartiles:
    """The median, and the quartiles around it."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Self:
        """Those of some values."""
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def __format__(self, form: str) -> str:
        return f"{self.median:{form}} [{self.low:{form}}, {self.high:{form}}]"


@dataclass(frozen=True)
class Times:
    """What all rounds say of one workload together."""

    # Nanoseconds of one operation on the stock module.
    stock: Quartiles
    # A second stock pair to the first: what difference means nothing.
    noise: Quartiles
    ours: Quartiles


def times(workload: Workload, sides: Sides, mount: str, rounds: int) -> Times:
    """Run both sides in turns, in rotating order."""
    with ExitStack() as stack:
        if workload.one_core:
            stack.enter_context(only_on(max(os.sched_getaffinity(0))))
        runners = [(sides.stock, "stock"), (sides.stock, "stock"), (sides.ours, "ours")]
        timers = [workload.timer(module, [mount, name], stack) for module, name in runners]
        loops = _calibrated(timers)
        measured = []
        for turn in range(rounds):
            seconds = [0.0] * len(timers)
            for place in range(len(timers)):
                runner = (turn + place) % len(timers)
                around = workload.around if runners[runner][1] == "ours" else nullcontext
                with around():
                    seconds[runner] = timers[runner].timeit(loops)
            measured.append(seconds)
    operations = loops * workload.repeat
    return Times(
        stock=Quartiles.of([stock * 1e9 / operations for stock, _, _ in measured]),
        noise=Quartiles.of([again / stock for stock, again, _ in measured]),
        ours=Quartiles.of([ours / stock for stock, _, ours in measured]),
    )


def _calibrated(timers: list[timeit.Timer]) -> int:
    """How many loops fill a part, by the fastest; all are warm then."""
    fastest = min(timer.timeit(WARM_UP) for timer in timers for _ in range(3))
    return max(1, int(PART / (fastest / WARM_UP)))
