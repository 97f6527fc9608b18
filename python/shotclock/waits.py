"""``python -m shotclock.waits PID``: what waits now in another process, as a table that is printed anew.

The process has to serve its waits: ``python -m shotclock --serve-waits PROGRAM``, ``SHOTCLOCK_SERVE_WAITS=1`` beside
``SHOTCLOCK=1`` in its environment, or a call of ``shotclock.serve_waits()`` in it.
"""

from __future__ import annotations

import sys
from types import ModuleType

from ._waits import ask
from ._waits.now import Wait, waits

__all__ = ["main"]


def main() -> None:
    """Do what the command line says. Ends with 0 once the process has ended, or after ``--once``; 1 without an answer."""
    sys.exit(ask.main(sys.argv[1:]))


class _Module(ModuleType):
    """This module is named as the function of the package is: where it is imported as that, it is called as that."""

    def __call__(self) -> list[Wait]:
        return waits()


if __name__ == "__main__":
    main()
else:
    sys.modules[__name__].__class__ = _Module
