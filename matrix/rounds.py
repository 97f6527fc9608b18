"""Running trials: a few at once, those that keep a core busy alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from columns import Column
from outcomes import HUNG, WRONG, Outcome, Question, judged

# A trial may take so many seconds with all that it prepares.
PATIENCE = 60

Trial = tuple[Question, Column]


def run(trials: list[Trial], environment: Mapping[str, str], at_once: int) -> dict[Trial, Outcome]:
    """Every trial once."""
    quiet = [trial for trial in trials if not trial[0].is_busy]
    busy = [trial for trial in trials if trial[0].is_busy]
    outcomes = {}
    for group, width in ((quiet, at_once), (busy, 1)):
        with ThreadPoolExecutor(width) as pool:
            outcomes.update(zip(group, pool.map(lambda trial: _try(*trial, environment), group), strict=True))
    return outcomes


def _try(question: Question, column: Column, environment: Mapping[str, str]) -> Outcome:
    outcome = _outcome(question, column, environment)
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.3f} s"
    print(f"{column.name:17} {question.name:50} {outcome.verdict:6} {seconds:8} {outcome.said}", file=sys.stderr, flush=True)
    return outcome


def _outcome(question: Question, column: Column, environment: Mapping[str, str]) -> Outcome:
    command = [*column.command, question.name]
    try:
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(WRONG, None, f"its preparations took more than {PATIENCE} s")
    if done.returncode == -signal.SIGALRM:
        return Outcome(HUNG, None, "")
    if done.returncode != 0:
        return Outcome(WRONG, None, f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    figure, ended, said = done.stdout.rstrip("\n").splitlines()[-1].split("\t", 2)
    # One clock for all processes.
    seconds = time.monotonic() - float(figure) if question.until_exit else float(figure)
    return judged(question, ended, seconds, said)
