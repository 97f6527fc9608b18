"""Callbacks for when a module is imported some day, without importing it now."""

from __future__ import annotations

import sys
from _frozen_importlib import _module_locks, _ModuleLock  # type: ignore[attr-defined]
from importlib.machinery import ModuleSpec

from .._fork import new_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any

    _Callback = Callable[[ModuleType], object]

_lock = new_lock()
_waiting: dict[str, list[_Callback]] = {}


def on_import(name: str, callback: _Callback) -> Callable[[], None]:
    """Call ``callback(module)`` once, when the module `name` has been imported: at once if it has been already.

    Whoever imports the module gets it after the callback has run. A callback that raises breaks no import: its
    exception is printed. Returns a function that withdraws the callback if it has not run yet.

    A module that is half-way through being imported, in this thread or another, counts as not imported. Nobody waits for
    that import here: the other thread may be waiting for one of this thread's.
    """

    def waiter(module: ModuleType) -> None:
        # An object of its own: one callback may wait twice, and be withdrawn once.
        callback(module)

    # Outside the lock, since a look into a lazy module imports it.
    _spec_of(name)
    with _lock:
        _waiting.setdefault(name, []).append(waiter)
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
    # In this order: an import that begins now asks our finder, one that is under way is made to announce its module, and
    # of one that is over the module is there. Outside our lock: an import's lock that goes away takes the interpreter's.
    _watch_the_import_of(name)
    with _lock:
        is_there = _is_there(name)
    if is_there:
        _announce(name)
    return lambda: _withdraw(name, waiter)


class _Finder:
    """Finds what the finders behind it find, and makes the loader announce the module."""

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
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        # Code that asks for a spec, without importing, may look at the loader's class.
        return type(self._loader)

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module has the loader that it would have without us.
        self._spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        # A copy that is not in sys.modules is not what is waited for.
        if self._spec.name in sys.modules:
            _announce(self._spec.name)


class _LockOfAnImport(_ModuleLock):  # type: ignore[misc]
    """The interpreter's lock of one module, which whoever imports that module holds until it is done.

    That import may have asked all finders before ours was there, and not have made the module yet: then it has no loader of
    ours, and there is no spec to look at.
    """

    def release(self) -> None:
        try:
            with _lock:
                is_awaited = self.name in _waiting and _is_there(self.name)
            if is_awaited:
                _announce(self.name)
        finally:
            super().release()


def _watch_the_import_of(name: str) -> None:
    """Have the import of the module that is under way, if one is, announce the module when it is done."""
    reference = _module_locks.get(name)
    lock = reference() if reference is not None else None
    if lock is not None and type(lock) is _ModuleLock and lock.owner is not None:
        lock.__class__ = _LockOfAnImport


class _SpecOfHalfAModule(ModuleSpec):
    """The spec of a module whose import was under way when it was first waited for, until that import ends."""

    # The interpreter clears this at the end of an import, while no other thread can have the module yet.
    @property
    def _initializing(self) -> bool:
        return bool(vars(self)["_initializing"])

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        try:
            while not value and self._announced():
                pass
        finally:
            vars(self)["_initializing"] = value

    def _announced(self) -> bool:
        """Announce the module. Gives false once nobody waits any more: later callers find it imported."""
        # After an import that failed it is not there any more.
        if self.name in sys.modules:
            _announce(self.name)
        with _lock:
            if self.name in _waiting and self.name in sys.modules:
                return True
            vars(self)["_initializing"] = False
            self.__class__ = ModuleSpec  # type: ignore[assignment]
            return False


def _spec_of(name: str) -> Any:
    try:
        return getattr(sys.modules.get(name), "__spec__", None)
    except Exception:
        # Of an object that stands for a module. Imports have no use for its spec either, and are not to fail by it.
        return None


def _is_there(name: str) -> bool:
    """Whether the module can be announced at once. Else the end of its import announces it."""
    return sys.modules.get(name) is not None and not _will_be_announced(name)


def _will_be_announced(name: str) -> bool:
    """Whether the module is being imported; then the end of that import announces it."""
    spec = _spec_of(name)
    if spec is None or type(spec) not in (ModuleSpec, _SpecOfHalfAModule) or spec.name != name:
        return False
    if not vars(spec).get("_initializing"):
        return False
    # Its loader may be past announcing it. So the spec itself is made to notice the end of the import.
    spec.__class__ = _SpecOfHalfAModule
    # False if the import ended in this very moment.
    return bool(vars(spec)["_initializing"])


def _announce(name: str) -> None:
    # A callback may wait for the same module again.
    while callbacks := _take(name):
        for callback in callbacks:
            try:
                callback(sys.modules[name])
            except Exception as error:
                # Printed like an exception that ends a program; this one goes on.
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
