"""What a mount did worse than stock over all suites, said as it becomes known and summed up at the end."""

from collections.abc import Mapping
from dataclasses import dataclass

from compare import Comparison, compare
from outcomes import Outcome
from suites import Suite
from trial import Trial, Way, whole

_RETRIED_AT_MOST = 20
# A test that did worse is run again, beside nothing else, so often, and is forgiven if it never does so again.
AGAIN = 2


@dataclass(frozen=True)
class _Counts:
    ok: int
    skipped: int
    bad: int

    @classmethod
    def of(cls, suite: Suite, outcomes: Mapping[str, Outcome]) -> "_Counts":
        tests = [outcome for test, outcome in outcomes.items() if test != whole(suite)]
        skipped, bad = sum(outcome.skipped for outcome in tests), sum(outcome.bad for outcome in tests)
        return cls(len(tests) - skipped - bad, skipped, bad)

    def __add__(self, other: "_Counts") -> "_Counts":
        return _Counts(self.ok + other.ok, self.skipped + other.skipped, self.bad + other.bad)

    def __str__(self) -> str:
        bad = f", {self.bad} bad" if self.bad else ""
        return f"{self.ok + self.skipped + self.bad} tests, {self.ok} ok, {self.skipped} skipped{bad}"


@dataclass
class _Entry:
    stock: dict[str, Outcome]
    ours: dict[str, Outcome]
    comparison: Comparison


class Tally:
    """One way on one interpreter."""

    def __init__(self, version: str, way: Way, expected: dict[str, str]):
        self.way = way
        self._name = f"{version} {way.mount} inside {way.inside}" if way.inside else f"{version} {way.mount}"
        self._expected = expected
        self._entries: dict[Suite, _Entry] = {}
        self._unproved = 0
        # How often a test that did worse was run again and did not.
        self._recovered: dict[str, int] = {}
        # Those that did worse again.
        self._confirmed: set[str] = set()

    def complain(self, where: str, complaints: list[str]) -> None:
        """Say that processes cannot be shown to have run the code they were meant to run."""
        self._unproved += len(complaints)
        for complaint in complaints:
            print(f"{self._name} {where}: NO PROOF: {complaint}", flush=True)

    def add(self, suite: Suite, stock: Trial, ours: Trial) -> None:
        """Compare a suite's trials and print the line of the suite."""
        comparison = compare(stock.outcomes, ours.outcomes, self._expected)
        self._entries[suite] = _Entry(stock.outcomes, ours.outcomes, comparison)
        self.complain(f"{suite.name} (stock)", stock.complaints)
        self.complain(suite.name, ours.complaints)
        if ours.outcomes.keys() <= {whole(suite)}:
            self.complain(suite.name, ["no test ran"])
        worse = f", {len(comparison.worse)} worse than stock" if comparison.worse else ""
        seconds = f"{ours.seconds:.1f} s (stock {stock.seconds:.1f} s)"
        print(f"{self._name} {suite.name}: {_Counts.of(suite, ours.outcomes)}{worse}, {seconds}", flush=True)

    def to_retry(self) -> list[tuple[Suite, tuple[str, ...]]]:
        """Suites with tests that did worse, and these tests; none if the whole suite is to run again.

        A process that crashed or hung did so: it gets no second chance, nor do so many tests that it is no chance.
        """
        retries = []
        for suite, entry in self._entries.items():
            worse = [test for test in entry.comparison.worse if test not in self._confirmed]
            if not 0 < len(worse) <= _RETRIED_AT_MOST or entry.ours[whole(suite)].kind == "error":
                continue
            by_name = all(test in entry.ours and "(" not in test for test in worse)
            retries.append((suite, tuple(worse) if by_name else ()))
        return retries

    def retried(self, suite: Suite, again: Trial) -> None:
        """Count tests that did worse, and did not any time they were run again, as flaky."""
        self.complain(f"{suite.name} (run again)", again.complaints)
        entry = self._entries[suite]
        # What it did not come to is not forgiven.
        if again.outcomes[whole(suite)].kind == "error":
            return
        for test in entry.comparison.worse:
            if test in self._confirmed:
                continue
            outcome = again.outcomes.get(test)
            before = {test: entry.stock[test]} if test in entry.stock else {}
            if compare(before, {test: outcome} if outcome else {}).worse:
                self._confirmed.add(test)
                continue
            self._recovered[test] = self._recovered.get(test, 0) + 1
            if self._recovered[test] == AGAIN:
                self._forgive(entry, test, outcome)

    def _flaky(self) -> list[str]:
        return [test for test, times in self._recovered.items() if times == AGAIN]

    def _forgive(self, entry: _Entry, test: str, outcome: Outcome | None) -> None:
        entry.comparison.forgive(test)
        if outcome is not None:
            entry.ours[test] = outcome
        else:
            # It stands for the setting up of a class, which says nothing when all is well.
            entry.ours.pop(test, None)

    def conclude(self) -> bool:
        """Print each test that did worse, and the totals; whether there is nothing wrong."""
        for suite, entry in self._entries.items():
            self._show(suite, entry)
        for test in self._flaky():
            print(f"{self._name} FLAKY {test}: did worse at first, and not when run again {AGAIN} times")
        print(self._closing(), flush=True)
        return not self._unproved and not any(entry.comparison.failed for entry in self._entries.values())

    def _show(self, suite: Suite, entry: _Entry) -> None:
        found = entry.comparison
        for test in found.regressions:
            print(f"{self._name} REGRESSION {test}: {entry.ours[test].kind}\n{entry.ours[test].detail.rstrip()}\n")
        for test in found.new_skips:
            print(f"{self._name} NEW SKIP {test}: {entry.ours[test].detail}")
        if whole(suite) in found.regressions and found.missing:
            print(
                f"{self._name} MISSING from {suite.name}: {len(found.missing)} tests that its process did not come to"
            )
        else:
            for test in found.missing:
                print(f"{self._name} MISSING {test}")
        for test in found.unexpected_passes:
            print(f"{self._name} UNEXPECTED PASS {test}: take it off the list ({self._expected[test]})")
        for test in found.expected_failures:
            print(f"{self._name} expected failure {test}: {self._expected[test]}")
        for test in found.bad_on_stock_too:
            print(f"{self._name} fails on stock too {test}: {entry.stock[test].detail.rstrip()}")

    def _closing(self) -> str:
        """The line that `cargo xtask test` counts."""
        none = _Counts(0, 0, 0)
        ours = sum((_Counts.of(suite, entry.ours) for suite, entry in self._entries.items()), none)
        stock = sum((_Counts.of(suite, entry.stock) for suite, entry in self._entries.items()), none)
        same = "the same" if (stock.ok, stock.skipped) == (ours.ok, ours.skipped) else f"{stock.ok} and {stock.skipped}"
        found = [entry.comparison for entry in self._entries.values()]
        line = f"{ours} (stock: {same}), {sum(len(one.regressions) for one in found)} regressions"
        further = {
            "newly skipped": sum(len(one.new_skips) for one in found),
            "missing": sum(len(one.missing) for one in found),
            "unexpected passes": sum(len(one.unexpected_passes) for one in found),
            "expected failures": sum(len(one.expected_failures) for one in found),
            "bad on stock too": sum(len(one.bad_on_stock_too) for one in found),
            "flaky": len(self._flaky()),
            "unproved": self._unproved,
        }
        words = "".join(f", {count} {what}" for what, count in further.items() if count)
        return f"conformance {self._name}: {line}{words}"
