"""Who is compared in Python, and how each bounds a call by one second as best it can."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

LIMIT = 1.0


class Contestant:
    """The interpreter's own sockets: a default timeout, and ``timeout=`` wherever an API ignores it."""

    timeout: float | None = LIMIT
    # The words between the interpreter and the program.
    beneath: tuple[str, ...] = ()

    def enter(self) -> None:
        """Before anything else is imported."""
        import socket

        socket.setdefaulttimeout(LIMIT)

    @contextlib.contextmanager
    def bound(self) -> Iterator[object]:
        """Around the call; gives what it will be known by."""
        yield None

    def is_timeout(self, error: BaseException, bound: object) -> bool:
        """Whether it is our limit that stands behind the error."""
        return any(isinstance(known, TimeoutError) for known in behind(error))


class Stock(Contestant):
    """The interpreter's own sockets and waits, with what timeouts a library has by itself: nobody bounds it."""

    timeout = None

    def enter(self) -> None:
        pass


class Gevent(Contestant):
    """``monkey.patch_all()``, and ``gevent.Timeout`` around the call."""

    timeout = None

    def enter(self) -> None:
        from gevent import monkey

        monkey.patch_all()

    @contextlib.contextmanager
    def bound(self) -> Iterator[object]:
        import gevent

        with gevent.Timeout(LIMIT) as bound:
            yield bound

    def is_timeout(self, error: BaseException, bound: object) -> bool:
        return any(known is bound for known in behind(error))


class Graft(Contestant):
    """``shotclock.install()``, and a deadline scope around the call."""

    timeout = None

    def enter(self) -> None:
        import shotclock

        shotclock.install()

    @contextlib.contextmanager
    def bound(self) -> Iterator[object]:
        import shotclock

        with shotclock.deadline(LIMIT) as scope:
            yield scope

    def is_timeout(self, error: BaseException, bound: object) -> bool:
        import shotclock

        return shotclock.expired_scope(error) is bound


class Type(Graft):
    """``python -m shotclock``, and a deadline scope around the call."""

    beneath = ("-m", "shotclock")

    def enter(self) -> None:
        if "shotclock" not in sys.modules:
            raise RuntimeError("not under `python -m shotclock`")


# By the name in the table.
CONTESTANTS = {"CPython": Contestant, "gevent": Gevent, "shotclock, graft": Graft, "shotclock, type": Type}
# The same for whole libraries, which are called without a timeout.
FOR_LIBRARIES = {"stock": Stock, "gevent": Gevent, "shotclock, graft": Graft, "shotclock, type": Type}


def behind(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it was made of by libraries on its way."""
    seen: list[BaseException] = []
    to_see: list[object] = [error]
    while to_see:
        known = to_see.pop()
        if not isinstance(known, BaseException) or any(known is before for before in seen):
            continue
        seen.append(known)
        yield known
        to_see += [known.__cause__, known.__context__, getattr(known, "reason", None), *known.args]
