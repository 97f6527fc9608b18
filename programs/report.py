"""What came of it: what was missed, and the table."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from trial import LIMIT, TOTAL, Outcome, Question

PEERS = ("silent", "half", "hole", "dns", "drip", "retries")
# By how much an end may be late, in seconds: of connections, of those that are being made, and of all by the total.
_LATE = 0.1
_LATE_MAKING = 0.25
_LATE_TOTAL = 0.6
# With the tests the machine does other things as well: there it counts that all ends at all.
_LATE_SHORT = 3.0
_BEGIN, _END = "<!-- programs -->\n", "<!-- /programs -->\n"

Results = Mapping[Question, Outcome]


def missed(question: Question, outcome: Outcome, *, is_short: bool) -> str | None:
    """Why this is not as it should be; None if it is."""
    if not question.has_to_end:
        return None
    if outcome.code is None:
        return "it did not end"
    if question.has_total and outcome.code == 124 and outcome.seconds < TOTAL:
        return f"the total came at {outcome.seconds:.3f} s"
    if question.has_total and outcome.seconds > TOTAL + (_LATE_SHORT if is_short else _LATE_TOTAL):
        return f"it ended at {outcome.seconds:.2f} s"
    if any(late < 0 for late in outcome.late):
        return f"a connection ended {-min(outcome.late):.3f} s early"
    bound = _LATE_SHORT if is_short else _LATE_MAKING if question.peer == "hole" else _LATE
    # A thousandth is what the report rounds to.
    if outcome.late and max(outcome.late) > bound + 0.001:
        return f"a connection ended {max(outcome.late):.3f} s late"
    return None


def summary(results: Results) -> list[str]:
    """For each contestant, how many ended at each peer, and how late; as a table in Markdown."""
    contestants = list(dict.fromkeys(question.contestant for question in results))
    lines = [f"| ended, of those tried | {' | '.join(PEERS)} | late at most: silence, half | hole |", "| --- |" + " --- |" * (len(PEERS) + 2)]
    for contestant in contestants:
        own = {question: outcome for question, outcome in results.items() if question.contestant == contestant}
        cells = [_ended(own, peer) for peer in PEERS]
        late = [_late(own, ("silent", "half")), _late(own, ("hole",))]
        lines.append(f"| {contestant} | {' | '.join(cells + late)} |")
    return lines


def table(results: Results) -> list[str]:
    """For each program seconds, exit code and words at each peer, with both mechanisms; as a table in Markdown."""
    lines = [f"| program | {' | '.join(PEERS)} | at the silent peer it says |", "| --- |" + " --- |" * (len(PEERS) + 1)]
    of_both = {(question.program.name, question.peer): outcome for question, outcome in results.items() if question.contestant == "both"}
    for program in dict.fromkeys(name for name, _ in of_both):
        cells = [_cell(of_both.get((program, peer))) for peer in PEERS]
        silent = of_both.get((program, "silent"))
        said = silent.said.replace("|", "\\|")[-70:] if silent and silent.code is not None else ""
        lines.append(f"| {program} | {' | '.join(cells)} | {said} |")
    return lines


def write(page: Path, lines: list[str]) -> None:
    """Put this in the place that the page has for it."""
    text = page.read_text()
    before, found, rest = text.partition(_BEGIN)
    _, ends, after = rest.partition(_END)
    if not (found and ends):
        raise ValueError(f"{page}: no {_BEGIN.strip()} .. {_END.strip()}")
    page.write_text(f"{before}{_BEGIN}" + "\n".join(lines) + f"\n{_END}{after}")


def _ended(own: Results, peer: str) -> str:
    outcomes = [outcome for question, outcome in own.items() if question.peer == peer]
    ended = sum(outcome.code is not None for outcome in outcomes)
    return f"{ended} of {len(outcomes)}" if outcomes else "-"


def _late(own: Results, peers: tuple[str, ...]) -> str:
    late = [late for question, outcome in own.items() if question.peer in peers for late in outcome.late]
    return f"{max(late):.2f} s" if late else "-"


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    return "goes on" if outcome.code is None else f"{outcome.seconds:.1f} s, {outcome.code}"


def heading() -> str:
    """What was run, where, and when."""
    model = next((line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    machine = f"{model.strip()}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}"
    today = datetime.date.today().isoformat()  # noqa: DTZ011
    return f"`cargo xtask programs`, {today}: {machine}; `--timeout {LIMIT:g}`, at drip and retries `--total {TOTAL:g}` as well."
