"""Running trials: a few at once, those that keep a core busy alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import IO

import libraries
from columns import DRIVERS, LIBRARIES, Column
from outcomes import HELD, HUNG, LATE, STAYS, WRONG, Outcome, Question, judged
from stacks import places

# A trial may take so many seconds with all that it prepares.
PATIENCE = 60

Trial = tuple[Question, Column]


@dataclass(frozen=True)
class _Ended:
    """A process that has ended."""

    returncode: int
    stdout: str
    stderr: str
    at: float


def run(trials: list[Trial], environment: Mapping[str, str], where: Mapping[str, str], at_once: int) -> dict[Trial, Outcome]:
    """Every trial once; ``where`` has the peers' addresses by their names."""
    quiet = [trial for trial in trials if not trial[0].is_busy]
    busy = [trial for trial in trials if trial[0].is_busy]
    outcomes = {}
    for group, width in ((quiet, at_once), (busy, 1)):
        with ThreadPoolExecutor(width) as pool:
            ended = pool.map(lambda trial: _try(*trial, environment, where), group)
            outcomes.update(zip(group, ended, strict=True))
    return outcomes


def _try(question: Question, column: Column, environment: Mapping[str, str], where: Mapping[str, str]) -> Outcome:
    outcome = _outcome(question, column, environment, where)
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.3f} s"
    print(f"{column.title:22} {question.name:50} {outcome.verdict:6} {seconds:8} {outcome.said}", file=sys.stderr, flush=True)
    return outcome


def _outcome(question: Question, column: Column, environment: Mapping[str, str], where: Mapping[str, str]) -> Outcome:
    ended = _run([*column.command, *_words(question, column, where)], os.environ | environment)
    if ended is None:
        return Outcome(WRONG, None, f"its preparations took more than {PATIENCE} s")
    lines = ended.stdout.rstrip("\n").splitlines()
    is_killed = ended.returncode == -signal.SIGALRM
    if is_killed and not lines:
        return Outcome(HUNG, None, "", place=places(ended.stderr))
    if ended.returncode != 0 and not is_killed:
        return Outcome(WRONG, None, f"exit code {ended.returncode}: {ended.stderr.strip()[-500:]}")
    figure, how, said = lines[-1].split("\t", 2)
    # One clock for all processes.
    seconds = ended.at - float(figure) if question.until_exit else float(figure)
    outcome = judged(question, how, seconds, said)
    if is_killed and outcome.verdict == HELD:
        outcome = replace(outcome, verdict=STAYS)
    return replace(outcome, place=places(ended.stderr)) if outcome.verdict in (LATE, STAYS) else outcome


def _words(question: Question, column: Column, where: Mapping[str, str]) -> list[str]:
    if column.language not in (LIBRARIES, DRIVERS):
        return [question.name]
    peer = libraries.named(question.operation).peer(question.fault)
    return [question.operation, question.fault, where[peer]]


def _run(command: list[str], environment: Mapping[str, str]) -> _Ended | None:
    """Run a program to its end, and end what it has left behind; nothing if it takes more than its time."""
    # Files: a pipe stays open as long as any of its children lives.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(command, env=environment, stdout=out, stderr=err, start_new_session=True)
        try:
            returncode = child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            returncode = None
        at = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return None if returncode is None else _Ended(returncode, _read(out), _read(err), at)


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
