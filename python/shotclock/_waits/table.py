"""Tables of text: what waits now, and the short account."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

# How wide a column may be at most, but the last one.
_WIDEST = 44
_LINES = 8


def of_waits(waits: Iterable[Mapping[str, Any]]) -> str:
    """What waits now, a line each."""
    rows = [
        (
            wait["thread"],
            wait["what"],
            wait["to"] or "",
            seconds(wait["since"]),
            "" if wait["limit"] is None else f"{wait['limit']} in {seconds(wait['remaining'])}",
            wait["line"] or wait["inner_line"] or "",
        )
        for wait in waits
    ]
    return table(("thread", "waits in", "to", "for", "until", "line"), rows) if rows else "nothing waits\n"


def of_account(account: Mapping[str, Any]) -> str:
    """Where the time went, in a screenful."""
    lasted = account["seconds"]
    parts = [f"waits in {seconds(lasted)}:\n"]

    def sums(name: str, *columns: str) -> None:
        rows = account[name][:_LINES]
        if rows:
            figures = [
                (seconds(row["seconds"]), str(row["count"]), seconds(row["longest"]))
                + tuple(row[column] or "" for column in columns)
                for row in rows
            ]
            parts.append(table(("in all", "times", "longest", *columns), figures))

    sums("by_what", "what")
    sums("by_peer", "what", "to")
    sums("by_line", "what", "line")
    sums("by_end", "ended", "what")
    if account["still_waiting"]:
        parts.append("still waiting:\n" + of_waits(account["still_waiting"]))
    return "\n".join(parts)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be."""
    shown = [[cut(cell, _WIDEST) for cell in row[:-1]] + [row[-1]] for row in rows]
    widths = [max(len(row[column]) for row in [list(heads), *shown]) for column in range(len(heads))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *shown])
    return "".join(f"{line.rstrip()}\n" for line in lines)


def seconds(number: float | None) -> str:
    """Say it with three digits that count."""
    if number is None:
        return "?"
    if number >= 100:
        return f"{number:.0f} s"
    if number >= 1:
        return f"{number:.2f} s"
    return f"{number * 1e3:.3g} ms" if number >= 1e-3 else f"{number * 1e6:.0f} us"


def cut(text: str, most: int) -> str:
    """Leave the end out where it is too long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
