"""The picture: for each contestant when each operation ended, beside the second at which it should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from outcomes import EARLIEST, EARLY, HELD, HUNG, LATE, LATEST, NO_WAY, WRONG

if TYPE_CHECKING:
    from results import Results

# Verdicts by mark and by colour. The colours are Okabe's and Ito's, which people tell apart whose eyes know fewer; each
# stands out from white and from black, and so does the grey.
_MARKS = {
    HELD: ("o", "#0072B2"),
    EARLY: ("<", "#CC79A7"),
    LATE: (">", "#E69F00"),
    HUNG: ("x", "#D55E00"),
    WRONG: ("s", "#CC79A7"),
    NO_WAY: ("_", "#808080"),
}
_GREY = "#808080"
_SECONDS, _HUNG_AT = 3.6, 3.3
_ROW_INCHES = 0.165


def draw(results: Results, language: str, file: Path) -> None:
    """Draw one language's table into an SVG file."""
    # The same results make the same file, and text stays text.
    mpl.rcParams.update({"svg.hashsalt": "shotclock", "svg.fonttype": "none", "font.size": 8, "text.color": _GREY})
    mpl.rcParams.update({name: _GREY for name in ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")})
    questions, columns = results.questions(language), results.columns(language)
    figure = Figure(figsize=(3.4 + 1.45 * len(columns), 1.1 + _ROW_INCHES * len(questions)), layout="constrained")
    panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for panel, column in zip(panels, columns, strict=True):
        _frame(panel, f"{column.name}\n{results.held(column)} of {len(questions)}")
        for row, question in enumerate(questions):
            outcome = results.worst(question, column)
            at = _HUNG_AT if outcome.verdict in (HUNG, NO_WAY) else min(outcome.seconds or 0, _HUNG_AT)
            mark, colour = _MARKS[outcome.verdict]
            panel.plot(at, row, mark, color=colour, markersize=5)
    panels[0].set_yticks(range(len(questions)), [question.name for question in questions])
    panels[0].set_ylim(len(questions) - 0.5, -0.5)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=len(_MARKS), frameon=False)
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})


def _frame(panel: Any, title: str) -> None:
    panel.set_title(title, fontsize=9)
    panel.axvspan(EARLIEST, LATEST, color="#56B4E9", alpha=0.3, linewidth=0)
    panel.set_xlim(0, _SECONDS)
    panel.set_xticks([0, 1, 2, _HUNG_AT], ["0", "1 s", "2", "never"])
    panel.grid(axis="y", color=_GREY, alpha=0.25, linewidth=0.5)
    panel.tick_params(length=0)


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], linestyle="", marker=mark, color=colour, label=verdict)
        for verdict, (mark, colour) in _MARKS.items()
    ]
