"""What the start-up file of this package, ``shotclock-startup.pth``, runs where the environment has ``SHOTCLOCK``.

With ``SHOTCLOCK=1`` the methods are grafted as soon as the program imports ``socket``. A program that never does pays
next to nothing for it.
"""

from __future__ import annotations

from .. import _environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_withdrawals: list[Callable[[], None]] | None = None


def run() -> None:
    """Arrange for the graft if the environment asks for it. Virtual environments call this twice."""
    global _withdrawals
    if _withdrawals is not None:
        return
    _withdrawals = []
    try:
        if _environment.is_on():
            _arrange()
    except Exception as error:
        # Whatever it is, the program must go on, without the graft.
        _environment.warn(error)


def withdraw() -> None:
    """Take the arrangement back: ``python -m shotclock`` does the same in another way."""
    while _withdrawals:
        _withdrawals.pop()()


def _arrange() -> None:
    from .limits import Limits
    from .._install.on_import import on_import

    limits = Limits({}, _environment.warn)
    limits.hand_on_end()

    def install(socket_module: object) -> None:
        try:
            from .._install import graft

            graft.put_in_place()
            limits.put_in_place()
            if _environment.serves_waits():
                from .._waits import serve

                serve.serve_waits()
        except Exception as error:
            if limits:
                _environment.warn(error, "its limits do not hold")
            # ImportError: a subinterpreter, or socket objects that are not as expected. status() says why.
            if not isinstance(error, ImportError):
                raise

    assert _withdrawals is not None
    _withdrawals.append(on_import("socket", install))
