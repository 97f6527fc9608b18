"""Every operation that can block at every fault that can befall it, by everybody: ``python matrix``.

Needs the package installed in the interpreter that runs it, and what requirements.txt names; ``cargo xtask matrix`` sees
to that. Exit code 1 unless shotclock holds in every cell that was run.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import columns
import libraries
import library_report
import namespace
import network
import peers
import report
import rounds
import trustme
from columns import Column
from libraries import dripped
from outcomes import ANY_END, Outcome, Question
from results import Results


def main() -> int:
    """Run the trials inside a namespace, and show what came of them."""
    arguments = _arguments()
    work = arguments.work
    try:
        namespace.run_inside(work)
    except OSError as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 2
    namespace.furnish(work, network.SYSTEM_FILES, network.LINKS)
    trials = _chosen(arguments)
    if not trials:
        print("matrix: no cell of that name", file=sys.stderr)
        return 2
    runs = _run(trials, arguments, work)
    results = Results({trial: [run[trial] for run in runs] for trial in trials}, arguments.runs)
    (work / "matrix.json").write_text(json.dumps(results.as_json(), indent=1) + "\n")
    report.show(results, arguments.write, arguments.pictures)
    library_report.show(results, arguments.write)
    misses = results.misses()
    if not arguments.only:
        misses += library_report.too_few(results)
    for miss in misses:
        print(f"MISSED {miss}")
    return 1 if misses else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cargo xtask matrix --", description=__doc__)
    parser.add_argument("--command", required=True, help="the command shotclock, for its faults")
    parser.add_argument("--rust", required=True, help="the program with the Rust cells")
    parser.add_argument("--work", type=Path, required=True, help="where results go")
    parser.add_argument("--write", type=Path, help="the page whose figures are to be replaced")
    parser.add_argument("--pictures", type=Path, help="the folder for pictures")
    parser.add_argument("--runs", type=int, default=1, help="how often; a cell holds if it holds each time")
    parser.add_argument("--at-once", type=int, default=4, help="how many trials at the same time")
    parser.add_argument("--interpreter", action="append", help="with the libraries in it; the first for all contestants")
    parser.add_argument("--part", action="append", choices=list(columns.PARTS), help="only this; all if absent")
    parser.add_argument("--only", action="append", default=[], help="only cells with this in their name")
    parser.add_argument("--contestant", action="append", default=[], help="only contestants with this in their name")
    return parser.parse_args()


def _chosen(arguments: argparse.Namespace) -> list[rounds.Trial]:
    trials = []
    everybody = columns.columns(arguments.rust, arguments.interpreter or [sys.executable])
    for language in (table for part in arguments.part or columns.PARTS for table in columns.PARTS[part]):
        questions = columns.questions(language, arguments.rust)
        contestants = [column for column in everybody if column.language == language]
        trials += [(question, column) for question in questions for column in contestants]
    return [
        (question, column)
        for question, column in trials
        if _is_named(question.name, arguments.only)
        and _is_named(f"{column.title} {column.language}", arguments.contestant)
    ]


def _is_named(name: str, wanted: list[str]) -> bool:
    return not wanted or any(part in name for part in wanted)


def _run(trials: list[rounds.Trial], arguments: argparse.Namespace, work: Path) -> list[dict[tuple[Question, Column], Outcome]]:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(work / "server.pem")
    authority.cert_pem.write_to_path(work / "authority.pem")
    dripping = {libraries.named(question.operation).protocol for question, _ in trials if question.answer == ANY_END}
    drips = {f"drip-{protocol}": dripped.content(protocol) for protocol in sorted(dripping - {""})}
    with peers.running(arguments.command, work, work / "server.pem", drips) as where:
        environment = {
            "SHOTCLOCK_MATRIX_PEERS": where,
            "SHOTCLOCK_MATRIX_AUTHORITY": str(work / "authority.pem"),
            # What the machine says of Python is for other programs.
            "PYTHONNOUSERSITE": "1",
        }
        addresses = dict(pair.split("=", 1) for pair in where.split())
        return [rounds.run(trials, environment, addresses, arguments.at_once) for _ in range(arguments.runs)]


if __name__ == "__main__":
    sys.exit(main())
