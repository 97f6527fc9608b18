"""The tables of the libraries, a table for each fault, and the page that shows them."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from columns import DRIVERS, LIBRARIES, Column
from outcomes import ABSENT, HELD, HUNG, Outcome, Question
from report import put, row, surroundings
from results import Results

_BEGIN, _END = "<!-- libraries: cargo xtask matrix --write -->", "<!-- end of libraries -->"
# With fewer, a table that is all in time says little.
_LEAST = 30
_TITLES = {LIBRARIES: "Libraries", DRIVERS: "Drivers in C"}


def show(results: Results, page: Path | None) -> None:
    """Print the tables, name what is not installed, and put the tables into a page between its two marks."""
    tables = [table for table in _TITLES if results.questions(table)]
    if not tables:
        return
    versions = dict.fromkeys(column.version for _, column in results.outcomes if column.version)
    tools = [f"CPython {', '.join(versions)}"]
    tools += [f"gevent {version('gevent')}"] if find_spec("gevent") else []
    figures = "\n".join([surroundings(results, tools), *(_section(results, table) for table in tables)])
    print(figures)
    for absent in _absent(results):
        print(f"SKIP {absent}")
    if page:
        put(figures, page, _BEGIN, _END)


def too_few(results: Results) -> list[str]:
    """A complaint for each column in which so few libraries are installed that their figures say little."""
    return [
        f"{column.title}: only {there} libraries are installed, and {_LEAST} are needed"
        for column in results.columns(LIBRARIES)
        if (there := _installed(results, column)) < _LEAST
    ]


def _installed(results: Results, column: Column) -> int:
    there = (question for question in results.questions(LIBRARIES) if results.worst(question, column).verdict != ABSENT)
    return len({question.operation for question in there})


def _absent(results: Results) -> list[str]:
    """The libraries that an interpreter does not have, and what it said."""
    found = {
        f"{question.operation} on {column.version}": outcome.said
        for question, column in results.outcomes
        if (outcome := results.worst(question, column)).verdict == ABSENT
    }
    return [f"{what}: {why}" for what, why in found.items()]


def _section(results: Results, table: str) -> str:
    columns, questions = results.columns(table), results.questions(table)
    lines = [f"### {_TITLES[table]}", ""]
    for fault in dict.fromkeys(question.fault for question in questions):
        asked = [question for question in questions if question.fault == fault]
        lines += [row(fault, *(column.title for column in columns)), row(*["---"] * (1 + len(columns)))]
        lines.append(row(f"**in time, of {len(asked)}**", *(f"**{_held(results, asked, column)}**" for column in columns)))
        for question in asked:
            lines.append(row(question.operation, *(_entry(results.worst(question, column)) for column in columns)))
        lines.append("")
    return "\n".join(lines)


def _held(results: Results, questions: list[Question], column: Column) -> str:
    outcomes = [results.worst(question, column) for question in questions]
    held = sum(outcome.is_held for outcome in outcomes)
    there = sum(outcome.verdict != ABSENT for outcome in outcomes)
    return str(held) if there == len(outcomes) else f"{held} of {there}"


def _entry(outcome: Outcome) -> str:
    if outcome.verdict == ABSENT:
        return "–"
    if outcome.verdict == HUNG:
        return "**hung**"
    seconds = f"{outcome.seconds:.2f}" if outcome.seconds is not None else ""
    if outcome.verdict != HELD:
        return f"**{outcome.verdict}** {seconds}".rstrip()
    # How the library told its caller where that is not the contestant's own error: by one of its own, or not at all.
    return seconds + {"error": " own", "ended": " none"}.get(outcome.end, "")
