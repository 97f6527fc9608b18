"""Attributes of classes and names of modules that are replaced, and put back."""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ABSENT = object()


class ClassAttributes:
    """Attributes put in the place of others. ``undo`` leaves alone those that somebody has replaced since."""

    def __init__(self) -> None:
        self._made: list[tuple[type, str, object, object]] = []
        self._own: set[tuple[type, str]] = set()
        self._wanted: dict[type, dict[str, None]] = {}

    def add(self, owner: type, name: str, value: object) -> None:
        """Add an attribute that only our own code looks for."""
        self._own.add((owner, name))
        self.set(owner, name, value)

    def set(self, owner: type, name: str, value: object) -> None:
        """Replace one attribute of the class itself, whether it had one or inherited it."""
        self._made.append((owner, name, vars(owner).get(name, _ABSENT), value))
        setattr(owner, name, value)

    def want(self, owner: type, name: str) -> bool:
        """Note that an attribute is to be replaced, now or later. True the first time this is said."""
        names = self._wanted.setdefault(owner, {})
        is_new = name not in names
        names[name] = None
        return is_new

    def wanted(self, owner: type) -> tuple[str, ...]:
        """Give all names that are to be replaced in this class."""
        return tuple(self._wanted.get(owner, ()))

    def has(self, owner: type, name: str, value: object) -> bool:
        """Whether this value is one that was put there."""
        return any(made[0] is owner and made[1] == name and made[3] is value for made in self._made)

    def reach(self, owner: type) -> bool:
        """Whether anything of this class was replaced."""
        return any(known is owner for known, *_ in self._made)

    def undo(self) -> None:
        """Put everything back, last first."""
        while self._made:
            owner, name, before, ours = self._made.pop()
            if vars(owner).get(name) is not ours:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    def names(self) -> tuple[str, ...]:
        """``module.class.attribute`` for each that is replaced, and that nobody has replaced since."""
        there = [
            (owner, name)
            for owner, name, _, ours in self._made
            if vars(owner).get(name) is ours and (owner, name) not in self._own
        ]
        return tuple(dict.fromkeys(f"{owner.__module__}.{owner.__qualname__}.{name}" for owner, name in there))


def swap_in_modules(swaps: list[tuple[object, object]]) -> None:
    """Replace objects, found by identity, wherever an imported module has a name for them."""
    by_identity = {id(old): new for old, new in swaps}
    for _, namespace, name, value in _names(by_identity):
        if namespace.get(name) is value:
            namespace[name] = by_identity[id(value)]


def names_in_modules(objects: list[object]) -> tuple[str, ...]:
    """``module.name`` for each name that a module has for one of the objects."""
    return tuple(f"{module}.{name}" for module, _, name, _ in _names({id(known): None for known in objects}))


def _names(identities: dict[int, Any]) -> list[tuple[str, dict[str, object], str, object]]:
    found = []
    seen = set()
    for module_name, module in list(sys.modules.items()):
        # Some programs put other things there, which may say that they are modules; and a lazy module's own
        # __getattribute__ would import it.
        if not issubclass(type(module), ModuleType) or id(module) in seen:
            continue
        seen.add(id(module))
        namespace: dict[str, object] = ModuleType.__getattribute__(module, "__dict__")
        for name, value in list(namespace.items()):
            if id(value) in identities:
                found.append((module_name, namespace, name, value))
    return found
