"""What a run over shotclock did worse than a run on the stock module, test by test."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from outcomes import Outcome

# A list that may grow hides what it should show.
MOST_EXPECTED = 3


@dataclass
class Comparison:
    """Tests by what is wrong with them; all but the last two make a run fail."""

    # Good on stock, or not there at all, and bad on ours.
    regressions: list[str] = field(default_factory=list)
    # Skipped on ours alone.
    new_skips: list[str] = field(default_factory=list)
    # Ran on stock, not there on ours.
    missing: list[str] = field(default_factory=list)
    # On the list of expected failures, and nothing is wrong with them.
    unexpected_passes: list[str] = field(default_factory=list)
    # On that list, and rightly.
    expected_failures: list[str] = field(default_factory=list)
    # Bad on both.
    bad_on_stock_too: list[str] = field(default_factory=list)

    @property
    def worse(self) -> list[str]:
        """Tests that ours does worse than stock, and that nobody expected to."""
        return self.regressions + self.new_skips + self.missing

    def forgive(self, test: str) -> None:
        """Take a test off the lists of what ours does worse."""
        for tests in (self.regressions, self.new_skips, self.missing):
            if test in tests:
                tests.remove(test)

    @property
    def failed(self) -> bool:
        return bool(self.worse or self.unexpected_passes)


def compare(stock: Mapping[str, Outcome], ours: Mapping[str, Outcome], expected: Iterable[str] = ()) -> Comparison:
    """Compare two runs of one suite. ``expected`` are tests known to do worse on ours; others' are left alone."""
    found = Comparison()
    expected = set(expected) & (stock.keys() | ours.keys())
    for test in [*stock, *(test for test in ours if test not in stock)]:
        wrong = _what_is_wrong(found, stock.get(test), ours.get(test))
        if wrong is not None and test in expected:
            found.expected_failures.append(test)
        elif wrong is not None:
            wrong.append(test)
        elif test in expected:
            found.unexpected_passes.append(test)
    return found


def expectations(text: str) -> dict[str, str]:
    """Reasons by test, from lines ``test: reason``; ``#`` begins a comment.

    Raises ValueError for a line without a reason, and for more than ``MOST_EXPECTED`` tests.
    """
    reasons = {}
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        test, separator, reason = line.partition(": ")
        if not separator or not reason.strip():
            raise ValueError(f"an expected failure needs a reason, as in 'test: reason': {line}")
        reasons[test] = reason.strip()
    if len(reasons) > MOST_EXPECTED:
        raise ValueError(f"{len(reasons)} tests are listed as expected failures: expected at most {MOST_EXPECTED}")
    return reasons


def _what_is_wrong(found: Comparison, stock: Outcome | None, ours: Outcome | None) -> list[str] | None:
    """The list that a test belongs to."""
    if ours is None:
        return None if stock is None or stock.bad else found.missing
    if ours.bad:
        return found.bad_on_stock_too if stock is not None and stock.bad else found.regressions
    if ours.skipped and not (stock is not None and stock.skipped):
        return found.new_skips
    return None
