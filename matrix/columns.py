"""The columns of the table: who takes part, in which cells, and by which command."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cells
import contestants
from outcomes import Question

_TRIAL = str(Path(__file__).with_name("trial.py"))
PYTHON, RUST = "Python", "Rust"


@dataclass(frozen=True)
class Column:
    """A contestant."""

    name: str
    language: str
    # Before the cell's name.
    command: tuple[str, ...]

    @property
    def must_hold(self) -> bool:
        """Whether a cell that it misses is a failure."""
        return self.name.startswith("shotclock")


def columns(rust_cells: str) -> list[Column]:
    """All, in the order of the tables."""
    python = [
        Column(name, PYTHON, (sys.executable, "-B", *kind.beneath, _TRIAL, name))
        for name, kind in contestants.CONTESTANTS.items()
    ]
    return python + [Column(name, RUST, (rust_cells, name)) for name in ("std::net", "shotclock")]


def questions(language: str, rust_cells: str) -> list[Question]:
    """The cells of a language, in the order of its table."""
    if language == PYTHON:
        return [cell.question for cell in cells.all_cells()]
    listed = subprocess.run([rust_cells, "--list"], capture_output=True, text=True, check=True).stdout
    return [_question(line) for line in listed.splitlines()]


def _question(line: str) -> Question:
    operation, fault, answer, is_busy = line.split("\t")
    return Question(operation, fault, answer, is_busy == "busy")
