"""The account of a program as one page of HTML, which needs nothing beside it: charts in SVG, no script."""

from __future__ import annotations

from html import escape

from . import charts
from .table import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2430; --faint: #5d6878; --line: #d9dee6; --box: #f5f7fa; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14181f; --text: #e4e8ee; --faint: #9aa5b4; --line: #333c49; --box: #1d232c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 66rem; padding: 1.5rem 1.25rem 4rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .25rem; }
p { margin: .25rem 0 .75rem; } .faint { color: var(--faint); }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0; padding: 0; list-style: none; }
.figures li { flex: 1 1 9rem; padding: .6rem .9rem; background: var(--box); border-radius: .5rem; }
.figures b { display: block; font-size: 1.35rem; font-weight: 600; } .figures span { color: var(--faint); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 500; } .number { text-align: right; white-space: nowrap; }
td code { font-size: .85rem; overflow-wrap: anywhere; }
"""


def of_account(account: dict[str, Any]) -> str:
    """Write the page."""
    name = " ".join(account["program"]) or "a program"
    colours = charts.Colours(row["what"] for row in [*account["by_what"], *account["still_waiting"]])
    sections = [
        f"<h1>Where {escape(name)} waited</h1>",
        f'<p class="faint">process {account["pid"]}, Python {escape(account["python"])}</p>',
        f"<p>{_sentence(account)}</p>",
        _figures(account),
        _section(
            "By what was waited for",
            "All threads together: several that wait at the same time count each.",
            charts.bars(_bars(account["by_what"], "what"), colours),
        ),
        _section(
            "By whom",
            "The other end of the connection, the name that was looked up; waits that were for nobody are left out.",
            charts.bars(_bars(account["by_peer"], "to"), colours),
        ),
        _section(
            "By line",
            "The innermost line outside of the standard library.",
            charts.bars(_bars(account["by_line"], "line"), colours),
        ),
        _section(
            "Threads",
            "What each waited for, and when; a full column has waited all the time, a gap has not waited. "
            "What is pale was waited for still at the end.",
            charts.timeline(account, colours),
        ),
        _section("The slowest", "The longest waits, each by itself.", _slowest(account["slowest"])),
        _section(
            "What ended before it was done",
            "By limits, by cancellers, by closing, by errors.",
            _ends(account["by_end"]),
        ),
        _section("Still waiting at the end", "", _still(account["still_waiting"])),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Waits of {escape(name)}</title>\n<style>{_STYLE}{colours.style()}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )


def _sentence(account: dict[str, Any]) -> str:
    """What most want to know."""
    lasted = account["seconds"]
    main = next((thread for thread in account["threads"] if thread["name"] == "MainThread"), None)
    waited = 0.0 if main is None else main["waited"]
    share = min(1, waited / lasted) if lasted else 0
    said = f"It ran for <b>{seconds(lasted)}</b>; its main thread waited for <b>{seconds(waited)}</b> of that"
    said += f" ({share:.0%})."
    if account["by_line"]:
        most = account["by_line"][0]
        line = most["line"] or "an unknown line"
        said += f" Most of all waits, <b>{seconds(most['seconds'])}</b>, were in {escape(most['what'])}"
        said += f" at <code>{escape(line)}</code>."
    return said


def _figures(account: dict[str, Any]) -> str:
    count = sum(row["count"] for row in account["by_what"])
    limits = ("timeout", "scope", "program", "idle", "first byte", "total")
    by_limit = sum(row["count"] for row in account["by_end"] if row["ended"] in limits)
    figures = [
        (seconds(account["seconds"]), "from start to end"),
        (seconds(sum(row["seconds"] for row in account["by_what"])), "waited, in all threads"),
        (f"{count:,}", "wait" if count == 1 else "waits"),
        (str(len(account["threads"])), "threads that waited"),
        (f"{by_limit:,}", "ended by a limit"),
    ]
    items = "".join(f"<li><b>{escape(number)}</b><span>{escape(what)}</span></li>" for number, what in figures)
    return f'<ul class="figures">{items}</ul>'


def _section(title: str, about: str, content: str) -> str:
    if not content:
        return ""
    words = f'<p class="faint">{escape(about)}</p>' if about else ""
    return f'<section>\n<h2>{escape(title)}</h2>{words}\n<div class="scroll">{content}</div>\n</section>'


def _bars(rows: Sequence[dict[str, Any]], *names: str) -> list[charts.Bar]:
    def text(row: dict[str, Any]) -> str:
        label = next((row[name] for name in names if row[name]), "nobody knows where")
        return label if names[0] == "what" else f"{label} · {row['what']}"

    return [charts.Bar(text(row), row["what"], row["seconds"], row["count"], row["longest"]) for row in rows]


def _slowest(rows: Sequence[dict[str, Any]]) -> str:
    heads = ("took", "began at", "thread", "waited in", "for", "ended", "line")
    cells = [
        (
            seconds(row["seconds"]),
            seconds(row["start"]),
            row["thread"],
            row["what"],
            row["to"],
            row["ended"],
            row["line"] or row["inner_line"],
        )
        for row in rows
    ]
    return _table(heads, cells, numbers=2)


def _ends(rows: Sequence[dict[str, Any]]) -> str:
    heads = ("times", "waited in all", "longest", "ended by", "waited in")
    cells = [
        (f"{row['count']:,}", seconds(row["seconds"]), seconds(row["longest"]), row["ended"], row["what"])
        for row in rows
    ]
    return _table(heads, cells, numbers=3)


def _still(rows: Sequence[dict[str, Any]]) -> str:
    heads = ("for", "ends in", "thread", "waits in", "for", "line")
    cells = [
        (
            seconds(row["since"]),
            "never" if row["remaining"] is None else seconds(row["remaining"]),
            row["thread"],
            row["what"],
            row["to"],
            row["line"] or row["inner_line"],
        )
        for row in rows
    ]
    return _table(heads, cells, numbers=2)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str | None]], numbers: int) -> str:
    """The first columns are numbers; the last one is code where it names a line."""
    if not rows:
        return ""

    def row_of(cells: Sequence[str | None], tag: str) -> str:
        parts = []
        for index, cell in enumerate(cells):
            kind = ' class="number"' if index < numbers else ""
            text = escape(cell or "–")
            is_line = tag == "td" and heads[index] == "line" and cell
            parts.append(f"<{tag}{kind}>{f'<code>{text}</code>' if is_line else text}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>"

    body = "".join(row_of(row, "td") for row in rows)
    return f"<table><thead>{row_of(heads, 'th')}</thead><tbody>{body}</tbody></table>"
