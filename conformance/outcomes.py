"""How each test of a suite ended, as the test process wrote it down."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

# From best to worst: a test that ended in several ways (subtests, clean-up) counts as the worst of them.
KINDS = ("ok", "expected failure", "skip", "unfinished", "unexpected success", "fail", "error")
_BAD = frozenset(("unfinished", "unexpected success", "fail", "error"))


@dataclass(frozen=True)
class Outcome:
    """One of KINDS, and why: a reason or a traceback."""

    kind: str
    detail: str = ""

    @property
    def bad(self) -> bool:
        """Whether the suite fails by it."""
        return self.kind in _BAD

    @property
    def skipped(self) -> bool:
        return self.kind == "skip"


def fold(lines: Iterable[str]) -> dict[str, Outcome]:
    """Outcomes by test from JSON lines with test, kind and detail; of a test that only ``started``: unfinished."""
    outcomes: dict[str, Outcome] = {}
    for line in lines:
        told = json.loads(line)
        test, kind = told["test"], told["kind"]
        if kind == "started":
            outcomes.setdefault(test, Outcome("unfinished", "it was started, and the process ended in it"))
            continue
        before = outcomes.get(test)
        if before is None or before.kind == "unfinished" or KINDS.index(kind) > KINDS.index(before.kind):
            outcomes[test] = Outcome(kind, told["detail"])
    return outcomes
