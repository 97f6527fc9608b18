"""What a forked child finds: whole modules, and free locks.

A child has none of the other threads, and what those were in the middle of is never finished there: a module that one
of them was importing can never be imported, a lock that one of them held never be taken. So a fork waits for both.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import _lock_unlock_module, _module_locks  # type: ignore[attr-defined]
from _thread import RLock, _local, get_ident

_PACKAGE = __name__.partition(".")[0]
# Modules that this package waits for and changes at the end of their import, and that it imports itself.
_ABOVE = ("_socket", "_ssl", "selectors", "socket", "ssl")

_locks: list[RLock] = []


class _Taken(_local):
    """The locks that this thread has taken, a list for each fork: a handler of a signal may fork while its thread does."""

    def __init__(self) -> None:
        self.of_forks: list[list[RLock]] = []


_taken = _Taken()


def new_lock() -> RLock:
    """Make a lock that a forked child finds free, and what it protects whole. Reentrant, for signal handlers."""
    lock = RLock()
    _locks.append(lock)
    return lock


def _hold_still() -> None:
    _finish_imports()
    # A thread that holds one lock may want another: so this one keeps none while it waits for one.
    while (held := _first_not_taken()) is not None:
        with held:
            pass
        _finish_imports()


def _first_not_taken() -> RLock | None:
    """Take all locks. If one is not free, take none and give that one."""
    taken: list[RLock] = []
    for lock in _locks:
        if not lock.acquire(blocking=False):
            _release(taken)
            return lock
        taken.append(lock)
    _taken.of_forks.append(taken)
    return None


def _go_on() -> None:
    # None, where what came before the fork failed.
    if _taken.of_forks:
        _release(_taken.of_forks.pop())


def _release(taken: list[RLock]) -> None:
    while taken:
        taken.pop().release()


def _finish_imports() -> None:
    """Wait for the imports that other threads have under way, and for those that these lead to."""
    left: dict[str, object] = {}
    while under_way := {name: thread for name, thread in _imports_elsewhere().items() if left.get(name) != thread}:
        for name in under_way:
            # It gives up, rather than deadlock, where that thread waits for an import of this one.
            _lock_unlock_module(name)
        left = under_way


def _imports_elsewhere() -> dict[str, object]:
    """Give the imports under way in other threads, each with its thread."""
    found = {}
    for name, reference in list(_module_locks.items()):
        if name in _ABOVE or name.partition(".")[0] == _PACKAGE:
            thread = getattr(reference(), "owner", None)
            if thread not in (None, get_ident()):
                found[name] = thread
    return found


def _begin_anew() -> None:
    _go_on()
    # Imports that began between the last look and the fork: the child forgets them, as if they had failed.
    for name in _imports_elsewhere():
        sys.modules.pop(name, None)
        _module_locks.pop(name, None)


os.register_at_fork(before=_hold_still, after_in_parent=_go_on, after_in_child=_begin_anew)
