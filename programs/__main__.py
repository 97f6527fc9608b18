"""Real programs at peers that leave them waiting, under ``shotclock run`` and without: ``cargo xtask programs``.

Exit code 1 if something did not end as it should; where CI is set, also if a program is not there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import catalogue
import namespace
import report
import surroundings
import trial
from trial import Outcome, Question

SOURCES = catalogue.HERE / "sources"


def main() -> int:
    """Compile what is compiled, run all inside a namespace, and show what came of it."""
    arguments = _arguments()
    work = arguments.work.absolute()
    absent = catalogue.missing()
    if not namespace.is_inside():
        _compile(work, absent, is_short=arguments.short)
        for word, package in absent.items():
            print(f"SKIP {word}: not on this machine (Debian: {package})")
    try:
        namespace.run_inside(work)
    except OSError as error:
        print(f"SKIP programs: {error}")
        return 1 if os.environ.get("CI") else 0
    namespace.furnish(work, surroundings.SYSTEM_FILES)
    questions = _questions(arguments, absent)
    with surroundings.peers(arguments.command, work) as ports, ThreadPoolExecutor(arguments.at_once) as pool:
        outcomes = list(pool.map(lambda question: _try(question, arguments, work, ports), questions))
    results = dict(zip(questions, outcomes, strict=True))
    return _conclude(results, arguments, absent)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cargo xtask programs --", description=__doc__)
    parser.add_argument("--command", required=True, help="the command shotclock")
    parser.add_argument("--work", type=Path, required=True, help="where compiled programs and files go")
    parser.add_argument("--short", action="store_true", help="a few programs, and only with both mechanisms")
    parser.add_argument("--at-once", type=int, default=4, help="how many at the same time")
    parser.add_argument("--only", action="append", default=[], help="only programs with this in their name")
    parser.add_argument("--peer", action="append", choices=report.PEERS, help="only this peer")
    parser.add_argument("--contestant", action="append", choices=trial.CONTESTANTS, help="only this; both and no-preload if absent")
    parser.add_argument("--write", type=Path, help="the page whose table is to be replaced")
    return parser.parse_args()


def _compile(work: Path, absent: dict[str, str], *, is_short: bool) -> None:
    work.mkdir(parents=True, exist_ok=True)
    compilers = {"": ["rustc", "-O", "-o", str(work / "rust-std"), str(SOURCES / "reads.rs")]}
    if not is_short:
        compilers["javac"] = ["javac", "-d", str(work), str(SOURCES / "Reads.java")]
        for kind in ("static", "cgo"):
            compilers["go", kind] = ["go", "build", "-o", str(work / f"go-{kind}"), str(SOURCES / "reads.go")]  # type: ignore[index]
    for needs, words in compilers.items():
        word, kind = needs if isinstance(needs, tuple) else (needs, "")
        if word in absent or (kind == "cgo" and "cc" in absent):
            continue
        own = {"CGO_ENABLED": str(int(kind == "cgo")), "GOCACHE": str(work / "go-cache"), "GO111MODULE": "off"}
        subprocess.run(words, env=os.environ | own, check=True, cwd=work)


def _questions(arguments: argparse.Namespace, absent: dict[str, str]) -> list[Question]:
    contestants = arguments.contestant or (["both"] if arguments.short else ["both", "no-preload"])
    programs = [
        program
        for program in catalogue.PROGRAMS
        if not any(word in absent for word in program.needs)
        and (program.is_short or not arguments.short)
        and (not arguments.only or any(text in program.name for text in arguments.only))
    ]
    questions = [
        Question(program, peer, contestant)
        for contestant in contestants
        for peer in arguments.peer or report.PEERS
        for program in programs
    ]
    return [question for question in questions if _makes_sense(question)]


def _makes_sense(question: Question) -> bool:
    program, peer = question.program, question.peer
    if peer == "half":
        return program.speaks == "http"
    return program.tries_again if peer == "retries" else True


def _try(question: Question, arguments: argparse.Namespace, work: Path, ports: dict[str, int]) -> Outcome:
    outcome = trial.put(question, arguments.command, work, ports)
    name = f"{question.program.name}, {question.peer}, {question.contestant}"
    code = "-" if outcome.code is None else str(outcome.code)
    late = f"{max(outcome.late):.2f}" if outcome.late else ""
    print(f"{name:40} {outcome.seconds:6.2f} s  {code:>4}  {late:5} {outcome.said[:100]}", flush=True)
    return outcome


def _conclude(results: dict[Question, Outcome], arguments: argparse.Namespace, absent: dict[str, str]) -> int:
    lines = [report.heading(), "", *report.summary(results), "", *report.table(results)]
    print("\n".join(lines))
    if arguments.write:
        report.write(arguments.write, lines)
    misses = 0
    for question, outcome in results.items():
        why = report.missed(question, outcome, is_short=arguments.short)
        if why:
            misses += 1
            name = f"{question.program.name}, {question.peer}, {question.contestant}"
            print(f"{name}: {why}\ntest programs: {name} ... FAILED")
    absent_in_ci = len(absent) if os.environ.get("CI") else 0
    print(f"test result: {len(results) - misses} passed; {misses + absent_in_ci} failed")
    return 1 if misses or absent_in_ci else 0


if __name__ == "__main__":
    sys.exit(main())
