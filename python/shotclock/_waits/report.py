"""``python -m shotclock --waits FILE``: the account of a program, written when it ends."""

from __future__ import annotations

import atexit
import os
import sys

from . import account, page, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def keep(path: str) -> None:
    """Keep account from now on, and write it at the end of this process: to standard error for ``-``.

    JSON where the name ends with ``.json``, else a page of HTML.
    """
    # Where the program leaves its folder, or the file cannot be made, that is known before it begins.
    target = None if path == "-" else os.path.abspath(path)
    if target is not None:
        with open(target, "w", encoding="utf-8"):
            pass
    atexit.register(_write, target, os.getpid())
    account.keep()


def _write(path: str | None, pid: int) -> None:
    # A forked child that ends like this has no account.
    said = account.statement() if os.getpid() == pid else None
    if said is None:
        return
    if path is None:
        print(table.of_account(said), end="", file=sys.stderr)
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(_text(path, said))


def _text(path: str, said: dict[str, Any]) -> str:
    if path.endswith(".json"):
        import json

        return json.dumps(said, indent=1) + "\n"
    return page.of_account(said)
