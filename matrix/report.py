"""The tables, and the page that shows them."""

from __future__ import annotations

import datetime
import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from columns import PYTHON, RUST
from outcomes import Outcome
from results import Results

_BEGIN, _END = "<!-- figures: cargo xtask matrix --write -->", "<!-- end of figures -->"


def show(results: Results, page: Path | None, pictures: Path | None) -> None:
    """Print the tables, put them into a page between its two marks, and draw the pictures into a folder."""
    languages = [language for language in (PYTHON, RUST) if results.questions(language)]
    if not languages:
        return
    tools = [f"CPython {platform.python_version()}"]
    tools += [f"{name} {version(name)}" for name in ("gevent", "requests") if find_spec(name)]
    if rustc := shutil.which("rustc"):
        said = subprocess.run([rustc, "--version"], capture_output=True, text=True, check=False).stdout.split()
        tools.append(" ".join(said[:2]))
    figures = "\n".join([surroundings(results, tools), *(_section(results, language) for language in languages)])
    print(figures)
    if page:
        put(figures, page, _BEGIN, _END)
    if pictures:
        # Whoever wants none needs no library for it.
        import picture

        pictures.mkdir(exist_ok=True)
        for language in languages:
            picture.draw(results, language, pictures / f"{language.lower()}.svg")


def put(figures: str, page: Path, begin_mark: str, end_mark: str) -> None:
    """Replace what stands between two marks of a page."""
    text = page.read_text()
    begin, end = text.index(begin_mark) + len(begin_mark), text.index(end_mark)
    page.write_text(f"{text[:begin]}\n{figures}\n{text[end:]}")


def surroundings(results: Results, tools: list[str]) -> str:
    """When, on what, by which tools, and how often: a line of its own."""
    runs = f"{results.runs} runs, each cell at its worst" if results.runs > 1 else "1 run"
    today = datetime.datetime.now(tz=datetime.UTC).date()
    machine = f"{_processor()}, {os.cpu_count()} cores, Linux {re.split('[-+]', platform.release())[0]}"
    return f"`cargo xtask matrix`, {today}: {machine}, {', '.join(tools)}; {runs}.\n"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split()[:2])
    return platform.machine()


def _section(results: Results, language: str) -> str:
    columns, questions = results.columns(language), results.questions(language)
    lines = [
        f"### {language}",
        "",
        f"![When each operation ended, by contestant](matrix/pictures/{language.lower()}.svg)",
        "",
        row("operation", "fault", *(column.name for column in columns)),
        row(*["---"] * (2 + len(columns))),
        row("**held**", f"**of {len(questions)}**", *(f"**{results.held(column)}**" for column in columns)),
    ]
    for question in questions:
        ended = (_entry(results.worst(question, column)) for column in columns)
        lines.append(row(question.operation, question.fault, *ended))
    return "\n".join([*lines, ""])


def row(*entries: str) -> str:
    """Of a table."""
    return f"| {' | '.join(entries)} |"


def _entry(outcome: Outcome) -> str:
    seconds = "" if outcome.seconds is None or outcome.verdict == "no way" else f" {outcome.seconds:.2f}"
    return f"held{seconds}" if outcome.is_held else f"**{outcome.verdict}**{seconds}"
