"""The columns of the tables: who takes part, in which cells, and by which command."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cells
import contestants
import libraries
from outcomes import Question

_TRIAL = str(Path(__file__).with_name("trial.py"))
_LIBRARY_TRIAL = str(Path(__file__).with_name("library_trial.py"))
PYTHON, RUST, LIBRARIES, DRIVERS = "Python", "Rust", "libraries", "drivers"
# The parts of the matrix that one may ask for.
PARTS = {"cells": (PYTHON, RUST), "libraries": (LIBRARIES, DRIVERS)}


@dataclass(frozen=True)
class Column:
    """A contestant."""

    name: str
    # The table it stands in: a language, the libraries, or the drivers in C.
    language: str
    # Before the cell's name.
    command: tuple[str, ...]
    # Of the interpreter, where a table has several.
    version: str = ""

    @property
    def must_hold(self) -> bool:
        """Whether a cell that it misses is a failure."""
        return self.name.startswith("shotclock")

    @property
    def title(self) -> str:
        """At the head of its column."""
        return f"{self.name}, {self.version}" if self.version else self.name


def columns(rust_cells: str, interpreters: list[str]) -> list[Column]:
    """All, in the order of the tables. Ours run in each interpreter where libraries are asked, the others in the first."""
    python = [
        Column(name, PYTHON, (sys.executable, "-B", *kind.beneath, _TRIAL, name))
        for name, kind in contestants.CONTESTANTS.items()
    ]
    rust = [Column(name, RUST, (rust_cells, name)) for name in ("std::net", "shotclock")]
    asked = [(interpreter, _version(interpreter)) for interpreter in interpreters]
    return python + rust + [column for table in (LIBRARIES, DRIVERS) for column in _of_libraries(table, asked)]


def questions(language: str, rust_cells: str) -> list[Question]:
    """The cells of a table, in its order."""
    if language == PYTHON:
        return [cell.question for cell in cells.all_cells()]
    if language in (LIBRARIES, DRIVERS):
        asked = [library for library in libraries.all_libraries() if library.is_driver == (language == DRIVERS)]
        return [question for library in asked for question in library.questions]
    listed = subprocess.run([rust_cells, "--list"], capture_output=True, text=True, check=True).stdout
    return [_question(line) for line in listed.splitlines()]


def _of_libraries(table: str, interpreters: list[tuple[str, str]]) -> list[Column]:
    first = interpreters[:1]
    return [
        Column(name, table, (interpreter, "-B", *kind.beneath, _LIBRARY_TRIAL, name), version)
        for name, kind in contestants.FOR_LIBRARIES.items()
        for interpreter, version in (interpreters if issubclass(kind, contestants.Graft) else first)
    ]


def _version(interpreter: str) -> str:
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([interpreter, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def _question(line: str) -> Question:
    operation, fault, answer, is_busy = line.split("\t")
    return Question(operation, fault, answer, is_busy == "busy")
