"""Callbacks for modules that are imported some day, without importing them before."""

from __future__ import annotations

import os
import sys
from _thread import RLock
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    _Callback = Callable[[ModuleType], object]

# Reentrant for handlers of signals. A forked child finds it free, and what it protects whole.
_lock = RLock()
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
_waiting: dict[str, list[_Callback]] = {}


def on_import(name: str, callback: _Callback) -> Callable[[], None]:
    """Call ``callback(module)`` once, when the module `name` has been imported: at once if it has been already.

    Whoever imports the module gets it after the callback has run. A callback that raises breaks no import: its
    exception is printed. Returns a function that withdraws the callback if it has not run yet.

    A module that the calling thread itself is half-way through importing counts as not imported; its callback runs at
    the end of that import only if another one for this module was waiting when it began.
    """

    def waiter(module: ModuleType) -> None:
        # An object of its own: one callback may wait twice, and be withdrawn once.
        callback(module)

    with _lock:
        _waiting.setdefault(name, []).append(waiter)
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
    # To import what is there waits for another thread that is still at it.
    if sys.modules.get(name) is not None and not _is_being_imported(import_module(name)):
        _announce(name)
    return lambda: _withdraw(name, waiter)


class _Finder:
    """Finds what the finders behind it find, and has the loader announce the module."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in _waiting:
            return None
        spec = self._ask_the_others(name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _AnnouncingLoader(spec, spec.loader)  # type: ignore[assignment]
        return spec

    def _ask_the_others(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        finders = list(sys.meta_path)
        # Only those behind: two finders that ask everybody would ask each other for ever.
        behind = finders[finders.index(self) + 1 :] if self in finders else ()
        for finder in behind:
            find_spec = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec(name, path, target) if find_spec else None
            if spec is not None:
                return spec
        return None


_finder = _Finder()


class _AnnouncingLoader:
    """The loader of one spec, until the module is executed."""

    def __init__(self, spec: ModuleSpec, loader: Any) -> None:
        self._spec = spec
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # For those who only look for a spec, and ask of what kind its loader is.
        return type(self._loader)

    def exec_module(self, module: ModuleType) -> None:
        # The module is to see the loader it would have without this.
        self._spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        # Somebody's copy, which nobody gets by importing it, is not what is waited for.
        if self._spec.name in sys.modules:
            _announce(self._spec.name)


def _announce(name: str) -> None:
    # A callback may wait for the same module again.
    while callbacks := _take(name):
        for callback in callbacks:
            try:
                callback(sys.modules[name])
            except Exception as error:
                # Printed as if it had ended the program, which goes on.
                sys.__excepthook__(type(error), error, error.__traceback__)


def _take(name: str) -> list[_Callback]:
    with _lock:
        callbacks = _waiting.pop(name, [])
        _leave_if_done()
        return callbacks


def _withdraw(name: str, callback: _Callback) -> None:
    with _lock:
        if callback in _waiting.get(name, ()):
            _waiting[name].remove(callback)
            if not _waiting[name]:
                del _waiting[name]
        _leave_if_done()


def _leave_if_done() -> None:
    if not _waiting and _finder in sys.meta_path:
        # A new list: an import in another thread walks the old one, and would skip a finder if this one went out of it.
        sys.meta_path = [finder for finder in sys.meta_path if finder is not _finder]


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
