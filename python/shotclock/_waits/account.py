"""Where a program's time went: what the native ledger has, as sums that are read, or written as JSON."""

from __future__ import annotations

import os
import sys

from .. import _native
from . import lines
from .now import Wait, waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SECOND = 1e9
_NOBODY, _OTHERS = 0, 1


def keep() -> None:
    """Keep account from now on, of this process alone; also of what waits beside sockets, unless that was forbidden."""
    from .._install import waits as hooks

    hooks.install()
    _native.keep_account(lines.LIBRARY, lines.PACKAGES)


def statement() -> dict[str, Any] | None:
    """Say where the time went since then, in seconds; None where no account is kept.

    All that is in it can be written as JSON.
    """
    # Before the account, which tells of none that has not ended.
    still = [_as_dict(wait) for wait in waits()]
    said = _native.account()
    if said is None:
        return None
    lasted, width, peers, places, rows, threads, slowest, first = said
    texts = [(_text(outer) or _text(inner), _text(inner) if outer else None) for outer, inner in places]

    def peer_of(number: int) -> str | None:
        return None if number == _NOBODY else "others" if number == _OTHERS else peers[number - first]

    def place_of(number: int) -> tuple[str | None, str | None]:
        return ("others", None) if number < first else texts[number - first]

    names = [name or _name_of(ident) for ident, name, _ in threads]
    idents = {ident for ident, _, _ in threads}
    all_rows = [
        _Row(what, ended, peer_of(peer), place_of(place)[0], count, total / _SECOND, longest / _SECOND)
        for what, ended, peer, place, count, total, longest in rows
    ]
    return {
        "program": sys.argv,
        "pid": os.getpid(),
        "python": sys.version.split()[0],
        "seconds": lasted / _SECOND,
        "by_what": _sums(all_rows, "what"),
        "by_peer": _sums([row for row in all_rows if row.to is not None], "what", "to"),
        "by_line": _sums(all_rows, "what", "line"),
        "by_end": _sums([row for row in all_rows if row.ended != "done"], "ended", "what"),
        "bin_seconds": width / _SECOND,
        "threads": [
            {
                "name": name,
                "waited": sum(sum(bins) for _, bins in lanes) / _SECOND,
                "lanes": {what: [nanos / _SECOND for nanos in _without_end(bins)] for what, bins in lanes},
            }
            for name, (_, _, lanes) in zip(names, threads, strict=True)
        ]
        # Those that have been in one wait all the time.
        + [{"name": wait["thread"], "waited": 0.0, "lanes": {}} for wait in still if wait["ident"] not in idents],
        "slowest": [
            {
                "start": start / _SECOND,
                "seconds": seconds / _SECOND,
                "thread": names[thread],
                "what": what,
                "ended": ended,
                "to": peer_of(peer),
                "line": place_of(place)[0],
                "inner_line": place_of(place)[1],
            }
            for start, seconds, thread, what, ended, peer, place in sorted(slowest, key=lambda slow: -slow[1])
        ],
        "still_waiting": still,
    }


class _Row:
    __slots__ = ("count", "ended", "line", "longest", "seconds", "to", "what")

    def __init__(
        self,
        what: str,
        ended: str,
        to: str | None,
        line: str | None,
        count: int,
        seconds: float,
        longest: float,
    ) -> None:
        self.what, self.ended, self.to, self.line = what, ended, to, line
        self.count, self.seconds, self.longest = count, seconds, longest


def _sums(rows: list[_Row], *names: str) -> list[dict[str, Any]]:
    """The rows with these in common as one each, those that took longest first."""
    sums: dict[tuple[str | None, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(getattr(row, name) for name in names)
        known = sums.setdefault(key, {**dict(zip(names, key, strict=True)), "count": 0, "seconds": 0.0, "longest": 0.0})
        known["count"] += row.count
        known["seconds"] += row.seconds
        known["longest"] = max(known["longest"], row.longest)
    return sorted(sums.values(), key=lambda sum_: -sum_["seconds"])


def _text(line: tuple[str, int, str] | None) -> str | None:
    return None if line is None else lines.text(*line)


def _name_of(ident: int) -> str:
    threading = sys.modules.get("threading")
    thread = dict(getattr(threading, "_active", {})).get(ident)
    if thread is not None:
        return str(thread.name)
    return "MainThread" if threading is None else f"thread {ident:x}"


def _without_end(bins: list[int]) -> list[int]:
    """The bins up to the last in which anything was waited for."""
    last = max((index for index, nanos in enumerate(bins) if nanos), default=-1)
    return bins[: last + 1]


def _as_dict(wait: Wait) -> dict[str, Any]:
    return dict(vars(wait))
