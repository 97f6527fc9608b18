"""All that was run, and its totals."""

from __future__ import annotations

from dataclasses import dataclass

from columns import Column
from outcomes import ABSENT, Outcome, Question


@dataclass(frozen=True)
class Results:
    """All that was run; of each trial the outcome of every run."""

    outcomes: dict[tuple[Question, Column], list[Outcome]]
    runs: int

    def worst(self, question: Question, column: Column) -> Outcome:
        """The outcome that counts: the first that misses, else the one that ended last."""
        outcomes = self.outcomes[question, column]
        missed = [outcome for outcome in outcomes if not outcome.is_held]
        return missed[0] if missed else max(outcomes, key=lambda outcome: outcome.seconds or 0)

    def questions(self, language: str) -> list[Question]:
        """The cells of a language that were run, in order."""
        return list(dict.fromkeys(question for question, column in self.outcomes if column.language == language))

    def columns(self, language: str) -> list[Column]:
        """The contestants of a language that ran, in order."""
        return list(dict.fromkeys(column for _, column in self.outcomes if column.language == language))

    def held(self, column: Column) -> int:
        """In how many cells a contestant holds."""
        return sum(self.worst(question, column).is_held for question in self.questions(column.language))

    def misses(self) -> list[str]:
        """The cells in which we do not hold, and where the threads waited then, as far as that is known."""
        return [
            f"{column.language} {column.title}: {question.name}: {outcome.verdict} {outcome.seconds or ''} {outcome.said}"
            + "".join(f"\n    {line}" for line in outcome.place.splitlines())
            for question, column in self.outcomes
            if column.must_hold and not (outcome := self.worst(question, column)).is_held and outcome.verdict != ABSENT
        ]

    def as_json(self) -> list[dict[str, object]]:
        """For the file of results."""
        return [
            {
                "language": column.language,
                "contestant": column.name,
                "version": column.version,
                "operation": question.operation,
                "fault": question.fault,
                "runs": [outcome.as_json() for outcome in outcomes],
            }
            for (question, column), outcomes in self.outcomes.items()
        ]
