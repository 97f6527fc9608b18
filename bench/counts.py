"""System calls under strace and user instructions under valgrind's callgrind, counted in children of this program.

A child goes through all workloads of one side and sets a mark, getppid(), before and after each.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from types import ModuleType

from workloads import EMPTY, WARM_UP, WORKLOADS

COUNTED = (EMPTY, *(workload for workload in WORKLOADS if workload.counted))
# A call that comes less often than once in so many operations belongs to none of them: the allocator's, mostly.
RARE = 20
CHILD_LIMIT = 120


def be_counted(module: ModuleType, is_ours: bool) -> None:
    """Do what the child does."""
    signal.alarm(CHILD_LIMIT)
    for workload in COUNTED:
        with ExitStack() as stack:
            timer = workload.timer(module, [], stack)
            if is_ours:
                stack.enter_context(workload.around())
            timer.timeit(WARM_UP)
            os.getppid()
            timer.timeit(workload.loops)
            os.getppid()


def system_calls(mount: str, side: str) -> dict[str, dict[str, float]] | None:
    """``{workload: {call: per operation}}``; None without strace."""
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder, "trace")
        if not _run(["strace", "-qq", "-e", "signal=none", "-o", os.fspath(trace)], mount, side):
            return None
        parts = _between_marks(trace.read_text(errors="replace").splitlines())
    counted = {}
    for workload, calls in zip(COUNTED, parts, strict=True):
        operations = workload.loops * workload.repeat
        often = {call: count / operations for call, count in calls.items() if count * RARE > operations}
        counted[workload.name] = often
    return counted


def _between_marks(lines: list[str]) -> list[Counter[str]]:
    """How often each call was made, for each part between two marks."""
    parts: list[Counter[str]] = []
    within = False
    for line in lines:
        call = re.match(r"\w+(?=\()", line)
        if call and call[0] == "getppid":
            within = not within
            if within:
                parts.append(Counter())
        elif call and within:
            parts[-1][call[0]] += 1
    return parts


def instructions(mount: str, side: str) -> dict[str, float] | None:
    """``{workload: user instructions of an operation, its loop taken off}``; None without valgrind."""
    with tempfile.TemporaryDirectory() as folder:
        profile = pathlib.Path(folder, "callgrind")
        # Each mark ends a part, and the numbers begin again.
        options = ["--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={profile}"]
        if not _run(["valgrind", *options], mount, side):
            return None
        totals = [_total(profile.with_name(f"callgrind.{part}")) for part in range(2, 2 * len(COUNTED) + 1, 2)]
    loop = totals[0] / EMPTY.loops
    return {
        workload.name: (total / workload.loops - loop) / workload.repeat
        for workload, total in zip(COUNTED[1:], totals[1:], strict=True)
    }


def _total(profile: pathlib.Path) -> int:
    totals = next(line for line in profile.read_text().splitlines() if line.startswith("totals: "))
    return int(totals.split()[1])


def _run(tracer: list[str], mount: str, side: str) -> bool:
    """Run the child under a tracer; false, said aloud, if that is not installed."""
    if not shutil.which(tracer[0]):
        print(f"SKIP {tracer[0]}: not installed", flush=True)
        return False
    command = [*tracer, sys.executable, os.path.dirname(__file__), "--mount", mount, "--count", side]
    # The same hashes each time, hence the same instructions.
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{command}: exit code {ended.returncode}: {ended.stderr}")
    return True
