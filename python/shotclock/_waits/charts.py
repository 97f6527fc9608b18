"""Charts of waits in SVG: bars, and a timeline for each thread. Colours come from the page's style."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from .table import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

# For light pages and dark ones, told apart by people who see few colours, too.
_LIGHT = ("#2468b4", "#d97706", "#7c4dbd", "#0f8f74", "#c2376a", "#8a7218", "#4aa3df", "#7a5c45", "#5b8c2a", "#6b7280")
_DARK = ("#6aa9ef", "#f2a33a", "#b18df0", "#3cc3a3", "#f07aa3", "#cdb44a", "#8fd0f7", "#c39c7d", "#9ccc5c", "#9aa5b4")
# What most programs wait in has the same colour on each page.
_USUAL = ("recv", "send", "connect", "poll", "lookup", "lock", "accept", "read", "sleep")

_WIDTH = 980
_MOST_BARS = 20


class Colours:
    """A colour for each thing that was waited for."""

    def __init__(self, whats: Iterable[str]) -> None:
        all_whats = list(dict.fromkeys(whats))
        usual = [what for what in _USUAL if what in all_whats]
        taken = {_USUAL.index(what) for what in usual}
        free = [number for number in range(len(_LIGHT) - 1) if number not in taken]
        self._numbers = {what: _USUAL.index(what) for what in usual}
        for what in all_whats:
            if what not in self._numbers:
                # The last one is for all that there is no other for.
                self._numbers[what] = free.pop(0) if free else len(_LIGHT) - 1

    def of(self, what: str) -> str:
        """The class of its shapes."""
        return f"k{self._numbers.get(what, len(_LIGHT) - 1)}"

    def style(self) -> str:
        """The style of the shapes and of the charts' text."""
        light = "".join(f".k{number} {{ fill: {colour}; }}\n" for number, colour in enumerate(_LIGHT))
        dark = "".join(f".k{number} {{ fill: {colour}; }}\n" for number, colour in enumerate(_DARK))
        return (
            f"svg {{ display: block; width: 100%; min-width: 40rem; height: auto; }}\n"
            f"svg text {{ font: 13px system-ui, sans-serif; fill: var(--text); }}\n"
            f"svg .quiet {{ fill: var(--faint); }}\n"
            f"svg .ground {{ fill: var(--box); }} svg .open {{ opacity: .35; }} svg line {{ stroke: var(--line); }}\n"
            f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"
        )


@dataclass(frozen=True)
class Bar:
    """One bar: its label, what was waited for, and the figures beside it."""

    label: str
    what: str
    seconds: float
    count: int
    longest: float


def bars(all_bars: Sequence[Bar], colours: Colours) -> str:
    """Bars beneath their labels, the longest first."""
    shown, rest = all_bars[:_MOST_BARS], all_bars[_MOST_BARS:]
    if not shown:
        return ""
    most = max(bar.seconds for bar in shown) or 1
    parts, y = [], 4
    for bar in shown:
        width = max(1.5, (_WIDTH - 20) * bar.seconds / most)
        times = "once" if bar.count == 1 else f"{bar.count:,} times, {seconds(bar.longest)} at most"
        parts.append(
            f"<g><title>{escape(bar.label)}: {seconds(bar.seconds)}, {times}</title>"
            f'<text x="0" y="{y + 11}">{escape(_cut(bar.label, 92))}</text>'
            f'<text class="quiet" x="{_WIDTH}" y="{y + 11}" text-anchor="end">{seconds(bar.seconds)} · {times}</text>'
            f'<rect class="{colours.of(bar.what)}" x="0" y="{y + 17}" width="{width:.1f}" height="9" rx="2"/></g>'
        )
        y += 36
    if rest:
        total = seconds(sum(bar.seconds for bar in rest))
        parts.append(f'<text class="quiet" x="0" y="{y + 11}">and {len(rest):,} more, {total} in all</text>')
        y += 24
    return _svg(y, "".join(parts), f"{len(shown)} bars, the longest first")


def timeline(account: dict[str, Any], colours: Colours) -> str:
    """A lane for each thread, over one axis of time."""
    threads, lasted = account["threads"], account["seconds"]
    if not threads or not lasted:
        return ""
    parts, y, lane = [_legend(account, colours)], 30, 34
    for thread in threads:
        label = f"{thread['name']} · waited {seconds(thread['waited'])}"
        parts.append(f'<text x="0" y="{y + 12}">{escape(_cut(label, 90))}</text>')
        parts.append(f'<rect class="ground" x="0" y="{y + 18}" width="{_WIDTH}" height="{lane}"/>')
        parts.append(_lane(thread["lanes"], account["bin_seconds"], lasted, (y + 18, lane), colours))
        still = [wait for wait in account["still_waiting"] if wait["thread"] == thread["name"] and wait["since"]]
        parts += [_open(wait, lasted, (y + 18, lane), colours) for wait in still]
        y += lane + 30
    parts.append(_axis(lasted, y))
    return _svg(y + 24, "".join(parts), f"{len(threads)} threads over {seconds(lasted)}")


def _lane(
    lanes: dict[str, list[float]], width: float, lasted: float, place: tuple[int, int], colours: Colours
) -> str:
    """The columns of a thread, one path for each thing: they stand on each other."""
    top, height = place
    scale = _WIDTH * width / lasted
    filled = [0.0] * max(map(len, lanes.values()), default=0)
    paths = []
    for what, bins in lanes.items():
        steps = []
        for index, waited in enumerate(bins):
            # The last bin ends with the program.
            share = min(waited / min(width, max(lasted - index * width, 1e-9)), 1 - filled[index])
            if share <= 0:
                continue
            x, tall = index * scale, max(share * height, 0.6)
            bottom = top + height * (1 - filled[index])
            filled[index] += share
            wide = min(max(scale, 0.8), _WIDTH - x)
            steps.append(f"M{x:.1f} {bottom:.1f}h{wide:.1f}v{-tall:.1f}h{-wide:.1f}z")
        if steps:
            paths.append(f'<path class="{colours.of(what)}" d="{"".join(steps)}"><title>{escape(what)}</title></path>')
    return "".join(paths)


def _open(wait: dict[str, Any], lasted: float, place: tuple[int, int], colours: Colours) -> str:
    """A wait that has not ended."""
    top, height = place
    wide = _WIDTH * min(1, wait["since"] / lasted)
    shape = f'x="{_WIDTH - wide:.1f}" y="{top}" width="{wide:.1f}" height="{height}"'
    return f'<rect class="{colours.of(wait["what"])} open" {shape}><title>{escape(wait["what"])}, still</title></rect>'


def _legend(account: dict[str, Any], colours: Colours) -> str:
    parts, x = [], 0
    for row in account["by_what"]:
        what = row["what"]
        wide = 26 + 8 * len(what)
        if x + wide > _WIDTH:
            break
        parts.append(f'<rect class="{colours.of(what)}" x="{x}" y="3" width="11" height="11" rx="2"/>')
        parts.append(f'<text x="{x + 16}" y="13">{escape(what)}</text>')
        x += wide
    return "".join(parts)


def _axis(lasted: float, y: int) -> str:
    step = _step(lasted)
    parts = [f'<line x1="0" y1="{y}" x2="{_WIDTH}" y2="{y}"/>']
    for number in range(math.floor(lasted / step) + 1):
        x = _WIDTH * number * step / lasted
        anchor = "start" if number == 0 else "end" if x > _WIDTH - 30 else "middle"
        parts.append(f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 5}"/>')
        text = seconds(number * step) if number else "0"
        parts.append(f'<text class="quiet" x="{x:.1f}" y="{y + 19}" text-anchor="{anchor}">{text}</text>')
    return "".join(parts)


def _step(lasted: float) -> float:
    """A round number, of which there are five to twelve."""
    power: float = 10.0 ** math.floor(math.log10(lasted / 5))
    return next((power * factor for factor in (1.0, 2.0, 5.0) if lasted / (power * factor) <= 12), 10.0 * power)


def _svg(height: int, content: str, about: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(about)}">{content}</svg>'


def _cut(text: str, most: int) -> str:
    # The end of a path says more than its beginning.
    return text if len(text) <= most else f"…{text[-most + 1 :]}"
