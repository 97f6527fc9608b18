"""How cells ended, and which of them hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# A limit of 1 s holds from here to there.
EARLIEST, LATEST = 0.95, 1.15

HELD = "held"
# How a cell can miss.
LATE, EARLY, HUNG, WRONG, NO_WAY = "late", "early", "hung", "wrong", "no way"
# It ended in time, and then its process did not: something of it waits on.
STAYS = "stays"
# What the cell is about is not installed here: nobody's miss.
ABSENT = "absent"
# The answer of a cell for which it counts that it ends, not how: a library may make an error of its own of the end.
ANY_END = "any"


@dataclass(frozen=True)
class Question:
    """A cell, as far as its judge must know it."""

    operation: str
    fault: str
    # Beside a timeout: `live` if somebody answers, and then only the answer counts; `fallback` if there is a
    # documented answer without the network, which may come when the time is up; `any` if every end will do.
    answer: str = ""
    # It keeps a core busy, so nothing is to be timed beside it.
    is_busy: bool = False
    # The time that counts is that until its process has ended, by itself.
    until_exit: bool = False
    # A limit of 1 s holds until then.
    latest: float = LATEST

    @property
    def name(self) -> str:
        """As in the table and on the command line."""
        return f"{self.operation}: {self.fault}"


@dataclass(frozen=True)
class Outcome:
    """How one cell of one contestant ended, once."""

    verdict: str
    # None where it hung, or was not tried.
    seconds: float | None
    said: str
    # With what it ended: `timeout`, `error` or `ended`; empty where it did not.
    end: str = ""
    # Where its threads waited when it was late or hung, as far as the interpreter knows.
    place: str = ""

    @property
    def is_held(self) -> bool:
        """Whether it counts."""
        return self.verdict == HELD

    def as_json(self) -> dict[str, object]:
        """For the file of results."""
        return asdict(self)


def judged(question: Question, ended: str, seconds: float, said: str) -> Outcome:
    """The verdict on what a trial printed."""
    return Outcome(_verdict(question, ended, seconds), seconds, said, ended)


def _verdict(question: Question, ended: str, seconds: float) -> str:
    if ended in (NO_WAY, ABSENT):
        return ended
    answer = question.answer
    if answer == ANY_END:
        return _timed(seconds, question.latest)
    if ended == "ended" and answer:
        in_time = seconds < 1 if answer == "live" else seconds <= LATEST
        return HELD if in_time else LATE
    # Where somebody answers, a timeout is not what was asked for.
    if ended != "timeout" or answer == "live":
        return WRONG
    return _timed(seconds, question.latest)


def _timed(seconds: float, latest: float) -> str:
    if seconds > latest:
        return LATE
    return HELD if seconds >= EARLIEST else EARLY
