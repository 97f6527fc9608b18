"""How cells ended, and which of them hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# A limit of 1 s holds from here to there.
EARLIEST, LATEST = 0.95, 1.15

HELD = "held"
# How a cell can miss.
LATE, EARLY, HUNG, WRONG, NO_WAY = "late", "early", "hung", "wrong", "no way"


@dataclass(frozen=True)
class Question:
    """A cell, as far as its judge must know it."""

    operation: str
    fault: str
    # Beside a timeout: `live` if somebody answers, and then only the answer counts; `fallback` if there is a
    # documented answer without the network, which may come when the time is up.
    answer: str = ""
    # It keeps a core busy, so nothing is to be timed beside it.
    is_busy: bool = False
    # The time that counts is that until its process has ended, by itself.
    until_exit: bool = False

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

    @property
    def is_held(self) -> bool:
        """Whether it counts."""
        return self.verdict == HELD

    def as_json(self) -> dict[str, object]:
        """For the file of results."""
        return asdict(self)


def judged(question: Question, ended: str, seconds: float, said: str) -> Outcome:
    """The verdict on what a trial printed."""
    return Outcome(_verdict(question.answer, ended, seconds), seconds, said)


def _verdict(answer: str, ended: str, seconds: float) -> str:
    if ended == NO_WAY:
        return NO_WAY
    if ended == "ended" and answer:
        in_time = seconds < 1 if answer == "live" else seconds <= LATEST
        return HELD if in_time else LATE
    # Where somebody answers, a timeout is not what was asked for.
    if ended != "timeout" or answer == "live":
        return WRONG
    if seconds > LATEST:
        return LATE
    return HELD if seconds >= EARLIEST else EARLY
