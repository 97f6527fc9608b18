"""One program at one peer, under one contestant, until it has ended or its time is up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from catalogue import FOLDERS, Program

LIMIT = 1.0
TOTAL = 2.0
# Enough to call it endless.
CAP = 8.0
# What runs a program, before its command.
CONTESTANTS = ("both", "no-preload", "stock", "timeout(1)")


@dataclass(frozen=True)
class Question:
    """What is asked of a program."""

    program: Program
    peer: str
    contestant: str

    @property
    def has_total(self) -> bool:
        """Whether nothing but a total ends this."""
        return self.peer in ("drip", "retries")

    @property
    def has_to_end(self) -> bool:
        """Whether it is ours to end it."""
        if not self.contestant.startswith(("both", "no-preload")):
            return False
        if self.has_total:
            return True
        if self.program.tries_again:
            return False
        if self.peer == "hole" and self.program.connects_again:
            return self.contestant == "both"
        return self.peer != "dns" or (self.contestant == "both" and not self.program.has_resolver)


@dataclass(frozen=True)
class Outcome:
    """How that ended."""

    # None if its time was up.
    code: int | None
    seconds: float
    said: str
    # How much later than by its limit each connection was ended.
    late: tuple[float, ...]


def put(question: Question, command: str, work: Path, ports: dict[str, int]) -> Outcome:
    """Run it."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        report = Path(scratch) / "report"
        words = [*_before(question, command, report), *_words(question, scratch, work, ports)]
        environment = os.environ | {"PATH": FOLDERS, "HOME": scratch, "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
        code, seconds, said = _run(words, environment, TOTAL + 6 if question.has_total else CAP)
        return Outcome(code, seconds, said, _late(report))


def _before(question: Question, command: str, report: Path) -> list[str]:
    if question.contestant == "stock":
        return []
    if question.contestant == "timeout(1)":
        return ["timeout", str(TOTAL if question.has_total else LIMIT)]
    limits = [f"--total={TOTAL}"] if question.has_total else []
    loaded = ["--no-preload"] if question.contestant == "no-preload" else []
    return [command, "run", f"--timeout={LIMIT}", f"--report={report}", *limits, *loaded, "--"]


def _words(question: Question, scratch: str, work: Path, ports: dict[str, int]) -> list[str]:
    program, peer = question.program, question.peer
    if peer == "dns":
        host, port = "nowhere.test", 80
    else:
        host = "127.0.0.1"
        port = ports[{"drip": f"drip-{program.speaks}", "retries": "silent"}.get(peer, peer)]
    return [word.format(host=host, port=port, scratch=scratch, work=work) for word in program.command]


def _run(words: list[str], environment: dict[str, str], cap: float) -> tuple[int | None, float, str]:
    """Its exit code, how long it took, and the last it said; what it has left behind is ended."""
    # Files: a pipe stays open as long as any of its children lives. Standard input stays open, and says nothing.
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        begun = time.monotonic()
        child = subprocess.Popen(
            words, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = child.wait(cap)
        except subprocess.TimeoutExpired:
            code = None
        seconds = time.monotonic() - begun
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        assert child.stdin is not None
        child.stdin.close()
        out.seek(0)
        lines = [line.strip() for line in out.read().splitlines()]
        return code, seconds, next((line for line in reversed(lines) if line and not line.startswith("shotclock: ")), "")


def _late(report: Path) -> tuple[float, ...]:
    events = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    ended = [event for event in events if event["event"] == "ended"]
    return tuple(each["lasted"] - LIMIT for each in ended if each["limit"] == "timeout")
